"""int, float, str, array, struct, random, hashlib: numbers of every size."""
import array
import hashlib
import random
import struct

random.seed(3)
big = 1
for n in range(1, 900):
    big *= n
digits = str(big)
assert int(digits) == big and pow(3, big, 1000003) > 0
values = [random.gauss(0, 1) for _ in range(20000)]
packed = struct.pack(f"{len(values)}d", *values)
assert list(array.array("d", packed)) == values
table = [random.getrandbits(random.randrange(1, 2000)) for _ in range(5000)]
assert sum(a * b >> 7 for a, b in zip(table, table[1:])) > 0
print("digits:", hashlib.sha256(packed).hexdigest()[:12], len(digits))
