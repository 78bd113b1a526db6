"""tracemalloc: other tables laid over ours, and taken away again; generators and exceptions."""
import gc
import tracemalloc


def nested(depth):
    if depth:
        yield from nested(depth - 1)
    yield [depth] * 3


def fail(depth):
    if depth == 0:
        raise RuntimeError("deep")
    fail(depth - 1)


for turn in range(3):
    tracemalloc.start(5)
    rows = [list(nested(n % 30)) for n in range(120)]
    errors = []
    for n in range(120):
        try:
            fail(n % 50)
        except RuntimeError as error:
            errors.append(error)
    assert tracemalloc.take_snapshot().statistics("lineno")
    tracemalloc.stop()
    del rows, errors
    gc.collect()
    table = {object(): str(n) for n in range(4000)}
print("traces:", len(table))
