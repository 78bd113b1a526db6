"""asyncio: producers, consumers, time-outs, cancelled tasks."""
import asyncio


async def produce(queue, number):
    for i in range(150):
        await queue.put((number, i))
        if i % 20 == 0:
            await asyncio.sleep(0)
    await queue.put(None)


async def consume(queue, producers):
    seen = 0
    while producers:
        item = await queue.get()
        if item is None:
            producers -= 1
        else:
            seen += 1
    return seen


async def main():
    queue = asyncio.Queue(50)
    makers = [asyncio.ensure_future(produce(queue, n)) for n in range(40)]
    seen = await consume(queue, len(makers))
    await asyncio.gather(*makers)
    sleepers = [asyncio.ensure_future(asyncio.sleep(60)) for _ in range(500)]
    await asyncio.sleep(0)
    for sleeper in sleepers:
        sleeper.cancel()
    await asyncio.gather(*sleepers, return_exceptions=True)
    assert all(sleeper.cancelled() for sleeper in sleepers)
    try:
        await asyncio.wait_for(asyncio.sleep(60), 0.01)
    except asyncio.TimeoutError:
        return seen
    return 0


print("coroutines:", asyncio.run(main()))
