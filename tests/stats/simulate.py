#!/usr/bin/python3
"""Counts false alarms, coverage and detections of harness/stats over simulated experiments.

    simulate.py [--driver PROGRAM] [--draws N] [--seed N]

A row is what was promised, what N experiments gave, and the range in which that must lie: the
99.9 % band of the binomial distribution around the promise. Above 2,000 draws there are more rows,
and the slow ones get as many as the others. Exit: 0 all lie within, 4 one does not, 77 scipy is
missing.
"""

import argparse
import sys

from driver import DRIVER, TAILS, Driver, need

need("numpy", "scipy")

import numpy
from scipy import stats

import oracle

LEVEL = 0.95
BAND = 0.999
GREATER = 4 * TAILS.index("greater")  # where its four numbers begin
OUTSIDE = 4
SHAPES = {"normal": stats.norm, "heavy (t, 3 degrees)": stats.t(3), "skewed (exponential)":
          stats.expon}


def attained(ways, tail):
    """The largest chance up to `tail` that the statistic can have below some value."""
    k = oracle.critical(ways, 1 - 2 * tail)
    return sum(ways[:k]) / sum(ways)


def signed_rank_level(n, tail):
    if n > oracle.EXACT_MAX:
        return tail
    return attained(oracle.signed_rank_ways(n), tail)


def rank_sum_level(n, tail):
    ways = oracle.coefficients(oracle.placements(n, n), n * n + 1)
    return attained(ways, tail)


def trimmed_centre(shape):
    """The 10 % trimmed mean of the distribution itself."""
    return shape.ppf(0.1 + 0.8 * (numpy.arange(100000) + 0.5) / 100000).mean()


