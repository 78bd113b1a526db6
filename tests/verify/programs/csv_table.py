"""csv: written with quotes, read as lists and as dictionaries, summed by group."""
import collections
import csv
import io

out = io.StringIO()
writer = csv.writer(out, quoting=csv.QUOTE_MINIMAL)
writer.writerow(["id", "name", "group", "value"])
for i in range(12000):
    writer.writerow([i, f'name "{i}", the {i % 7}th', i % 41, i * 1.5])
text = out.getvalue()
assert sum(1 for _ in csv.reader(io.StringIO(text))) == 12001
sums = collections.defaultdict(float)
for row in csv.DictReader(io.StringIO(text)):
    sums[row["group"]] += float(row["value"])
assert len(sums) == 41 and csv.Sniffer().sniff(text[:2000]).delimiter == ","
print("csv_table:", sum(sums.values()))
