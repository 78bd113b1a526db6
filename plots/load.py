"""The one reader of a results document (results/schema.json). Depends on the standard library.

load(path) gives a Document, or raises Refused: what is wrong, what to do, and the exit status
that says so. load(path, MEASUREMENTS) and load(path, CHECKS) refuse one without them, too. Pictures
and tables see the classes below and never the raw JSON, so whatever is missing from a file is found
here, once.
"""

import fnmatch
import json
import math
import re
from dataclasses import dataclass, field, replace

FAMILY = "pyallocbench-results/"
VERSION = 1

# What a document may hold, and the command that writes such a one.
MEASUREMENTS, CHECKS = "measurements", "checks"
WRITER = {MEASUREMENTS: "`pyallocbench run -o FILE`", CHECKS: "`pyallocbench check -o FILE`"}

# The times that may speak for a workload, and what stands for workloads that differ in that: of each
# its own, in rows over all workloads alone.
CPU, WALL, MIXED = "cpu_ns_per_op", "wall_ns_per_op", "clock_ns_per_op"

EXIT_IO = 1
EXIT_NOT_OURS = 2
EXIT_NOT_COMPARABLE = 6
EXIT_NOTHING_HERE = 77


class Refused(Exception):
    """A file that cannot be used; str() is one line fit for stderr."""

    def __init__(self, message, exit_status):
        super().__init__(message)
        self.exit_status = exit_status


@dataclass(frozen=True)
class Backend:
    id: str  # the spec as the user wrote it
    kind: str  # "builtin", "library" or "floor"
    status: str  # "ok", "unavailable" or "failed"
    reason: str | None
    version: str  # as its own probe answered; "" where nobody answered
    settings: str  # likewise: what it runs with, as words KEY=VALUE
    ranked: bool  # False: a floor, which bounds the others and takes no part
    is_baseline: bool
    gc: str | None  # the collector's settings that workloads run under; None: the usual ones
    role: str | None = None  # in a gate: "base" or "head", whose id ends in "@base" or "@head"
    level: str | None = None  # "object": it serves everything; else what serves below a pymalloc:
    allocator: str | None = None  # whose level that is


@dataclass(frozen=True)
class Workload:
    id: str
    unit: str
    checksums: dict  # of the time and the memory pass, by a backend's gc
    demand_calls: list
    demand_live_bytes: list
    is_wall: bool = False  # which time speaks for it: the wall where its threads run at once
    threads: int = 1
    is_oversubscribed: bool = False  # more threads that run at once than CPUs
    left_out: frozenset = frozenset()  # ids of backends that its threads may not call
    is_in_means: bool = True  # False: a replay, beside the program that it is of

    @property
    def clock(self):
        return WALL if self.is_wall else CPU


@dataclass(frozen=True)
class Memory:
    """The memory pass of one sample."""

    peak_rss_bytes: int
    f_peak: float | None
    f_time: float | None
    internal: float | None
    f_ret: dict  # after_ms -> value or None
    phases: list  # (phase, calls made before it)
    structure: dict = field(default_factory=dict)  # counts of the heap, by name


@dataclass(frozen=True)
class Sample:
    workload: str
    backend: str
    pass_name: str  # "time", "memory", or another that the document's `passes` name
    round: int
    ops: int | None
    cold_ns: int | None
    reps_wall_ns: list
    reps_cpu_ns: list
    checksum: str | None
    exit: int
    signal: int
    memory: Memory | None
    position: int = 0  # within its round
    host: int = 0  # index into the document's hosts
    figures: dict = field(default_factory=dict)  # of passes but time and memory: name -> number
    series: dict = field(default_factory=dict)  # likewise: name -> counts
    large: bool | None = None  # likewise: whether the body had the memory parameters


@dataclass(frozen=True)
class Noise:
    """What else the machine did during a run; values are None where it was not told."""

    load_before: list | None
    load_after: list | None
    during: dict  # steal_share, idle_share, throttled_count, and waited_for_cpu, _memory, _io
    control: dict | None  # the baseline against itself, as results/README.md has it

    @property
    def failed(self):
        """Then no time verdict of the run should be believed."""
        return self.control is not None and self.control["verdict"] == "failed"


@dataclass(frozen=True)
class Host:
    """One machine's part of a document."""

    provenance: dict
    noise: Noise


@dataclass(frozen=True)
class Timeline:
    workload: str
    backend: str
    round: int
    calls: list  # or, of a program whose calls nobody counted, ms: see is_by_time
    rss_bytes: list
    retained: dict  # after_ms -> rss_bytes
    host: int = 0
    is_by_time: bool = False


