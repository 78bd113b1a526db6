"""A long-running loop with phases: grows, churns, drains, several times and in several sizes, so
that arenas of every fullness are left, refilled and given back."""
import gc
import random

random.seed(5)
live = []
peak = 0
for phase in range(12):
    low, high = random.choice([(1, 40), (30, 200), (150, 520), (1, 700)])
    for _ in range(12000):
        live.append(bytes(random.randint(low, high)))
    peak = max(peak, len(live))
    for _ in range(12000):
        at = random.randrange(len(live))
        live[at] = bytearray(random.randint(low, high))
    random.shuffle(live)
    del live[:random.randint(len(live) // 3, len(live))]
    if phase % 4 == 3:
        live.clear()
        gc.collect()
print("phases:", peak > 12000)
