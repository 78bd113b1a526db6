"""Writes the sample documents of this folder: make.py DIR.

Small enough to check by hand. Nothing here derives statistics: every row of `summary` and `suite`
is written down below as worked out on paper, so that plots/recompute.py and harness/summary.c can
be held to it. In round r all backends share a slope (4000 + 400 r, twice that for `strings`) and
differ by a factor, so a paired ratio is the factor itself, and its interval has no width. The one
exception is NOVEL in small_ints, whose factor doubles each round from 1/2 to 32: its log2
differences are -1, 0, 1, ..., 5, with the median Walsh average 2, the third lowest 0 and the third
highest 4; and 7 pairs allow depth 3, because P(W+ <= 2) = 3/128 and P(W+ <= 3) = 5/128. Over the
suite that has half these differences, and their mean is 1; 7 rounds allow no interval there.
"""

import json
import math
import pathlib
import sys

MIB = 1 << 20
OPS = 40
ROUNDS, MEMORY_ROUNDS = 7, 2
MOMENTS_MS = (0, 100, 1000, 5000)
BASE, RIVAL, NOVEL, FLOOR = "pymalloc", "mimalloc", "novel:knob=3", "null"
CHECKSUM = {"time": "00000000000000aa", "memory": "00000000000000bb"}
HASH = "00000000000000cc"
SLOPE = {"small_ints": 1, "strings": 2}
LIVE_MIB = {"small_ints": 32, "strings": 8}  # 8 is too little for F_peak
FACTOR = {
    ("small_ints", BASE): [1] * ROUNDS,
    ("small_ints", RIVAL): [0.5] * ROUNDS,
    ("small_ints", NOVEL): [2.0 ** (r - 1) for r in range(ROUNDS)],
    ("small_ints", FLOOR): [0.25] * ROUNDS,
    ("strings", BASE): [1] * ROUNDS,
    ("strings", RIVAL): [2] * ROUNDS,  # crashes in round 2
    ("strings", NOVEL): [1] * ROUNDS,
    ("strings", FLOOR): [0.25] * ROUNDS,
}
CRASH = ("strings", RIVAL, 2)
F_PEAK = {BASE: 1.25, RIVAL: 1.5, NOVEL: 1.25, FLOOR: 4.0}
F_RET = {BASE: 0.125, RIVAL: 0.5, NOVEL: 0.0, FLOOR: 1.0}
ARENAS = {BASE: 40, RIVAL: 10}
MMAPS = {BASE: (6, 8, 7), RIVAL: (21, 21, 24)}  # of pass kernel, in small_ints, by round
INTERNAL = {BASE: 0.0625, RIVAL: None, NOVEL: 0.125, FLOOR: 0.0}

# (workload, backend): median and mad of CPU ns per op, n, ratio, lo, hi
CPU = {
    ("small_ints", BASE): (130, 20, 7, 1, 1, 1),
    ("small_ints", RIVAL): (65, 10, 7, 0.5, 0.5, 0.5),
    ("small_ints", NOVEL): (520, 470, 7, 4, 1, 16),
    ("small_ints", FLOOR): (32.5, 5, 7, 0.25, 0.25, 0.25),
    ("strings", BASE): (260, 40, 7, 1, 1, 1),
    ("strings", RIVAL): (540, 80, 6, 2, 2, 2),
    ("strings", NOVEL): (260, 40, 7, 1, 1, 1),
    ("strings", FLOOR): (65, 10, 7, 0.25, 0.25, 0.25),
}
# Wall time is 1.1 and the cold repetition 3 times the CPU time.
TIME_METRICS = (("cpu_ns_per_op", 1), ("wall_ns_per_op", 1.1), ("cold_ns_per_op", 3))
# workload: median of peak RSS in MiB by backend; the two rounds lie 1 MiB around it
PEAK_MIB = {"small_ints": {BASE: 51, RIVAL: 59, NOVEL: 51, FLOOR: 139},
            "strings": {BASE: 21, RIVAL: 23, NOVEL: 21, FLOOR: 43}}
# backend: ratio of the CPU and wall time over both workloads
SUITE_TIME = {BASE: 1, RIVAL: 1, NOVEL: 2, FLOOR: 0.25}
PAIRED = "geometric mean, 10 % trimmed over rounds; BCa"


