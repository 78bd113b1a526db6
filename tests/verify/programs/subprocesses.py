"""subprocess: children that are Python, and some that are not."""
import subprocess
import sys

total = 0
for i in range(4):
    done = subprocess.run([sys.executable, "-c", f"import json; print(json.dumps([{i}] * 100))"],
                          capture_output=True, text=True, check=True)
    total += sum(eval(done.stdout))
copied = subprocess.run(["cat"], input=b"x" * 100000, capture_output=True).stdout
assert copied == b"x" * 100000
assert subprocess.run([sys.executable, "-c", "raise SystemExit(7)"]).returncode == 7
with subprocess.Popen(["sort"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sort:
    out, _ = sort.communicate("\n".join(map(str, range(500, 0, -1))))
assert out.split()[0] == "1"
print("subprocesses:", total)
