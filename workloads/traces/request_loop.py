"""Clients and workers in one event loop: queues, time-outs, sessions, a cache.

    python3 request_loop.py [REQUESTS]
"""
import asyncio
import collections
import functools
import hashlib
import random
import sys

SESSIONS_MAX = 200


@functools.lru_cache(maxsize=256)
def page(path):
    return f"<h1>{path}</h1>" + "".join(f"<p>{path}-{line}</p>" for line in range(30))


async def worker(requests, sessions):
    while True:
        path, user, answer = await requests.get()
        session = sessions.setdefault(user, {"seen": collections.deque(maxlen=8), "hits": 0})
        sessions.move_to_end(user)
        if len(sessions) > SESSIONS_MAX:
            sessions.popitem(last=False)
        session["hits"] += 1
        session["seen"].append(path)
        if session["hits"] % 7 == 0:
            await asyncio.sleep(0)
        body = page(path).replace("{user}", user).encode()
        answer.set_result({"status": 200, "length": len(body), "etag": hashlib.md5(body).hexdigest(),
                           "headers": dict.fromkeys(("date", "server", "vary"), user)})


async def client(rng, requests, count):
    total = 0
    for _ in range(count):
        answer = asyncio.get_running_loop().create_future()
        path = f"/articles/{int(rng.paretovariate(1.1)) % 500}"
        await requests.put((path, f"user{rng.randint(0, 400)}", answer))
        async with asyncio.timeout(60):
            total += (await answer)["length"]
    return total


async def serve(count):
    rng = random.Random(5)
    requests, sessions = asyncio.Queue(maxsize=16), collections.OrderedDict()
    workers = [asyncio.create_task(worker(requests, sessions)) for _ in range(4)]
    clients = [client(random.Random(rng.random()), requests, count // 20) for _ in range(20)]
    totals = await asyncio.gather(*clients)
    for task in workers:
        task.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    print(sum(totals), len(sessions))


asyncio.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 1400))
