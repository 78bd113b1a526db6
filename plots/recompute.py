"""Derives `summary` and `suite` from the samples, as results/README.md defines them.

Depends on load.py and numpy. Run as `recompute.py FILE`, it says whether the derived parts of a
document agree with its samples: exit 0, or 1 with the first rows that do not.
"""

import functools
import itertools
import math
import statistics
import sys

import load

TIME_METRICS = ("cpu_ns_per_op", "wall_ns_per_op", "cold_ns_per_op")
MEMORY_METRICS = ("peak_rss_bytes", "f_peak", "f_time", "f_ret", "internal")
SUITE_METRICS = ("cpu_ns_per_op", "wall_ns_per_op", "peak_rss_bytes")  # and MIXED where it is
TAIL = 0.025  # of each side of a 95 % interval
EXACT_MAX = 100  # pairs; more: the signed-rank sum counts as normal
TOLERANCE = 1e-9

# How a row of `suite` came about. RANKS: older documents.
RANKS = "hodges-lehmann, signed-rank over rounds"
BOOTSTRAP = "geometric mean, 10 % trimmed over rounds; BCa"
NORMAL = "geometric mean, 10 % trimmed over rounds; normal"
QUOTIENTS = "quotients of medians"

TRIM = 0.1
ROUNDS_MIN, STRATUM_MIN = 20, 10  # for an interval: rounds in all, and of each stratum
BOOTSTRAP_MAX = 1000  # rounds; more: NORMAL
RESAMPLES = 2000
SAME = 1e-12  # of the largest value: centres so close count as equal


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def normal_quantile(share):
    return statistics.NormalDist().inv_cdf(share)


def median_distance(values):
    centre = median(values)
    return median([abs(value - centre) for value in values])


