#!/usr/bin/python3
"""Holds harness/stats to scipy, on random vectors.

    agree.py [--driver PROGRAM] [--vectors N] [--seed N]

Prints how much was compared and the worst difference of each statistic. Exit: 0 all agree, 4 a
statistic differs (with the vector), 77 scipy is missing.
"""

import argparse
import collections
import sys

from driver import DRIVER, TAILS, Driver, need

need("numpy", "scipy")

import numpy
from scipy import stats

import oracle
import recompute
import vectors

LEVELS = (0.5, 0.875, 0.9, 0.95, 0.99)
APPROXIMATE = "critical value, normal against exact"
FOR_AVERAGES = 750  # vectors; with fewer the bootstrap is held to our own resamples alone
DIFFERS = 4


class Comparison:
    """Requests, and what must come back: names, a tolerance, a scale and the right numbers."""

    def __init__(self, driver):
        self.driver, self.wanted = driver, []
        self.count, self.worst = 0, collections.Counter()

    def ask(self, names, tolerance, right, request, *values, scale=None):
        """names: one for all numbers, or one each. `scale`: differences are relative to it, or to
        the right number itself."""
        self.driver.ask(request, *values)
        self.wanted.append((names, tolerance, scale, list(map(float, right)), request, values))

    def judge(self):
        """A line for each answer that differs."""
        lines = []
        for got, (names, tolerance, scale, right, request, values) in zip(self.driver.answers(),
                                                                          self.wanted):
            if len(got) != len(right):
                lines.append(f"{request}: {len(got)} numbers differs from {len(right)}")
                continue
            names = [names] * len(right) if isinstance(names, str) else names
            for name, found, wanted in zip(names, got, right):
                self.count += 1
                off = difference(found, wanted, scale)
                self.worst[name] = max(self.worst[name], off)
                if not off <= tolerance:
                    lines.append(f"{name} differs: {found!r}, and it must be {wanted!r}; "
                                 f"{request} {shown(values)}")
        return lines


def difference(found, wanted, scale):
    if found == wanted:
        return 0.0
    return abs(found - wanted) / ((abs(wanted) if scale is None else scale) or 1)


def shown(values):
    text = " ".join(str(list(v) if hasattr(v, "__len__") else v) for v in values)
    return text if len(text) < 200 else text[:200] + " ..."


# --- what is compared -------------------------------------------------------------------------

def one(compare, rng):
    values = vectors.vector(rng)
    right = [numpy.median(values)]
    right += [stats.trim_mean(values, cut) for cut in (0, 0.1, 0.25)]
    right += list(numpy.quantile(values, [0, 0.01, 0.25, 1 / 3, 0.5, 0.9, 0.999, 1]))
    right.append(stats.median_abs_deviation(values))
    names = ["median"] + ["trimmed mean"] * 3 + ["quantile"] * 8 + ["mad"]
    compare.ask(names, 1e-13, right, "one", values, scale=numpy.abs(values).max())


def signed_rank(compare, rng):
    values = vectors.vector(rng)
    counts = vectors.strata(rng, len(values)) if rng.random() < 0.3 else [len(values)]
    parts = numpy.split(values, numpy.cumsum(counts)[:-1])
    name = "signed rank" if len(parts) == 1 else "signed rank, strata"
    right = [number for tail in TAILS for number in oracle.signed_rank(parts, tail)]
    compare.ask(name, 1e-11, right, "signed_rank", counts, values)


def hodges_lehmann(compare, rng):
    values, level = vectors.vector(rng), float(rng.choice(LEVELS))
    compare.ask("Hodges-Lehmann", 0, oracle.hodges_lehmann(values, level), "hodges_lehmann", level,
                values)


def two(rng):
    shape = vectors.SHAPES[rng.integers(len(vectors.SHAPES))]
    return vectors.vector(rng, shape=shape), vectors.vector(rng, shape=shape)


def rank_sum(compare, rng):
    x, y = two(rng)
    right = [number for tail in TAILS for number in oracle.rank_sum(x, y, tail)]
    names = ["rank sum"] * 12 + ["superiority"]
    compare.ask(names, 1e-11, right + [oracle.superiority(x, y)], "rank_sum", x, y)


def shift(compare, rng):
    (x, y), level = two(rng), float(rng.choice(LEVELS))
    compare.ask("shift", 0, oracle.shift(x, y, level), "shift", level, x, y)


def suite(compare, rng):
    values = vectors.vector(rng, n=int(rng.integers(1, 80)))
    counts = [len(values)] if rng.random() < 0.6 else vectors.strata(rng, len(values))
    suite_of(compare, rng, values, counts)


def suite_of(compare, rng, values, counts):
    parts = [list(part) for part in numpy.split(values, numpy.cumsum(counts)[:-1])]
    seed = int(rng.integers(2 ** 53))
    centre, lo, hi = recompute.suite_interval(parts, seed)
    compare.ask("suite interval", 1e-9, (lo is not None, centre, lo or 0, hi or 0), "suite", seed,
                0.95, counts, values, scale=numpy.abs(values).max())


def many(compare, rng):
    p = rng.random(int(rng.integers(1, 30))) ** rng.choice([1, 4])
    p = numpy.round(p, 1) if rng.random() < 0.3 else p
    names = ["Holm"] * len(p) + ["Benjamini-Hochberg"] * len(p)
    compare.ask(names, 1e-14, oracle.holm(p) + oracle.benjamini_hochberg(p), "many", p)