@dataclass(frozen=True)
class Summary:
    """One derived row: a cell and a metric. `suite` rows have no workload, n or median."""

    workload: str | None
    backend: str
    metric: str
    n: int
    median: float | None
    mad: float | None
    ratio: float | None
    lo: float | None
    hi: float | None
    method: str | None = None  # of a row of `suite`
    host: int = 0  # where there are several, each has rows of its own


@dataclass(frozen=True)
class Blowup:
    """What more threads do to memory: f_peak over that of one thread, at an equal peak."""

    workload: str  # "NAME:threads=4"
    backend: str
    threads: int
    value: float
    host: int = 0


@dataclass(frozen=True)
class Failure:
    workload: str | None  # None: the whole backend
    backend: str
    pass_name: str | None
    round: int | None
    kind: str
    message: str
    host: int | None = None


@dataclass(frozen=True)
class Check:
    """What one check said about one backend. Those before a measurement say no more than why."""

    backend: str
    id: str  # "MAL-001"
    verdict: str  # "pass", "deviation", "fail", "skip" or "info"
    reason: str
    class_name: str | None  # "R", "I", "Q" or "H"
    summary: str | None  # what must hold
    source: str | None  # where that is written
    finding: str | None  # a program that shows the failure without us: it is known

    @property
    def group(self):
        return self.id.split("-")[0]


@dataclass(frozen=True)
class Verdict:
    """What all checks together say about one backend."""

    backend: str
    verdict: str
    counts: dict  # how many checks, by their verdict
    known: int  # of those that failed


@dataclass(frozen=True)
class Document:
    path: str
    complete: bool
    started: str
    rounds_asked: int
    baseline: str
    provenance: dict
    backends: list
    workloads: list
    samples: list
    timelines: list
    summary: list
    suite: list
    failures: list
    seed: int
    checks: list
    verdicts: list  # empty where the checks are only those before a measurement
    control: list  # samples: the baseline once more in a round
    noise: Noise
    hosts: list  # one, unless the document was merged
    blowup: list
    _rows: dict = field(repr=False)
    _clocks: dict = field(repr=False)  # by workload; None: of the means
    mean_size: int  # the workloads that means are over; fewer of them may be shown

    def showing(self, globs):
        """A document of the workloads that the comma-separated globs name; its means stay what they
        are. Refuses a glob that names none."""
        wanted = globs.split(",")
        for glob in wanted:
            if not any(fnmatch.fnmatchcase(workload.id, glob) for workload in self.workloads):
                ids = ", ".join(workload.id for workload in self.workloads)
                raise Refused(f"{self.path} has no workload '{glob}': it has {ids}", EXIT_NOT_OURS)
        kept = [workload for workload in self.workloads
                if any(fnmatch.fnmatchcase(workload.id, glob) for glob in wanted)]
        ids = {workload.id for workload in kept}
        rows = {name: [row for row in getattr(self, name) if row.workload in ids]
                for name in ("samples", "control", "timelines", "summary")}
        return replace(self, workloads=kept, **rows)

    def cell(self, workload, backend, metric, host=0):
        """The row of `summary`, or of `suite` where `workload` is None; None: nothing measured."""
        return self._rows.get((workload, backend, metric, host))

    def overall(self, backend, metric, host=0):
        """The row of `suite`."""
        return self.cell(None, backend, metric, host)

    def clock(self, workload):
        """The time that speaks for a workload, given by its id; for all of them, where that is
        None."""
        return self._clocks[workload]

    def time_of(self, workload, backend, host=0):
        """The row of that time."""
        return self.cell(workload, backend, self.clock(workload), host)

    def clock_word(self):
        """How the time that speaks for all of them is called."""
        return {CPU: "CPU time", WALL: "wall time", MIXED: "time"}[self.clock(None)]

    def clock_note(self):
        """What is to be said of it where workloads differ; ""."""
        if self.clock(None) != MIXED:
            return ""
        walls = sum(workload.is_wall for workload in self.workloads)
        return (f"Time is wall time in {walls} of {len(self.workloads)} workloads, whose threads "
                "run at once, else CPU time.")

    def rounds_done(self, pass_name):
        return len({sample.round for sample in self.samples if sample.pass_name == pass_name})

    def program(self):
        """The pyallocbench that wrote this, with its commit where that is known."""
        commit = re.match(r"([0-9a-f]{7})[0-9a-f]*(-dirty)?$", self.provenance["git_commit"] or "")
        suffix = f" ({commit[1]}{commit[2] or ''})" if commit else ""
        return f"pyallocbench {self.provenance['version']}{suffix}"

    def last_moment_ms(self):
        """How long after the drain the last look at what is still held was; None: there is none."""
        moments = [after for s in self.samples if s.memory for after in s.memory.f_ret]
        return max(moments, default=None)

    def control_failed(self):
        """Whether times of this document, or of one of its hosts, contradict themselves."""
        return self.noise.failed or any(host.noise.failed for host in self.hosts)

    def holds(self, part):
        return bool(self.samples if part == MEASUREMENTS else self.verdicts)

    def has_intervals(self):
        """Of the times of single workloads."""
        return any(row.lo is not None for row in self.summary
                   if row.metric == self.clock(row.workload))

    def mean_intervals(self, metric):
        """The method of the intervals over all workloads; None: there are none."""
        methods = [row.method for row in self.suite if row.metric == metric and row.lo is not None]
        return methods[0] if methods else None

    def why_missing(self, workload, backend, pass_name):
        """In a word or two, why a cell has no number."""
        if any(workload == w.id and backend in w.left_out for w in self.workloads):
            return "left out"
        for failure in self.failures:
            if (failure.backend == backend and failure.workload in (None, workload)
                    and failure.pass_name in (None, pass_name)):
                return failure.kind
        return "not measured"