def time_sample(workload, backend, round_, position):
    body = int(SLOPE[workload] * (4000 + 400 * round_) * FACTOR[workload, backend][round_])
    row = sample(workload, backend, "time", round_, position)
    if (workload, backend, round_) == CRASH:
        return row | {"ops": None, "iterations": None, "checksum": None, "minflt": None,
                      "majflt": None, "signal": 11}
    wall = body * 11 // 10
    return row | {"cold_ns": 3 * body, "reps_wall_ns": [wall - 10, wall + 10, wall],
                  "reps_cpu_ns": [body - 10, body + 10, body]}


def sample(workload, backend, pass_name, round_, position):
    return {"workload": workload, "backend": backend, "pass": pass_name, "round": round_,
            "position": position, "started_ms": 20 * position, "ops": OPS, "iterations": 4,
            "cold_ns": None, "reps_wall_ns": [], "reps_cpu_ns": [],
            "checksum": CHECKSUM.get(pass_name, CHECKSUM["time"]), "minflt": 100, "majflt": 0, "env_bytes": 1024,
            "exit": 0, "signal": 0, "mem": None}


def memory_sample(workload, backend, round_, position):
    live, start = LIVE_MIB[workload], 10 + 2 * round_
    peak = start + F_PEAK[backend] * live
    held = start + F_RET[backend] * (peak - start)
    enough = live >= 32
    mem = {"start_rss_bytes": 4 * MIB, "r0_bytes": start * MIB, "peak_rss_bytes": int(peak * MIB),
           "peak_exact": True, "peak_live_bytes": live * MIB,
           "retained": retained(held),
           "phases": [{"phase": phase, "calls": calls, "rss_bytes": int(rss * MIB),
                       "live_bytes": int(q * MIB)} for phase, calls, rss, q in (
                           ("build", 0, start, 0), ("steady", 40, peak, live),
                           ("drain", 80, peak, live), ("end", 100, held, 0))],
           "usable_at_peak_bytes": None if INTERNAL[backend] is None
           else round(live * MIB / (1 - INTERNAL[backend])),
           "internal": INTERNAL[backend], "f_peak": F_PEAK[backend] if enough else None,
           "f_time": F_PEAK[backend] + 0.25 if enough else None,
           "f_ret": [{"after_ms": after, "value": F_RET[backend]} for after in MOMENTS_MS],
           "structure": {"arenas": ARENAS[backend]} if backend in ARENAS else {},
           "request_hash": HASH}
    return sample(workload, backend, "memory", round_, position) | {"iterations": 1, "mem": mem}


def kernel_sample(backend, round_, position):
    """Of a pass that is neither time nor memory; its body had the time pass's parameters."""
    return sample("small_ints", backend, "kernel", round_, position) | {
        "iterations": 1, "minflt": None, "majflt": None, "large": False,
        "figures": {"mmap": MMAPS[backend][round_]}, "series": {}}


def retained(held_mib):
    return [{"after_ms": after, "rss_bytes": int(held_mib * MIB)} for after in MOMENTS_MS]


