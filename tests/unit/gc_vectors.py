#!/usr/bin/python3
"""Prints, from a real CPython 3.11, the values marked [3.11] in test_gc.c and
test_gc_finalizers.c. Run it with python3.11 and compare; the tests do not need it."""
import gc
import sys


class Node:
    __slots__ = ("a", "b", "name")

    def __init__(self, name=0):
        self.name = name
        self.a = self.b = None


class Finalizing(Node):
    __slots__ = ()

    def __del__(self):
        finalized.append(self.name)


class Resurrecting(Finalizing):
    __slots__ = ()

    def __del__(self):
        finalized.append(self.name)
        saved.append(self)


class Cutting(Finalizing):
    __slots__ = ()

    def __del__(self):
        finalized.append(self.name)
        self.a = None


finalized = []
saved = []
generations = []


def note_generation(phase, info):
    if phase == "start":
        generations.append(info["generation"])


def hide_the_interpreter():
    gc.collect()
    gc.freeze()
    gc.collect()  # long_lived_total: 0
    generations.clear()


def triggers(thresholds, count):
    """The generation that each of `count` automatic collections takes, all nodes kept alive."""
    hide_the_interpreter()
    gc.set_threshold(*thresholds)
    pool = []
    gc.callbacks.append(note_generation)
    gc.enable()
    while len(generations) < count:
        pool.append(Node())
    gc.disable()
    gc.callbacks.clear()
    return generations[:count]


def ring(nodes):
    for node, successor in zip(nodes, nodes[1:] + nodes[:1]):
        node.a = successor


def collect():
    result = gc.collect()
    calls = finalized[:]
    finalized.clear()
    return result, calls


def main():
    assert sys.version_info[:2] == (3, 11), "the reference is CPython 3.11"
    gc.disable()
    print("thresholds 5 2 2:", triggers((5, 2, 2), 13))
    taken = triggers((700, 10, 10), 134)
    print("thresholds 700 10 10: generation 1 at", [i for i, g in enumerate(taken, 1) if g == 1],
          "generation 2 at", [i for i, g in enumerate(taken, 1) if g == 2])
    hide_the_interpreter()
    print("counts:", [(gc.collect(g), gc.get_count()[1:])[1] for g in (0, 1, 2)])

    ring([Finalizing(i) for i in range(5)])
    print("ring of 5:", collect())

    a, b, c, d = (Finalizing(name) for name in "abcd")
    ring([a, b])
    ring([c, d])
    keep = [b]
    a = b = c = d = None
    print("half kept:", collect())
    keep.clear()
    print("half dropped:", collect())

    a, b, c, d = (Node(name) for name in "abcd")
    c.a, b.a, d.a = b, a, d
    a = b = d = None
    for _ in range(2):
        print("chain:", gc.collect(), [n.name for n in gc.get_objects(2) if type(n) is Node])
    c = None

    ring([Resurrecting(0)])
    print("resurrecting:", collect())
    saved.clear()
    print("dropped again:", collect())

    ring([Finalizing(0), Resurrecting(1), Finalizing(2), Finalizing(3)])
    print("ring of 4, one resurrecting:", collect(),
          [n.name for n in gc.get_objects(2) if isinstance(n, Finalizing)])
    saved.clear()
    print("dropped again:", collect())

    ring([Cutting(0)])
    print("cuts its own cycle:", collect())


main()