def load(path, part=None):
    raw = parse(path, read(path))
    run = section(path, raw)
    try:
        found = document(path, run)
        expect_single_samples(found)
    except KeyError as error:
        raise not_kept(path, f"the key {error} is missing") from None
    except (TypeError, AttributeError, ValueError) as error:
        raise not_kept(path, str(error)) from None
    expect_known_names(found)
    if part is not None and not found.holds(part):
        raise Refused(f"{path}: holds no {part}: name a file that {WRITER[part]} wrote",
                      EXIT_NOT_OURS)
    return found


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}: name a file that `pyallocbench run -o FILE` "
                      "or `check` wrote", EXIT_IO) from None
    except UnicodeDecodeError:
        raise Refused(f"{path}: is not text: name a file that `pyallocbench run -o FILE` or "
                      "`check` wrote", EXIT_NOT_OURS) from None


def parse(path, text):
    def reject_constant(word):
        raise ValueError(f"holds {word}, and results never do: write it anew with "
                         "`pyallocbench run -o FILE` or `check`")

    try:
        return json.loads(text, parse_constant=reject_constant)
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        what = "is cut short" if cut else "is not JSON"
        raise Refused(f"{path}: {what} at line {error.lineno} ({error.msg}): copy it again, or run "
                      "again with `pyallocbench run -o FILE` or `check`", EXIT_NOT_OURS) from None
    except ValueError as error:
        raise Refused(f"{path}: {error}", EXIT_NOT_OURS) from None
    except RecursionError:
        raise Refused(f"{path}: is nested too deep: name a file that `pyallocbench run -o FILE` "
                      "or `check` wrote", EXIT_NOT_OURS) from None


def section(path, raw):
    run = raw.get("pyallocbench") if isinstance(raw, dict) else None
    name = run.get("schema") if isinstance(run, dict) else None
    if not isinstance(name, str) or not name.startswith(FAMILY):
        what = ("is Google Benchmark output of another program" if isinstance(raw, dict)
                and "benchmarks" in raw and run is None else "is not a pyallocbench document")
        raise Refused(f"{path}: {what}: name a file that `pyallocbench run -o FILE` or "
                      "`check` wrote", EXIT_NOT_OURS)
    number = name[len(FAMILY):]
    if not number.isdecimal() or int(number) < 1:
        raise Refused(f"{path}: has the unknown schema '{name}': this program reads {FAMILY}"
                      f"{VERSION}", EXIT_NOT_OURS)
    if int(number) > VERSION:
        raise Refused(f"{path}: has the schema {name}, and this program reads up to {FAMILY}"
                      f"{VERSION}: use the pyallocbench that wrote it, or a newer one",
                      EXIT_NOT_COMPARABLE)
    return run


def not_kept(path, why):
    return Refused(f"{path}: does not keep to results/schema.json: {why}: run again with "
                   "`pyallocbench run -o FILE` or `check`", EXIT_NOT_OURS)


