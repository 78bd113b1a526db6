"""os.fork: children that go on with their copy of the heap, and end in every way."""
import os
import sys

data = [[i] for i in range(20000)]
children = []
for number in range(4):
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        del data[::number + 2]
        more = [str(i) * number for i in range(5000)]
        assert len(more) == 5000
        if number == 0:
            os._exit(10)
        if number == 1:
            if os.fork() == 0:
                os._exit(len([{i: i} for i in range(3000)]) % 7)
            os.wait()
            sys.exit(11)
        if number == 2:
            raise SystemExit(12)
        os.execv(sys.executable, [sys.executable, "-c", "raise SystemExit(13)"])
    children.append(child)
statuses = sorted(os.WEXITSTATUS(os.waitpid(child, 0)[1]) for child in children)
assert statuses == [10, 11, 12, 13], statuses
print("forks:", len(data))