class WalshAverages:
    """The means of all pairs, a value with itself among them, by rank from 0. There are
    n (n + 1) / 2: a range is halved until few lie in it, and these alone are made and sorted."""

    def __init__(self, values):
        import numpy

        self.numpy, self.values = numpy, numpy.sort(numpy.array(values, dtype=float))
        self.count = len(values) * (len(values) + 1) // 2

    def ends(self, bound):
        """For each value, behind the last one whose sum with it is at most `bound`."""
        first = self.numpy.arange(len(self.values))
        found = self.numpy.searchsorted(self.values, bound - self.values, side="right")
        return self.numpy.maximum(found, first)

    def below(self, bound):
        return int((self.ends(bound) - self.numpy.arange(len(self.values))).sum())

    def __getitem__(self, rank):
        rank += self.count if rank < 0 else 0
        low, high = 2 * float(self.values[0]), 2 * float(self.values[-1])
        low -= abs(low) * 1e-12 + 1e-300
        before, upto = self.below(low), self.count
        while upto - before > max(4 * len(self.values), 1000):
            middle = low + (high - low) / 2
            if not low < middle < high:
                return high / 2
            count = self.below(middle)
            low, high, before, upto = ((middle, high, count, upto) if count <= rank else
                                       (low, middle, before, count))
        return self.within(low, high)[rank - before] / 2

    def within(self, low, high):
        """The sums above `low` and up to `high`, ascending."""
        starts, ends = self.ends(low), self.ends(high)
        lengths = ends - starts
        first = self.numpy.repeat(self.values, lengths)
        place = (self.numpy.arange(lengths.sum())
                 - self.numpy.repeat(self.numpy.cumsum(lengths) - lengths - starts, lengths))
        return self.numpy.sort(first + self.values[place])

    def median(self):
        return (self[(self.count - 1) // 2] + self[self.count // 2]) / 2


@functools.lru_cache(None)
def signed_rank_depth(n):
    """How many Walsh averages lie beyond each end of the interval, plus one; 0: no interval.

    ways[w] counts the subsets of the ranks 1..n with the sum w, out of 2**n equally likely ones.
    """
    if n > EXACT_MAX:
        mean = n * (n + 1) / 4
        sigma = math.sqrt(mean * (2 * n + 1) / 6)
        return math.floor(mean + 0.5 + normal_quantile(TAIL) * sigma)
    ways = [1]
    for rank in range(1, n + 1):
        longer = ways + [0] * rank
        for total, count in enumerate(ways):
            longer[total + rank] += count
        ways = longer
    depth, below = 0, 0
    for count in ways:
        below += count
        if below > TAIL * 2 ** n:
            break
        depth += 1
    return depth


def paired_ratio(differences):
    """(ratio, lo, hi) of log differences; each None where it is not defined."""
    if not differences:
        return None, None, None
    averages = WalshAverages(differences)
    ratio = math.exp(averages.median())
    depth = signed_rank_depth(len(differences))
    if depth < 1:
        return ratio, None, None
    return ratio, math.exp(averages[depth - 1]), math.exp(averages[-depth])


def trimmed_mean(values):
    ordered = sorted(values)
    cut = int(TRIM * len(ordered))
    return statistics.fmean(ordered[cut:len(ordered) - cut])


def resampled_centres(strata, seed):
    """Ascending. Every draw is an output of SplitMix64 from `seed`, in order."""
    import numpy

    total = sum(map(len, strata))
    state = numpy.arange(1, RESAMPLES * total + 1, dtype=numpy.uint64)
    state = numpy.uint64(seed) + state * numpy.uint64(0x9e3779b97f4a7c15)
    for shift, factor in ((30, 0xbf58476d1ce4e5b9), (27, 0x94d049bb133111eb)):
        state = (state ^ (state >> numpy.uint64(shift))) * numpy.uint64(factor)
    random = ((state ^ (state >> numpy.uint64(31))) >> numpy.uint64(32)).reshape(RESAMPLES, total)
    centres, at = numpy.zeros(RESAMPLES), 0
    for stratum in strata:
        n, cut = len(stratum), int(TRIM * len(stratum))
        drawn = (random[:, at:at + n] * numpy.uint64(n)) >> numpy.uint64(32)
        drawn = numpy.sort(numpy.sort(numpy.array(stratum))[drawn.astype(int)], axis=1)
        centres += drawn[:, cut:n - cut].mean(axis=1) / len(strata)
        at += n
    return numpy.sort(centres)


def influences(stratum, size):
    """n - 1 times what each value adds to the trimmed mean, by leaving it out; in units of size."""
    ordered = sorted(value / size for value in stratum)
    cut = int(TRIM * (len(ordered) - 1))
    kept = len(ordered) - 1 - 2 * cut
    core = math.fsum(ordered[cut:cut + kept + 1])  # all that may stay, of which one goes
    without = [(core - ordered[min(max(i, cut), cut + kept)]) / kept for i in range(len(ordered))]
    mean = statistics.fmean(without)
    return [(len(ordered) - 1) * (mean - one) for one in without]


def acceleration(strata, size):
    pulls = [influences(stratum, size) for stratum in strata]
    cubes = sum(math.fsum(u ** 3 for u in part) / len(part) ** 3 for part in pulls)
    squares = sum(math.fsum(u ** 2 for u in part) / len(part) ** 2 for part in pulls)
    return cubes / (6 * squares ** 1.5) if squares else 0.0


def bias(centres, estimate, near):
    """The normal quantile of the share of centres below the estimate; half of those equal to it."""
    below, above = (centres < estimate - near).sum(), (centres > estimate + near).sum()
    share = float(below + RESAMPLES - above) / (2 * RESAMPLES)
    return normal_quantile(min(max(share, 0.5 / RESAMPLES), 1 - 0.5 / RESAMPLES))


def bootstrap(strata, estimate, size, seed):
    import numpy

    centres = resampled_centres(strata, seed)
    moved, pace = bias(centres, estimate, SAME * size), acceleration(strata, size)
    bounds = []
    for sigmas in (normal_quantile(TAIL), normal_quantile(1 - TAIL)):
        shrink = 1 - pace * (moved + sigmas)
        reach = moved + (moved + sigmas) / shrink if shrink > 0 else math.copysign(99, sigmas)
        bounds.append(float(numpy.quantile(centres, statistics.NormalDist().cdf(reach))))
    return bounds


def suite_interval(strata, seed):
    """(centre, lo, hi) of one number a round; a stratum is the rounds of a host."""
    strata = [stratum for stratum in strata if stratum]
    estimate = statistics.fmean(map(trimmed_mean, strata))
    total = sum(map(len, strata))
    if total < ROUNDS_MIN or min(map(len, strata)) < STRATUM_MIN:
        return estimate, None, None
    size = max(abs(value) for stratum in strata for value in stratum)
    if size == 0:
        return estimate, estimate, estimate
    if total <= BOOTSTRAP_MAX:
        return estimate, *bootstrap(strata, estimate, size, seed)
    variance = sum(math.fsum(u * u for u in influences(s, size)) / (len(s) * (len(s) - 1))
                   for s in strata)
    reach = normal_quantile(1 - TAIL) * math.sqrt(variance) * size / len(strata)
    return estimate, estimate - reach, estimate + reach


def expected_checksums(workload, backend, sample):
    """Of passes but time and memory the sample says which parameters its body had."""
    known = workload.checksums.get(backend.gc, {})
    if sample.pass_name in known:
        return [known[sample.pass_name]]
    if sample.large is None:
        return list(known.values())
    return [known.get("memory" if sample.large else "time")]


class Judge:
    """Whether a sample may be a number at all, at the same cost however many there are."""

    def __init__(self, document):
        self.workloads = {workload.id: workload for workload in document.workloads}
        self.backends = {backend.id: backend for backend in document.backends}
        self.failed = {(f.backend, f.workload, f.pass_name, f.round, f.host)
                       for f in document.failures}

    def counts(self, sample):
        workload, backend = self.workloads[sample.workload], self.backends[sample.backend]
        right = (sample.checksum is not None
                 and sample.checksum in expected_checksums(workload, backend, sample))
        return sample.exit == 0 and sample.signal == 0 and right and not self.has_failed(sample)

    def has_failed(self, sample):
        """A failure that leaves one of these open is about all of them."""
        parts = (sample.workload, sample.pass_name, sample.round, sample.host)
        return bool(self.failed) and any(
            (sample.backend, *scope) in self.failed
            for scope in itertools.product(*((part, None) for part in parts)))


def good_samples(document, pass_name=None):
    """Those that count; of all passes, or of one."""
    judge = Judge(document)
    return [sample for sample in document.samples
            if pass_name in (None, sample.pass_name) and judge.counts(sample)]


def time_values(sample):
    if not sample.ops:
        return {}
    found = {"cpu_ns_per_op": median(sample.reps_cpu_ns) if sample.reps_cpu_ns else None,
             "wall_ns_per_op": median(sample.reps_wall_ns) if sample.reps_wall_ns else None,
             "cold_ns_per_op": sample.cold_ns}
    return {metric: ns / sample.ops for metric, ns in found.items() if ns is not None}


def memory_values(memory):
    found = {metric: getattr(memory, metric) for metric in MEMORY_METRICS if metric != "f_ret"}
    found["f_ret"] = memory.f_ret.get(0)
    found |= {f"structure.{name}": value for name, value in memory.structure.items()}
    return {metric: value for metric, value in found.items() if value is not None}


def sample_values(sample):
    """{metric: value} of one sample."""
    found = {f"{sample.pass_name}.{name}": value for name, value in sample.figures.items()}
    if sample.pass_name == "time":
        found |= time_values(sample)
    elif sample.pass_name == "memory" and sample.memory is not None:
        found |= memory_values(sample.memory)
    return found


def values_by_cell(document):
    """(workload, backend, metric, host) -> {round: value}"""
    values = {}
    for sample in good_samples(document):
        for metric, value in sample_values(sample).items():
            cell = values.setdefault((sample.workload, sample.backend, metric, sample.host), {})
            cell[sample.round] = value
    return values


def log_ratios(values, baseline):
    """{round: ln(value) - ln(baseline)} over the rounds that both have."""
    return {r: math.log(values[r]) - math.log(baseline[r])
            for r in sorted(values.keys() & baseline.keys()) if values[r] > 0 and baseline[r] > 0}


def summarise(document, values):
    named = {metric for _, _, metric, _ in values if "." in metric}
    metrics = TIME_METRICS + MEMORY_METRICS + tuple(sorted(named))
    return [summary_row(document, values, (workload.id, backend.id, metric, host))
            for host in range(len(document.hosts)) for workload in document.workloads
            for backend in document.backends for metric in metrics]


def summary_row(document, values, cell):
    workload, backend, metric, host = cell
    own = values.get(cell, {})
    base = values.get((workload, document.baseline, metric, host), {})
    if not own:
        return load.Summary(workload, backend, metric, 0, None, None, None, None, None, host=host)
    centre, ratio, lo, hi = median(own.values()), None, None, None
    if metric in TIME_METRICS:
        ratio, lo, hi = paired_ratio(list(log_ratios(own, base).values()))
    elif base and centre > 0 and median(base.values()) > 0:
        ratio = centre / median(base.values())
    return load.Summary(workload, backend, metric, len(own), centre,
                        median_distance(own.values()), ratio, lo, hi, host=host)


def suite_rows(document, values, summary):
    rows, metrics = {}, SUITE_METRICS
    if document.clock(None) == load.MIXED:
        metrics += (load.MIXED,)
    of_means = {workload.id for workload in document.workloads if workload.is_in_means}
    for row in summary:
        if row.workload not in of_means:
            continue
        if row.ratio is not None:
            rows.setdefault((row.backend, row.metric, row.host), []).append(row)
        if row.ratio is not None and row.metric == document.clock(row.workload):
            rows.setdefault((row.backend, load.MIXED, row.host), []).append(row)
    cells = itertools.product(range(len(document.hosts)), document.backends, metrics)
    return [suite_row(document, values, rows.get((backend.id, metric, host), []),
                      (backend.id, metric, host)) for host, backend, metric in cells]


def suite_row(document, values, rows, cell):
    """Of the rows of `summary` that have a ratio."""
    backend, metric, host = cell
    geomean = lo = hi = None
    method = QUOTIENTS
    if metric in (*TIME_METRICS, load.MIXED):
        rounds = suite_rounds(document, values, rows)
        given = document.overall(backend, metric, host)
        method = RANKS if given and given.method == RANKS else (
            BOOTSTRAP if len(rounds) <= BOOTSTRAP_MAX else NORMAL)
        if method == RANKS:
            geomean, lo, hi = paired_ratio(rounds)
        elif rounds:
            geomean, lo, hi = (None if bound is None else math.exp(bound)
                               for bound in suite_interval([rounds], document.seed))
    elif rows:
        geomean = math.exp(sum(math.log(row.ratio) for row in rows) / len(rows))
    return load.Summary(None, backend, metric, len(rows), None, None, geomean, lo, hi, method, host)


def suite_rounds(document, values, rows):
    """The mean log ratio over these cells, of every round that has them all."""
    logs = [log_ratios(values[row.workload, row.backend, row.metric, row.host],
                       values[row.workload, document.baseline, row.metric, row.host])
            for row in rows]
    rounds = sorted(set.intersection(*map(set, logs))) if logs else []
    return [sum(each[r] for each in logs) / len(logs) for r in rounds]


def recompute(document):
    """(summary, suite) as lists of load.Summary."""
    values = values_by_cell(document)
    summary = summarise(document, values)
    return summary, suite_rows(document, values, summary)


def agree(first, second):
    if None in (first, second) or isinstance(first, str):
        return first == second
    return math.isclose(first, second, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def place(row):
    return row.workload, row.backend, row.metric, row.host


def disagreements(document):
    """One line for each derived number that its samples do not give, and for each row that one of
    them lacks."""
    summary, suite = recompute(document)
    found = {place(row): row for row in document.summary + document.suite}
    names_figures = any("." in row.metric for row in document.summary)  # older documents do not
    lines = []
    for row in summary + suite:
        where = " ".join(filter(None, (row.workload or "suite", row.backend, row.metric)))
        given = found.pop(place(row), None)
        if given is None:
            # A cell without a value may be left out.
            if row.n > 0 and (names_figures or "." not in row.metric):
                lines.append(f"{where}: no row, and the samples give one")
            continue
        for name in ("n", "median", "mad", "ratio", "lo", "hi", "method"):
            if not agree(getattr(given, name), getattr(row, name)):
                lines.append(f"{where}: {name} is {getattr(given, name)}, and the samples give "
                             f"{getattr(row, name)}")
    passes = {sample.pass_name for sample in document.samples} | {"structure"}
    known = {row.metric for row in summary}  # what a later version adds is not ours to hold
    lines += [f"{row.workload or 'suite'} {row.backend} {row.metric}: a row, and the samples give "
              "none" for row in found.values()
              if row.metric in known or row.metric.split(".")[0] in passes]
    return lines


def main(arguments):
    if len(arguments) != 1:
        print("usage: recompute.py FILE", file=sys.stderr)
        return 2
    try:
        lines = disagreements(load.load(arguments[0]))
    except load.Refused as error:
        print(f"recompute.py: {error}", file=sys.stderr)
        return error.exit_status
    except ModuleNotFoundError as error:
        print(f"recompute.py: there is no {error.name} here: apt-get install python3-{error.name}",
              file=sys.stderr)
        return load.EXIT_NOTHING_HERE
    for line in lines[:20]:
        print(f"recompute.py: {arguments[0]}: {line}", file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
