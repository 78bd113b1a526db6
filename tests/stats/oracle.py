"""What each statistic must be: scipy's or numpy's where they have it, else by its definition.

Null distributions are counted in whole numbers: a polynomial with the number of ways to reach a sum
as coefficients is one long integer, a coefficient to every WIDTH bits.
"""

import functools
import math
from fractions import Fraction

import numpy
from scipy import special, stats

EXACT_MAX, RANK_SUM_EXACT_MAX = 100, 60
WIDTH = 128  # bits; no count here is above 2**100 or 60 choose 30


def coefficients(polynomial, count):
    mask = (1 << WIDTH) - 1
    raw = polynomial.to_bytes((count + 1) * WIDTH // 8, "little")
    step = WIDTH // 8
    return [int.from_bytes(raw[i * step:(i + 1) * step], "little") & mask for i in range(count)]


def sums_of_subsets(ranks):
    """How many subsets have the sum 0, 1, ...; every rank is whole."""
    polynomial = 1
    for rank in ranks:
        polynomial += polynomial << (WIDTH * rank)
    return coefficients(polynomial, sum(ranks) + 1)


@functools.cache
def placements(nx, ny):
    """The polynomial of U: how many of the ways to place x among y give each."""
    if nx == 0 or ny == 0:
        return 1
    return (placements(nx - 1, ny) << (WIDTH * ny)) + placements(nx, ny - 1)


def critical(ways, level):
    """The largest k with P(statistic <= k - 1) <= (1 - level)/2."""
    limit = math.floor((1 - Fraction(str(level))) / 2 * sum(ways))
    below = k = 0
    while k < len(ways) and below + ways[k] <= limit:
        below += ways[k]
        k += 1
    return k


def critical_normal(mean, sigma, level):
    return max(0, math.floor(mean - 0.5 + stats.norm.ppf((1 - level) / 2) * sigma) + 1)


def p_of(low, high, tail):
    return min(1, {"two-sided": 2 * min(low, high), "less": low, "greater": high}[tail])


def p_of_ways(ways, at, tail):
    every = sum(ways)
    return p_of(sum(ways[:at + 1]) / every, sum(ways[at:]) / every, tail)


def p_normal(excess, sigma, tail):
    """With continuity: the statistic has steps of 1 or 1/2."""
    if sigma == 0:
        return 1.0
    return p_of(stats.norm.cdf((excess + 0.5) / sigma), stats.norm.sf((excess - 0.5) / sigma), tail)


# --- one sample ---

@functools.cache
def signed_rank_ways(n):
    return sums_of_subsets(range(1, n + 1))


def signed_rank_critical(n, level):
    if n <= EXACT_MAX:
        return critical(signed_rank_ways(n), level)
    return critical_normal(n * (n + 1) / 4, math.sqrt(n * (n + 1) * (2 * n + 1) / 24), level)


def signed_ranks(parts):
    """(rank, above 0) of each value but zeros, ranked within its part."""
    found = []
    for part in parts:
        part = part[part != 0]
        found += zip(stats.rankdata(numpy.abs(part)), part > 0)
    return found


def signed_rank(parts, tail):
    """(W+, p, n, exact)"""
    ranks = signed_ranks(parts)
    w_plus = sum(rank for rank, above in ranks if above)
    exact = len(ranks) <= EXACT_MAX
    if not ranks:
        p = 1.0
    elif len(parts) == 1:
        p = signed_rank_p(parts[0][parts[0] != 0], ranks, w_plus, tail)
    elif exact:
        p = p_of_ways(sums_of_subsets([round(2 * r) for r, _ in ranks]), round(2 * w_plus), tail)
    else:
        mean = sum(r for r, _ in ranks) / 2
        p = p_normal(w_plus - mean, math.sqrt(sum(r * r for r, _ in ranks)) / 2, tail)
    return w_plus, p, len(ranks), exact


def signed_rank_p(values, ranks, w_plus, tail):
    n = len(values)
    tied = len(set(numpy.abs(values))) < n
    if n > EXACT_MAX:
        if abs(w_plus - n * (n + 1) / 4) < 0.5 and tail == "two-sided":
            return 1.0  # within the correction, where scipy's goes beyond the middle
        return stats.wilcoxon(values, zero_method="wilcox", correction=True, alternative=tail,
                              method="approx").pvalue
    if not tied:
        return stats.wilcoxon(values, alternative=tail, method="exact").pvalue
    if n <= 12:
        signs = (numpy.arange(2 ** n)[:, None] >> numpy.arange(n)) & 1
        sums = signs @ numpy.array([r for r, _ in ranks])
        return p_of((sums <= w_plus).mean(), (sums >= w_plus).mean(), tail)
    return p_of_ways(sums_of_subsets([round(2 * r) for r, _ in ranks]), round(2 * w_plus), tail)


def middle(pairs, k):
    """(has, estimate, lo, hi)"""
    pairs = numpy.sort(pairs)
    bounds = (pairs[k - 1], pairs[-k]) if k else (0, 0)
    return (float(k > 0), numpy.median(pairs), *bounds)


def hodges_lehmann(values, level):
    averages = (values[:, None] + values[None, :]) / 2
    return middle(averages[numpy.triu_indices(len(values))],
                  signed_rank_critical(len(values), level))


# --- two samples ---

def rank_sum(x, y, tail):
    """(U, p, n, exact)"""
    both = numpy.concatenate([x, y])
    tied = len(set(both)) < len(both)
    exact = not tied and len(both) <= RANK_SUM_EXACT_MAX
    u = superiority(x, y) * len(x) * len(y)
    if len(set(both)) == 1:
        return u, 1.0, len(both), exact  # scipy divides by zero
    found = stats.mannwhitneyu(x, y, alternative=tail, use_continuity=True,
                               method="exact" if exact else "asymptotic")
    return found.statistic, found.pvalue, len(both), exact


def superiority(x, y):
    above, same = x[:, None] > y[None, :], x[:, None] == y[None, :]
    return (above.sum() + same.sum() / 2) / above.size


def shift(x, y, level):
    nx, ny = len(x), len(y)
    if nx + ny <= RANK_SUM_EXACT_MAX:
        k = critical(coefficients(placements(nx, ny), nx * ny + 1), level)
    else:
        k = critical_normal(nx * ny / 2, math.sqrt(nx * ny * (nx + ny + 1) / 12), level)
    return middle((x[:, None] - y[None, :]).ravel(), k)


# --- the suite ---

def trimmed(values, axis=-1):
    return stats.trim_mean(values, 0.1, axis=axis)


def bootstrap(parts, rng):
    """(lo, hi, standard error) by scipy, with resamples of its own."""
    found = stats.bootstrap(parts, lambda *drawn, axis: sum(trimmed(d, axis) for d in drawn)
                            / len(drawn), method="BCa", n_resamples=9999, random_state=rng)
    return (*found.confidence_interval, found.standard_error)


# --- many, power, hosts ---

def holm(p):
    return [min(1, max(q * (p >= q).sum() for q in p[p <= own])) for own in p]


def benjamini_hochberg(p):
    return [min(1, min(q * len(p) / (p <= q).sum() for q in p[p >= own])) for own in p]


def power(level, floor, alpha, power_, lo, hi, effect):
    """(standard error, detectable effect, power)"""
    error = (hi - lo) / (stats.norm.ppf((1 + level) / 2) - stats.norm.ppf((1 - level) / 2))
    bar = max(floor, stats.norm.isf(alpha) * error)
    found = stats.norm.cdf(effect, bar, error) if error else float(effect > bar)
    return error, bar + stats.norm.ppf(power_) * error, found


def heterogeneity(level, estimates, los, his):
    has = los <= his
    estimates, los, his = estimates[has], los[has], his[has]
    if len(estimates) < 2:
        return 1.0
    errors = (his - los) / 2 / stats.norm.ppf((1 + level) / 2)
    if (errors == 0).any():
        sure = set(estimates[errors == 0])
        if len(sure) > 1:
            return 0.0
        centre = sure.pop()
        estimates, errors = estimates[errors > 0], errors[errors > 0]
        q = (((estimates - centre) / errors) ** 2).sum()
    else:
        q = (((estimates - numpy.average(estimates, weights=errors ** -2.0)) / errors) ** 2).sum()
    return stats.chi2.sf(q, has.sum() - 1)


def cdf(z):
    return special.ndtr(z)


def quantile(p):
    return special.ndtri(p)
