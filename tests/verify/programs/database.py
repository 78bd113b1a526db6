"""sqlite3: a table in memory, filled, joined, aggregated by a function of ours."""
import sqlite3

base = sqlite3.connect(":memory:")
base.execute("create table item (id integer primary key, name text, price real, kind int)")
base.executemany("insert into item values (?, ?, ?, ?)",
                 ((i, f"item {i}", i * 0.25, i % 23) for i in range(15000)))


class Spread:
    def __init__(self):
        self.values = []

    def step(self, value):
        self.values.append(value)

    def finalize(self):
        return max(self.values) - min(self.values)


base.create_aggregate("spread", 1, Spread)
base.create_function("shout", 1, str.upper)
rows = base.execute("select kind, count(*), spread(price), shout(min(name)) "
                    "from item group by kind order by kind").fetchall()
assert len(rows) == 23 and rows[0][3].startswith("ITEM")
pairs = base.execute("select a.name, b.name from item a join item b on b.id = a.id + 1").fetchall()
base.close()
print("database:", len(pairs))