def expect_known_names(found):
    """Rows are of backends and workloads that the document has."""
    backends = [row.id for row in found.backends]
    workloads = [row.id for row in found.workloads]
    for name in ("samples", "control", "timelines", "summary", "suite", "blowup"):
        for index, row in enumerate(getattr(found, name)):
            for kind, known in (("backend", backends), ("workload", workloads)):
                word = getattr(row, kind)
                if word not in known and not (word is None and name == "suite"):
                    raise not_kept(found.path, f"the {kind} '{word}' of {name}[{index}] is none of "
                                   f"{', '.join(known)}")
    if found.samples and found.baseline not in backends:
        raise not_kept(found.path, f"the baseline '{found.baseline}' is none of "
                       f"{', '.join(backends)}")


def expect_single_samples(found):
    """A cell has one sample a round; told twice it would weigh twice."""
    for name in ("samples", "control"):
        seen = set()
        for index, row in enumerate(getattr(found, name)):
            key = (row.workload, row.backend, row.pass_name, row.round, row.host)
            if key in seen:
                raise ValueError(f"{name}[{index}] is a second sample of {row.workload}, "
                                 f"{row.backend}, round {row.round} of pass {row.pass_name}")
            seen.add(key)


def clocks(rows):
    """The time that speaks for each workload, and for all of them."""
    by_workload = {found.id: found.clock for found in map(workload, rows)}
    kinds = set(by_workload.values()) or {CPU}
    return by_workload | {None: kinds.pop() if len(kinds) == 1 else MIXED}


def is_in_means(row, rows):
    """Where `app` measured a program, means are over programs: replays only foretell them."""
    programs = [one["id"] for one in rows if one["id"].startswith("app:")]
    return not programs or row["id"] in programs


def document(path, run):
    noise_of_run = noise(run["noise"])
    summary = [summary_row(row) for row in run["summary"]]
    suite = [suite_row(row) for row in run["suite"]]
    workloads = [replace(workload(row), is_in_means=is_in_means(row, run["workloads"]))
                 for row in run["workloads"]]
    conformance = run["conformance"]
    checks = [check(row) for row in conformance["checks"]]
    return Document(
        path=path, complete=run["complete"], started=run["started"], rounds_asked=run["rounds"],
        baseline=run["baseline"], provenance=dict(run["provenance"]),
        backends=[backend(row, run["baseline"]) for row in run["backends"]],
        workloads=workloads,
        samples=[sample(row) for row in run["samples"]],
        timelines=[timeline(row) for row in run["timelines"]],
        summary=summary, suite=suite,
        failures=[failure(row) for row in run["failures"]], seed=run["seed"],
        checks=checks, verdicts=[verdict(row, checks) for row in conformance.get("verdicts", [])],
        control=[sample(row) for row in run.get("control", [])], noise=noise_of_run,
        hosts=[host(row) for row in run.get("hosts", [])]
        or [Host(dict(run["provenance"]), noise_of_run)],
        blowup=[blowup(row) for row in run.get("blowup", [])],
        _rows={(row.workload, row.backend, row.metric, row.host): row
               for row in summary + suite},
        _clocks=clocks(run["workloads"]), mean_size=sum(one.is_in_means for one in workloads))


def host(row):
    parts = [part["noise"] for part in row.get("parts", [])]
    return Host(dict(row["provenance"]), noise(row["noise"], parts))


def noise(row, parts=()):
    """Of a host with several parts, `row` has what is theirs together; what passed meanwhile stands
    with each of them."""
    control = row.get("control")
    if control is not None and not control["words"]:
        raise ValueError("noise.control has no words")
    spans = [part["during"] for part in parts or [row] if part.get("during")]
    return Noise(row["load_before"], row["load_after"], together(spans), control)


def together(spans):
    """Shares of the time that the spans have together; None where one of them was not told."""
    seconds = sum(span["s"] for span in spans)

    def total(value):
        values = [value(span) for span in spans]
        return None if None in values or not seconds else sum(values)

    told = {key: total(lambda span, key=key: None if span[key] is None
                       else span[key] * span["s"] / seconds)
            for key in ("steal_share", "idle_share")}
    waited = {what: total(lambda span, what=what: span["pressure_us"][what])
              for what in ("cpu", "memory", "io")}
    told |= {f"waited_for_{what}": None if us is None else min(us / 1e6 / seconds, 1.0)
             for what, us in waited.items()}
    return told | {"throttled_count": total(lambda span: span["throttled_count"])}


def backend(row, baseline):
    identity = row["identity"] or {"version": "", "settings": ""}
    return Backend(row["id"], row["kind"], row["status"], row["reason"], identity["version"],
                   identity["settings"], row["ranked"], row["id"] == baseline,
                   row.get("gc"), row.get("role"), row.get("level"), row.get("allocator"))


