"""Random vectors of every kind that a statistic may stumble over, from a seed."""

import numpy

SHAPES = ("normal", "skewed", "heavy", "tied", "rounded", "zeros", "constant", "zero", "above",
          "below", "huge", "tiny", "scales", "two values")


def length(rng):
    """Mostly short; some beyond the exact range."""
    pick = rng.random()
    if pick < 0.15:
        return int(rng.integers(1, 4))
    if pick < 0.75:
        return int(rng.integers(4, 41))
    return int(rng.integers(41, 101) if pick < 0.9 else rng.integers(101, 251))


def vector(rng, n=None, shape=None):
    n = n or length(rng)
    shape = shape or SHAPES[rng.integers(len(SHAPES))]
    normal = rng.normal(rng.choice([0, 0, 0.3]), 1, n)
    if shape == "skewed":
        return numpy.exp(normal) - 1
    if shape == "heavy":
        return rng.standard_cauchy(n)
    if shape == "tied":
        return rng.integers(-3, 4, n).astype(float)
    if shape == "rounded":
        return numpy.round(normal, 1)
    if shape == "zeros":
        return numpy.where(rng.random(n) < 0.3, 0.0, normal)
    if shape == "constant":
        return numpy.full(n, rng.normal())
    if shape == "zero":
        return numpy.zeros(n)
    if shape in ("above", "below"):
        return numpy.abs(normal) * (1 if shape == "above" else -1)
    if shape == "scales":
        return rng.choice([-1, 1], n) * 10 ** rng.uniform(-140, 140, n)
    if shape == "two values":
        return rng.choice([-0.25, 0.5], n)
    return normal * {"huge": 1e140, "tiny": 1e-140}.get(shape, 1)


def strata(rng, n):
    """Lengths that add up to n; some are 0."""
    cuts = sorted(rng.integers(0, n + 1, rng.integers(0, 4)))
    edges = [0, *map(int, cuts), n]
    return [end - start for start, end in zip(edges, edges[1:])]
