"""Subinterpreters: those that share the main allocator state and, from 3.12 on, isolated ones with
a state and a GIL of their own, several at a time in threads."""
import sys
import threading

try:
    import _interpreters as interpreters
except ImportError:
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        interpreters = None

WORK = """
import json
data = [json.loads(json.dumps({str(i): [i, str(i) * 3]})) for i in range(1500)]
del data[::3]
text = "".join(str(entry) for entry in data)
"""


def create(shared):
    if sys.version_info >= (3, 13):
        return interpreters.create("legacy" if shared else "isolated")
    if sys.version_info >= (3, 9):
        return interpreters.create(isolated=not shared)
    return interpreters.create()


def run(shared):
    inner = create(shared)
    for _ in range(2):
        assert interpreters.run_string(inner, WORK) is None
    interpreters.destroy(inner)


def main():
    if interpreters is None:
        print("interpreters: none in this version")
        return
    for shared in (True, False, True):
        run(shared)
    for number in range(80):  # more than are likely to be kept apart
        inner = create(number % 8 != 0)
        interpreters.run_string(inner, "data = [[i] for i in range(200)]")
        interpreters.destroy(inner)
    if sys.version_info >= (3, 12):
        threads = [threading.Thread(target=run, args=(False,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        exec(WORK, {})
        for thread in threads:
            thread.join()
    exec(WORK, {})
    print("interpreters: done")


main()