def workload(row):
    curve = row["demand"]["curve"] if row["demand"] else {"calls": [], "live_bytes": []}
    same_length(row["id"], curve["calls"], curve["live_bytes"])
    checksums = {known.get("gc"): {"time": known["checksum"], "memory": known["memory_checksum"]}
                 for known in [row, *row.get("variants", [])]}
    return Workload(row["id"], row["unit"], checksums, curve["calls"], curve["live_bytes"],
                    row.get("clock") == "wall", row.get("threads", 1),
                    row.get("oversubscribed", False),
                    frozenset(one["backend"] for one in row.get("left_out", [])))


def blowup(row):
    expect_numbers(row, "threads", "value", least=0)
    return Blowup(row["workload"], row["backend"], row["threads"], row["value"],
                  row.get("host", 0))


def sample(row):
    expect_numbers(row, "round", "position", "ops", "cold_ns", "reps_wall_ns", "reps_cpu_ns",
                   least=0)
    return Sample(row["workload"], row["backend"], row["pass"], row["round"], row["ops"],
                  row["cold_ns"], row["reps_wall_ns"], row["reps_cpu_ns"], row["checksum"],
                  row["exit"], row["signal"], memory(row["mem"]) if row["mem"] else None,
                  row["position"], row.get("host", 0), row.get("figures", {}),
                  row.get("series", {}), row.get("large"))


def memory(row):
    expect_numbers(row, "peak_rss_bytes", least=0)
    expect_numbers(row, "f_peak", "f_time", "internal")
    return Memory(row["peak_rss_bytes"], row["f_peak"], row["f_time"], row["internal"],
                  {point["after_ms"]: point["value"] for point in row["f_ret"]},
                  [(mark["phase"], mark["calls"]) for mark in row["phases"]], row["structure"])


def timeline(row):
    expect_numbers(row, "calls", "rss_bytes", least=0)
    same_length(f"{row['workload']}, {row['backend']}", row["calls"], row["rss_bytes"])
    by_time = not any(row["calls"])
    axis = row["t_ms"] if by_time else row["calls"]
    same_length(f"{row['workload']}, {row['backend']}", axis, row["rss_bytes"])
    return Timeline(row["workload"], row["backend"], row["round"], axis, row["rss_bytes"],
                    {point["after_ms"]: point["rss_bytes"] for point in row["retained"]},
                    row.get("host", 0), by_time)


def summary_row(row):
    expect_numbers(row, "n", "median", "mad", "ratio", "lo", "hi")
    return Summary(row["workload"], row["backend"], row["metric"], row["n"], row["median"],
                   row["mad"], row["ratio"], row["lo"], row["hi"], host=row.get("host", 0))


def suite_row(row):
    expect_numbers(row, "n_workloads", "geomean_ratio", "lo", "hi")
    return Summary(None, row["backend"], row["metric"], row["n_workloads"], None, None,
                   row["geomean_ratio"], row["lo"], row["hi"], row["method"], row.get("host", 0))


def failure(row):
    return Failure(row["workload"], row["backend"], row["pass"], row["round"], row["kind"],
                   row["message"], row.get("host"))


def check(row):
    return Check(row["backend"], row["check"], row["verdict"], row["reason"], row.get("class"),
                 row.get("summary"), row.get("source"), row.get("finding"))


def verdict(row, checks):
    """Its counts stand beside the rows that they count, so the two must agree."""
    counts = {"pass": row["passed"], "deviation": row["deviations"], "fail": row["failed"],
              "info": row.get("infos", 0), "skip": row["skipped"]}
    own = [one for one in checks if one.backend == row["backend"]]
    for name, count in counts.items():
        found = sum(one.verdict == name for one in own)
        if found != count:
            raise ValueError(f"{row['backend']} has {found} checks of verdict {name} and counts "
                             f"{count}")
    if sum(bool(one.finding) for one in own) != row.get("known", 0):
        raise ValueError(f"{row['backend']} has other known failures than it counts")
    for one in own:
        if None in (one.class_name, one.summary, one.source):
            raise ValueError(f"{one.id} of {one.backend} has no class, summary or source")
    return Verdict(row["backend"], row["verdict"], counts, row.get("known", 0))


def same_length(what, first, second):
    if len(first) != len(second):
        raise ValueError(f"the curve of {what} has {len(first)} calls and {len(second)} values")


def expect_numbers(row, *keys, least=-math.inf):
    """Each a number, a list of numbers, or null."""
    for key in keys:
        for value in row[key] if isinstance(row[key], list) else [row[key]]:
            if value is not None and (type(value) not in (int, float) or value < least):
                raise ValueError(f"{key} holds {json.dumps(value)[:60]}")