class Table:
    """Rows of promises, and how many were outside their band."""

    def __init__(self, driver, draws, seed):
        self.driver, self.draws, self.large = driver, draws, draws > 2000
        self.rng = numpy.random.default_rng(seed)
        self.outside = 0
        print(f"{'promised':>9} {'found':>8} {'band':>17} {'of':>6}")

    def draw(self, shape, *size, share=1):
        return shape.rvs(size=(self.draws // share, *size), random_state=self.rng)

    def answers(self, requests):
        driver = Driver(self.driver)
        for request in requests:
            driver.ask(*request)
        return numpy.array(driver.answers())

    def row(self, what, hits, least, most=None):
        """hits: of each experiment. The promise is a chance of `least` to `most`."""
        most = least if most is None else most
        n = len(hits)
        lo = stats.binom.ppf((1 - BAND) / 2, n, least) / n
        hi = stats.binom.ppf((1 + BAND) / 2, n, most) / n
        found = numpy.mean(hits)
        inside = lo <= found <= hi
        self.outside += not inside
        promise = f"{least:.2%}" if least == most else f"{least:.0%}-{most:.0%}"
        print(f"{promise:>9} {found:>8.2%} {f'{lo:.2%}-{hi:.2%}':>17} {n:>6}  {what}"
              f"{'' if inside else '  OUTSIDE'}", flush=True)


# --- false alarms -----------------------------------------------------------------------------

def false_alarms(table):
    for n, shape in ((12, "normal"), (20, "heavy (t, 3 degrees)"), (40, "normal"),
                     (150, "normal"))[:None if table.large else 2]:
        values = table.draw(SHAPES[shape], n)
        p = table.answers(("signed_rank", [n], v) for v in values)[:, GREATER + 1]
        for alpha in (0.05, 0.01):
            table.row(f"false alarms, signed rank, alpha {alpha}, {n} pairs, {shape}",
                      p <= alpha, signed_rank_level(n, alpha))
    for n, shape in ((10, "skewed (exponential)"), (25, "normal"))[:None if table.large else 1]:
        values = table.draw(SHAPES[shape], 2, n)
        p = table.answers(("rank_sum", x, y) for x, y in values)[:, GREATER + 1]
        for alpha in (0.05, 0.01):
            table.row(f"false alarms, rank sum, alpha {alpha}, {n} + {n}, {shape}", p <= alpha,
                      rank_sum_level(n, alpha))


def families(table):
    """Of 20 cells without any effect Holm may flag one in 5 % of families; where 5 have one, of
    those that Benjamini and Hochberg flag at most 5 % may be others."""
    z = table.draw(stats.norm, 20)
    p = table.answers(("many", v) for v in stats.norm.sf(z))
    table.row("families of 20 with a false alarm, Holm", (p[:, :20] < 0.05).any(axis=1), 0.045,
              0.05)
    z[:, :5] += 3
    p = table.answers(("many", v) for v in stats.norm.sf(z))[:, 20:]
    flagged = (p < 0.05).sum(axis=1)
    false = (p[:, 5:] < 0.05).sum(axis=1)
    table.row("share of false ones among those flagged, Benjamini-Hochberg",
              false / numpy.maximum(flagged, 1), 0.03, 0.05)


# --- coverage ---------------------------------------------------------------------------------

def holds(answers, centre):
    """[has, estimate, lo, hi]"""
    assert answers[:, 0].all()
    return (answers[:, 2] <= centre) & (centre <= answers[:, 3])


def coverage(table):
    for n, shape in ((6, "normal"), (20, "heavy (t, 3 degrees)"), (40, "normal"),
                     (150, "normal"))[:None if table.large else 2]:
        answers = table.answers(("hodges_lehmann", LEVEL, v)
                                for v in table.draw(SHAPES[shape], n))
        table.row(f"Hodges-Lehmann intervals that hold the centre, {n} pairs, {shape}",
                  holds(answers, 0), 1 - 2 * signed_rank_level(n, (1 - LEVEL) / 2))
    for n, shape in ((10, "skewed (exponential)"), (25, "normal"))[:None if table.large else 1]:
        answers = table.answers(("shift", LEVEL, x + 1, y)
                                for x, y in table.draw(SHAPES[shape], 2, n))
        table.row(f"shift intervals that hold the shift, {n} + {n}, {shape}", holds(answers, 1),
                  1 - 2 * rank_sum_level(n, (1 - LEVEL) / 2))


def suites(table):
    """BCa promises 95 % only in the limit: what it reaches is the figure to know."""
    plans = [([20], shape) for shape in SHAPES] + [([10, 10], "normal")]
    if table.large:
        plans += [([60], shape) for shape in SHAPES] + [([10] * 4, "normal")]
        plans += [([n], "skewed (exponential)") for n in (200, 1000, 1001)]
    for counts, shape in plans:
        values = table.draw(SHAPES[shape], sum(counts), share=1 if table.large else 4)
        answers = table.answers(("suite", number, LEVEL, counts, v)
                                for number, v in enumerate(values))
        where = " + ".join(map(str, counts))
        table.row(f"suite intervals that hold the centre, {where} rounds, {shape}",
                  holds(answers, trimmed_centre(SHAPES[shape])), 0.91, 0.96)


# --- power ------------------------------------------------------------------------------------

def power(table):
    """The effect that a run says it would find with 90 %, from its own interval, is there: is it
    found? The rule is p < 1 %, one-sided, and an estimate above the floor."""
    alpha, promised = 0.01, 0.9
    for n, floor in ((40, 0.0), (40, 0.15), (150, 0.01))[:None if table.large else 2]:
        noise = 0.2 * table.draw(stats.norm, n, share=1 if table.large else 4)
        intervals = table.answers(("hodges_lehmann", LEVEL, v) for v in noise)
        asked = table.answers(("power", LEVEL, floor, alpha, promised, lo, hi, 0.0)
                              for _, _, lo, hi in intervals)
        effect = numpy.median(asked[:, 1])
        p = table.answers(("signed_rank", [n], v + effect) for v in noise)[:, GREATER + 1]
        estimate = intervals[:, 1] + effect
        table.row(f"found of the effect {effect:.3f}, said to be found in 90 %: noise 0.2, {n} "
                  f"pairs, floor {floor}", (p < alpha) & (estimate > floor), promised - 0.03,
                  promised + 0.03)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--driver", default=DRIVER, metavar="PROGRAM")
    parser.add_argument("--draws", type=int, default=2000, metavar="N")
    parser.add_argument("--seed", type=int, default=5, metavar="N")
    given = parser.parse_args()
    table = Table(given.driver, given.draws, given.seed)
    false_alarms(table)
    families(table)
    coverage(table)
    suites(table)
    power(table)
    print(f"{table.outside} outside")
    return OUTSIDE if table.outside else 0


if __name__ == "__main__":
    sys.exit(main())
