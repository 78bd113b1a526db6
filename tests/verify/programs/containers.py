"""collections, heapq, itertools, weakref, dataclasses: containers of long and of short life."""
import bisect
import collections
import dataclasses
import heapq
import itertools
import random
import weakref

random.seed(11)
Point = collections.namedtuple("Point", "x y z")


@dataclasses.dataclass
class Item:
    key: int
    tags: list = dataclasses.field(default_factory=list)


ring = collections.deque(maxlen=500)
heap = []
alive = weakref.WeakValueDictionary()
keep = collections.OrderedDict()
for i in range(30000):
    item = Item(i, [str(i)])
    alive[i] = item
    ring.append(item)
    heapq.heappush(heap, (random.random(), i))
    keep[i % 700] = Point(i, i * 2, [i])
    keep.move_to_end(i % 700)
assert len(alive) == 500 and len(heap) == 30000
least = heapq.nsmallest(1000, heap)
assert [heapq.heappop(heap) for _ in range(1000)] == least
line = sorted(random.random() for _ in range(5000))
places = [bisect.bisect(line, value / 1000) for value in range(1000)]
words = collections.Counter("".join(p) for p in itertools.permutations("abcdefg", 5))
chain = collections.ChainMap(*({i: i} for i in range(200)))
assert len(words) == 2520 and chain[199] == 199
print("containers:", places[500] > 2000, len(keep))