def power(compare, rng):
    level, alpha, wanted = rng.uniform(0.5, 0.999), rng.uniform(1e-4, 0.5), rng.uniform(0.5, 0.99)
    floor, lo = rng.choice([0, 0.01, 0.3]), rng.normal()
    hi = lo + abs(rng.normal()) * rng.choice([0, 1, 1])
    values = (level, floor, alpha, wanted, lo, hi, rng.normal())
    compare.ask(["standard error", "detectable effect", "power"], 1e-11, oracle.power(*values),
                "power", *map(float, values))


def hosts(compare, rng):
    n = int(rng.integers(1, 9))
    estimates = rng.normal(0, 1, n) if rng.random() < 0.8 else numpy.zeros(n)
    half = numpy.abs(rng.normal(0, 1, n)) * rng.choice([0, 1, 1, 1, 1], n)
    half = numpy.where(rng.random(n) < 0.1, -1, half)  # no interval
    level = float(rng.choice(LEVELS))
    los, his = estimates - half, estimates + half
    compare.ask("heterogeneity", 1e-9, [oracle.heterogeneity(level, estimates, los, his)], "hosts",
                level, estimates, los, his)


def normal(compare, rng):
    z = numpy.concatenate([rng.uniform(-37, 8, 20), [0.0]])
    compare.ask("normal distribution", 1e-12, oracle.cdf(z), "normal", z)
    p = numpy.concatenate([10.0 ** rng.uniform(-300, 0, 10), rng.random(10),
                           1 - 10.0 ** rng.uniform(-16, 0, 10), [0.5]])
    p = p[(p > 0) & (p < 1)]
    compare.ask("normal quantile", 1e-13, oracle.quantile(p), "quantile", p, scale=1)


def criticals(compare):
    """Of every exact n; above, the normal approximation, which must be near the exact one."""
    for level in LEVELS:
        for n in range(0, oracle.EXACT_MAX + 1, 1 if level == 0.95 else 4):
            compare.ask("signed-rank critical value", 0, [oracle.signed_rank_critical(n, level)],
                        "critical", level, n)
        for n in (101, 102, 110, 127):
            exact = oracle.critical(oracle.sums_of_subsets(range(1, n + 1)), level)
            compare.ask(APPROXIMATE, 3e-3, [exact], "critical", level, n)


SHARES = ((signed_rank, 6), (hodges_lehmann, 5), (rank_sum, 4), (shift, 4), (one, 3), (many, 2),
          (suite, 1), (power, 1), (hosts, 1), (normal, 1))


def bootstraps(driver, rng, count):
    """Resamples of our own and those of scipy, with their chance: near in each, equal on average.
    Returns complaints."""
    parts = []
    for _ in range(count):
        values = vectors.vector(rng, n=int(rng.integers(20, 60)),
                                shape=str(rng.choice(["normal", "skewed"])))
        cut = len(values) // 2
        parts.append((values,) if rng.random() < 0.6 else (values[:cut], values[cut:]))
    for number, part in enumerate(parts):
        driver.ask("suite", number, 0.95, list(map(len, part)), numpy.concatenate(part))
    off = []
    for part, answer in zip(parts, driver.answers()):
        lo, hi, error = oracle.bootstrap(part, rng)
        off.append(((answer[2] - lo) / error, (answer[3] - hi) / error))
    off = numpy.array([pair for pair, part in zip(off, parts) if min(map(len, part)) >= 10])
    worst, mean = numpy.abs(off).max(), numpy.abs(off.mean(axis=0)).max()
    print(f"bootstrap  {len(off)} intervals within {worst:.2f} standard errors of scipy's, "
          f"{mean:.3f} on average")
    limit = 0.6 / len(off) ** 0.5
    if worst <= 0.6 and mean <= limit:
        return []
    return [f"bootstrap differs: {worst:.2f} of scipy's standard errors, {mean:.3f} on average "
            f"(limits 0.6, {limit:.3f})"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--driver", default=DRIVER, metavar="PROGRAM")
    parser.add_argument("--vectors", type=int, default=1000, metavar="N")
    parser.add_argument("--seed", type=int, default=5, metavar="N")
    return parser.parse_args()


def main():
    given = arguments()
    rng = numpy.random.default_rng(given.seed)
    compare = Comparison(Driver(given.driver))
    kinds = [kind for kind, share in SHARES for _ in range(share)]
    for number in range(given.vectors):
        kinds[number % len(kinds)](compare, rng)
    suite_of(compare, rng, vectors.vector(rng, n=1001, shape="skewed"), [600, 401])
    criticals(compare)
    lines = compare.judge()
    if given.vectors >= FOR_AVERAGES:
        lines += bootstraps(Driver(given.driver), rng, min(200, given.vectors // 25))
    for name, worst in sorted(compare.worst.items()):
        print(f"{worst:9.1e}  {name}")
    print(f"{len(compare.wanted)} vectors, {compare.count} comparisons, worst difference "
          f"{max(worst for name, worst in compare.worst.items() if name != APPROXIMATE):.1e}; "
          f"{len(lines)} differ")
    for line in lines[:10]:
        print(line, file=sys.stderr)
    return DIFFERS if lines else 0


if __name__ == "__main__":
    sys.exit(main())