def curve(workload):
    live = LIVE_MIB[workload] * MIB
    return [0, 20, 40, 60, 80, 90, 100], [0, live // 2, live, live, live, live // 2, 0]


def timeline(workload, backend):
    calls, live = curve(workload)
    peak, held = 10 + F_PEAK[backend] * LIVE_MIB[workload], F_RET[backend]
    rss = [max(10 + F_PEAK[backend] * q / MIB, 10 + held * (peak - 10) if after else 10)
           for q, after in zip(live, (0, 0, 1, 1, 1, 1, 1))]
    return {"workload": workload, "backend": backend, "round": 0, "calls": calls,
            "t_ms": [0.5 * i for i in range(len(calls))],
            "rss_bytes": [int(v * MIB) for v in rss], "live_bytes": live,
            "phases": [{"phase": "build", "t_ms": 0}, {"phase": "steady", "t_ms": 1.0},
                       {"phase": "drain", "t_ms": 2.0}, {"phase": "end", "t_ms": 3.0}],
            "retained": retained(10 + held * (peak - 10))}


def row(workload, backend, metric, values):
    return dict(zip(("workload", "backend", "metric", "n", "median", "mad", "ratio", "lo", "hi"),
                    (workload, backend, metric, *values)))


NO_VALUES = (0, None, None, None, None, None)


def quotient(own, base):
    return own / base if own and base else None


def summary_of(workload, backend):
    if backend not in F_PEAK:  # was never measured
        return [row(workload, backend, metric, NO_VALUES) for metric, _ in TIME_METRICS] + [
            row(workload, backend, metric, NO_VALUES)
            for metric in ("peak_rss_bytes", "f_peak", "f_time", "f_ret", "internal")]
    median, mad, n, *ratios = CPU[workload, backend]
    rows = [row(workload, backend, metric, (n, median * times, mad * times, *ratios))
            for metric, times in TIME_METRICS]
    peaks = PEAK_MIB[workload]
    rows.append(row(workload, backend, "peak_rss_bytes",
                    (2, peaks[backend] * MIB, MIB, peaks[backend] / peaks[BASE], None, None)))
    for metric, table, plus in (("f_peak", F_PEAK, 0), ("f_time", F_PEAK, 0.25),
                                ("f_ret", F_RET, 0), ("internal", INTERNAL, 0)):
        undefined = table[backend] is None or (table is F_PEAK and LIVE_MIB[workload] < 32)
        own, base = (table[backend] or 0) + plus, table[BASE] + plus
        rows.append(row(workload, backend, metric, NO_VALUES if undefined
                        else (2, own, 0, quotient(own, base), None, None)))
    return rows + figures_of(workload, backend)


def figures_of(workload, backend):
    """What passes name is there only where it has a value."""
    rows = []
    if workload == "small_ints" and backend in MMAPS:
        rows.append(row(workload, backend, "kernel.mmap",
                        (3, 7, 1, 1, None, None) if backend == BASE else (3, 21, 0, 3, None, None)))
    if backend in ARENAS:
        rows.append(row(workload, backend, "structure.arenas",
                        (2, ARENAS[backend], 0, ARENAS[backend] / ARENAS[BASE], None, None)))
    return rows


def suite_of(backend):
    plain = "quotients of medians"
    if backend not in F_PEAK:
        return [suite_row(backend, metric, (None, None, None), 0, method) for metric, method in (
            ("cpu_ns_per_op", PAIRED), ("wall_ns_per_op", PAIRED), ("peak_rss_bytes", plain))]
    peak = math.sqrt(math.prod(PEAK_MIB[w][backend] / PEAK_MIB[w][BASE] for w in PEAK_MIB))
    time = (SUITE_TIME[backend], None, None)
    return [suite_row(backend, "cpu_ns_per_op", time, 2, PAIRED),
            suite_row(backend, "wall_ns_per_op", time, 2, PAIRED),
            suite_row(backend, "peak_rss_bytes", (peak, None, None), 2, plain)]


def suite_row(backend, metric, values, n_workloads, method):
    return {"backend": backend, "metric": metric, "geomean_ratio": values[0], "lo": values[1],
            "hi": values[2], "n_workloads": n_workloads, "method": method}


def backend(id_, kind, version, **changes):
    name = id_.split(":")[0]
    identity = {"path": f"/usr/lib/lib{name}.so", "inode": 1000 + len(name), "build_id": "0a1b2c",
                "version": version, "tls_model": "none", "settings": "",
                "proof": "entry points in one object; counter moved"}
    return {"id": id_, "name": name, "kind": kind, "status": "ok", "reason": None,
            "package": None, "identity": identity, "raw": None,
            "ranked": kind != "floor"} | changes


BACKENDS = [
    backend(BASE, "builtin", "built in", raw={
        "name": "system", "path": "/usr/lib/libc.so.6", "inode": 7, "build_id": "0d",
        "version": "glibc 2.36", "tls_model": "none", "settings": "", "proof": "entry points"}),
    backend(RIVAL, "library", "2.0.9"),
    backend("jemalloc", "library", "", status="unavailable", identity=None,
            reason="libjemalloc.so.2 was not found: apt-get install libjemalloc2",
            package="libjemalloc2"),
    backend("library:./broken.so", "library", "", status="failed", identity=None,
            reason="PRE-003: a block lost its bytes"),
    backend(NOVEL, "library", "0.1"),
    backend(FLOOR, "floor", "built in"),
]


def workload(id_):
    calls, live = curve(id_)
    return {"id": id_, "summary": f"sample of {id_}", "models": "nothing: a sample",
            "unit": "object", "params": {"count": OPS}, "memory_params": {"count": OPS},
            "ops": OPS, "memory_ops": OPS, "checksum": CHECKSUM["time"],
            "memory_checksum": CHECKSUM["memory"],
            "demand": {"calls": 100, "raw_calls": 0, "mem_calls": 20, "obj_calls": 80,
                       "peak_live_bytes": LIVE_MIB[id_] * MIB, "peak_blocks": 50,
                       "request_hash": HASH, "curve": {"calls": calls, "live_bytes": live}}}


def benchmark_rows(samples):
    good = [s for s in samples if s["reps_cpu_ns"]]
    rows = []
    for s in good:
        name = f"{s['workload']}/backend:{s['backend']}"
        cpu, wall = sorted(s["reps_cpu_ns"])[1], sorted(s["reps_wall_ns"])[1]
        rows.append({"name": name, "run_name": name, "run_type": "iteration",
                     "family_index": list(SLOPE).index(s["workload"]),
                     "per_family_instance_index": [b["id"] for b in BACKENDS].index(s["backend"]),
                     "repetitions": ROUNDS, "repetition_index": s["round"], "threads": 1,
                     "iterations": s["iterations"], "real_time": wall, "cpu_time": cpu,
                     "time_unit": "ns", "items_per_second": OPS * 1e9 / cpu})
    return rows


def failure(kind, backend_id, message, cell=(None, None, None)):
    return dict(zip(("workload", "backend", "pass", "round", "kind", "message"),
                    (cell[0], backend_id, *cell[1:], kind, message)))


def document(run, samples):
    run["samples"] = samples
    return {"context": {"date": "2026-02-03T10:11:12+00:00", "host_name": "sample",
                        "executable": "./pyallocbench", "num_cpus": 2, "mhz_per_cpu": 2000,
                        "cpu_scaling_enabled": False, "caches": [], "load_avg": [0.5, 0.4, 0.3],
                        "library_build_type": "release"},
            "benchmarks": benchmark_rows(samples), "pyallocbench": run}


def run_header(**changes):
    provenance = {"version": "0.1.0", "git_commit": "0123456789abcdef", "compiler": "gcc 12.2.0",
                  "cflags": "-O2 -g", "build_type": "RelWithDebInfo", "binary_build_id": "0e0f",
                  "libc": "glibc 2.36", "kernel": "Linux 6.1.0", "os": "Debian GNU/Linux 12",
                  "cpu_model": "Sample CPU", "cpu_count": 2, "memory_bytes": 8192 * MIB,
                  "page_bytes": 4096, "thp": "madvise", "governor": None, "aslr": "2",
                  "overcommit": "0", "virtualization": None, "environment": {}}
    return {"schema": "pyallocbench-results/1", "complete": True, "run_id": "sample",
            "argv": ["pyallocbench", "run"], "preset": "quick", "seed": 1, "rounds": ROUNDS,
            "memory_rounds": MEMORY_ROUNDS, "baseline": BASE, "started": "2026-02-03T10:11:12Z",
            "duration_s": 2.5, "provenance": provenance,
            "noise": {"load_before": [0.5, 0.4, 0.3], "load_after": [1.0, 0.5, 0.3],
                      "steal_ticks": 0, "warnings": []},
            "backends": BACKENDS, "workloads": [workload(w) for w in SLOPE], "samples": [],
            "timelines": [], "summary": [], "suite": [], "failures": [],
            "conformance": {"checks": []}} | changes


def mixed():
    """Failures, an unavailable and a failed backend, one that nobody knew, a floor, nulls."""
    samples = []
    for round_ in range(ROUNDS):
        samples += [time_sample(w, b, round_, len(samples) + i)
                    for i, (w, b) in enumerate(FACTOR)]
    for round_ in range(MEMORY_ROUNDS):
        samples += [memory_sample(w, b, round_, len(samples) + i)
                    for i, (w, b) in enumerate(FACTOR)]
    samples += [kernel_sample(b, r, len(samples) + r) for b in MMAPS for r in range(3)]
    broken = "library:./broken.so"
    run = run_header(
        timelines=[timeline(w, b) for w, b in FACTOR],
        summary=[r for w in SLOPE for b in BACKENDS for r in summary_of(w, b["id"])],
        suite=[r for b in BACKENDS for r in suite_of(b["id"])],
        failures=[failure("unavailable", "jemalloc", "libjemalloc.so.2 was not found"),
                  failure("preflight", broken, "PRE-003: a block lost its bytes"),
                  failure("crashed", RIVAL, "signal 11 (SIGSEGV)", ("strings", "time", 2))],
        conformance={"checks": [
            {"backend": RIVAL, "check": "PRE-003", "verdict": "pass", "reason": ""},
            {"backend": broken, "check": "PRE-003", "verdict": "fail",
             "reason": "byte 16 of a block changed"}]})
    return document(run, samples)


def one_round():
    """Interrupted after its first round: no intervals, no memory pass, one backend not reached."""
    cells = [("small_ints", BASE), ("small_ints", RIVAL)]
    samples = [time_sample(w, b, 0, i) for i, (w, b) in enumerate(cells)]
    first = {BASE: (100, 1), RIVAL: (50, 0.5), FLOOR: None}
    summary, suite = [], []
    for id_, found in first.items():
        for metric, times in TIME_METRICS:
            summary.append(row("small_ints", id_, metric, NO_VALUES if found is None else
                               (1, found[0] * times, 0, found[1], None, None)))
        for metric in ("cpu_ns_per_op", "wall_ns_per_op"):
            suite.append(suite_row(id_, metric, (found[1] if found else None, None, None),
                                   1 if found else 0, PAIRED))
    kept = [b for b in BACKENDS if b["id"] in first]
    lone = workload("small_ints") | {"memory_ops": None, "memory_checksum": None, "demand": None}
    return document(run_header(complete=False, backends=kept, workloads=[lone], summary=summary,
                               suite=suite), samples)


def rounds():
    """Enough rounds for an interval of the suite; as the factor is always 1/2, without any width.
    A slope of 100 + 10 r ns per op, r = 0 to 19: median 195, half the rounds within 50."""
    count, half = 20, {BASE: 1, RIVAL: 2}
    samples = []
    for round_ in range(count):
        for id_, divisor in half.items():
            body = (4000 + 400 * round_) // divisor
            samples.append(sample("small_ints", id_, "time", round_, len(samples)) | {
                "cold_ns": 3 * body, "reps_cpu_ns": [body] * 3,
                "reps_wall_ns": [body * 11 // 10] * 3})
    summary, suite = [], []
    for id_, divisor in half.items():
        ratios = (1 / divisor,) * 3
        summary += [row("small_ints", id_, metric, (count, 195 * times / divisor,
                                                    50 * times / divisor, *ratios))
                    for metric, times in TIME_METRICS]
        suite += [suite_row(id_, metric, ratios, 1, PAIRED)
                  for metric in ("cpu_ns_per_op", "wall_ns_per_op")]
    lone = workload("small_ints") | {"memory_ops": None, "memory_checksum": None, "demand": None}
    return document(run_header(rounds=count, memory_rounds=0, workloads=[lone], summary=summary,
                               backends=[b for b in BACKENDS if b["id"] in half], suite=suite),
                    samples)


# check, class, severity, what must hold, source, and the verdict of BASE, RIVAL, NOVEL, FLOOR. Of
# the two backends that fail ALN-01, only the rival is known to.
FINDING = "results/reference/findings/ALN-01.c"
CHECKS = (
    ("MAL-001", "R", 0, "a block can be written", "C23 7.24.3.6", "pass pass pass pass"),
    ("MAL-005", "R", 2, "a request that fails sets errno", "POSIX.1-2024 malloc; a sample",
     "pass deviation skip skip"),
    ("MAL-008", "I", 3, "each size keeps its alignment", "C23 7.24.3", "pass pass pass deviation"),
    ("ALN-01", "R", 0, "blocks have the alignment a | b", "C23 7.24.3.1: aligned",
     "pass fail fail skip"),
    ("OOM-03", "Q", 3, "half of it can be had again", "the suite's own", "pass pass pass pass"),
    ("OOM-04", "Q", 3, "... by other sizes, too", "the suite's own",
     "pass pass deviation deviation"),
    ("OOM-05", "Q", 1, "it does not hang", "the suite's own", "pass pass fail pass"),
    ("HRD-01", "H", 1, "a block is freed twice", "C23 7.24.3.3: undefined", "info info info skip"),
    ("NEW-1", "R", 0, "a group that nobody knew", "a sample", "pass pass pass pass"),
)
CHECKED = (BASE, RIVAL, NOVEL, FLOOR)
# backend: verdict, passed, deviations, failed, known, skipped, infos
VERDICTS = {BASE: ("pass", 8, 0, 0, 0, 0, 1), RIVAL: ("fail", 6, 1, 1, 1, 0, 1),
            NOVEL: ("fail", 4, 1, 2, 0, 1, 1), FLOOR: ("deviation", 4, 2, 0, 0, 3, 0)}


def check_row(backend_id, check, verdict):
    id_, class_, severity, summary, source, _ = check
    bad, known = verdict in ("fail", "deviation"), verdict == "fail" and backend_id == RIVAL
    return {"backend": backend_id, "check": id_, "class": class_, "severity": severity,
            "verdict": verdict, "summary": summary, "source": source,
            "reason": "" if verdict == "pass" else f"a sample of {verdict}", "answer": "",
            "compared": "", "detail": "", "finding": FINDING if known else None,
            "kind": "timeout" if verdict == "fail" and class_ == "Q" else None,
            "again": f"pyallocbench check -b {backend_id} --only {id_}" if bad else None,
            "ops": OPS, "seed": 7, "wall_ms": 1}


def verdict_row(backend_id):
    keys = ("backend", "verdict", "passed", "deviations", "failed", "known", "skipped", "infos")
    return dict(zip(keys, (backend_id, *VERDICTS[backend_id])))


def checks():
    """Of `check`: nothing measured, and of each class one that holds and one that does not."""
    rows = [check_row(id_, check, check[5].split()[i])
            for i, id_ in enumerate(CHECKED) for check in CHECKS]
    failures = [failure("unavailable", "jemalloc", "libjemalloc.so.2 was not found")]
    kept = [b for b in BACKENDS if b["id"] in (*CHECKED, "jemalloc")]
    return document(run_header(
        argv=["pyallocbench", "check"], preset="check", seed=7, rounds=0, memory_rounds=0,
        backends=kept, workloads=[], failures=failures,
        conformance={"checks": rows, "verdicts": [verdict_row(id_) for id_ in CHECKED],
                     "detector": {"backend": BASE, "read_right": 5, "of": 5}, "ops": None,
                     "not_applicable": 0}), [])


def text(value):
    """JSON with one row of a list a line: short, and a change of one number is one line."""
    def rows(items, indent):
        if not items:
            return "[]"
        pad = " " * indent
        return "[\n" + ",\n".join(f"{pad}  {json.dumps(i)}" for i in items) + f"\n{pad}]"

    def has_rows(item):
        return isinstance(item, list) and item and isinstance(item[0], dict)

    def shown(item, indent):
        if has_rows(item):
            return rows(item, indent)
        if isinstance(item, dict) and any(has_rows(part) for part in item.values()):
            return pairs(item, indent + 2)
        return json.dumps(item)

    def pairs(mapping, indent):
        pad = " " * indent
        lines = [f'{pad}"{key}": {shown(item, indent)}' for key, item in mapping.items()]
        return "{\n" + ",\n".join(lines) + "\n" + pad[2:] + "}"

    return (f'{{\n  "context": {json.dumps(value["context"])},\n'
            f'  "benchmarks": {rows(value["benchmarks"], 2)},\n'
            f'  "pyallocbench": {pairs(value["pyallocbench"], 4)}\n}}\n')


DOCUMENTS = {"mixed.json": mixed, "one_round.json": one_round, "rounds.json": rounds,
             "checks.json": checks}


def main(arguments):
    directory = pathlib.Path(arguments[0])
    for name, make in DOCUMENTS.items():
        (directory / name).write_text(text(make()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
