"""threading: many that allocate at once, blocks that one makes and another drops."""
import queue
import sys
import threading

sys.setswitchinterval(1e-5)
pipe = queue.Queue(100)
dropped = []


def make(number):
    for i in range(2500):
        pipe.put([str(i) * (number + 1), {i: number}, (i,) * (i % 20)])
    pipe.put(None)


def drop():
    count = 0
    while True:
        item = pipe.get()
        if item is None:
            break
        count += len(item)
    dropped.append(count)


threads = [threading.Thread(target=make, args=(n,)) for n in range(6)]
threads += [threading.Thread(target=drop) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
late = threading.Thread(target=lambda: threading.Event().wait(), daemon=True)
late.start()
print("threads:", sum(dropped))
