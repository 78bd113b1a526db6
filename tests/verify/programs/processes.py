"""multiprocessing: a pool of forked workers, a queue, a manager-less lock."""
import multiprocessing


def square(number):
    return number, [number * number] * 10


def main():
    context = multiprocessing.get_context("fork")
    with context.Pool(3) as pool:
        results = pool.map(square, range(2000), chunksize=50)
    assert results[1999][1][0] == 1999 * 1999
    queue = context.Queue()
    worker = context.Process(target=lambda: [queue.put({"n": n}) for n in range(300)])
    worker.start()
    total = sum(queue.get()["n"] for _ in range(300))
    worker.join()
    print("processes:", total)


main()
