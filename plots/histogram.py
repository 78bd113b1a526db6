"""Histograms of durations, as results/README.md defines them. Depends on the standard library."""

PER_OCTAVE = 32


def low_ns(bucket):
    """The least duration that falls into a bucket."""
    if bucket < PER_OCTAVE:
        return bucket
    return (PER_OCTAVE + bucket % PER_OCTAVE) << (bucket // PER_OCTAVE - 1)


def middle_ns(bucket):
    return (low_ns(bucket) + low_ns(bucket + 1) - 1) / 2


def added(rows):
    """One histogram of several: whatever process a duration comes from."""
    total = [0] * max((len(row) for row in rows), default=0)
    for row in rows:
        for bucket, count in enumerate(row):
            total[bucket] += count
    return total


def percentile(counts, permille, max_ns):
    """The duration of rank ceil(permille * count / 1000); None where fewer than 10 lie beyond."""
    count = sum(counts)
    rank = (count * permille + 999) // 1000
    if count < rank + 10:
        return None
    seen = 0
    for bucket, here in enumerate(counts):
        seen += here
        if seen >= rank:
            return min(middle_ns(bucket), max_ns)
    return None


def longer(counts):
    """[(ns, how many took at least as long)], up to the last bucket that is not empty."""
    left, points = sum(counts), []
    for bucket, here in enumerate(counts):
        if left > 0:
            points.append((low_ns(bucket), left))
        left -= here
    return points


def text_ns(ns):
    """With two or three digits and the unit that fits."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.3g} ns"
