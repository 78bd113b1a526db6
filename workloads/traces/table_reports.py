"""Rows of CSV read, put into an SQLite table, sorted, grouped and summed up.

    python3 table_reports.py [ROUNDS]
"""
import csv
import io
import operator
import random
import sqlite3
import statistics
import sys


def make_table(rng, count):
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["day", "shop", "article", "count", "price"])
    for _ in range(count):
        writer.writerow([f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
                         rng.choice(["north", "south", "east", "west"]),
                         f"A{rng.randint(1, 400):04}", rng.randint(1, 30),
                         f"{rng.lognormvariate(2, 1):.2f}"])
    return out.getvalue()


def report(text):
    rows = list(csv.DictReader(io.StringIO(text)))
    for row in rows:
        row["count"], row["price"] = int(row["count"]), float(row["price"])
    rows.sort(key=operator.itemgetter("shop", "article", "day"))
    groups = {}
    for row in rows:
        groups.setdefault((row["shop"], row["day"][:7]), []).append(row["count"] * row["price"])
    means = {key: (round(statistics.fmean(values), 2), round(statistics.median(values), 2))
             for key, values in groups.items()}
    base = sqlite3.connect(":memory:")
    base.execute("create table sale (day text, shop text, article text, count int, price real)")
    base.executemany("insert into sale values (:day, :shop, :article, :count, :price)", rows)
    best = base.execute("select article, sum(count * price) s from sale group by article "
                        "order by s desc limit 50").fetchall()
    base.close()
    return means, best


def main(rounds):
    rng = random.Random(4)
    text = make_table(rng, 2300)
    for _ in range(rounds):
        means, best = report(text)
    print(len(means), sorted(means.items())[0], best[0])


main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
