"""The README's table of one results document, in Markdown.

    table.py FILE                      prints it
    table.py FILE --update README.md   writes it between the two marker lines of README.md
    table.py --check README.md         is README.md what the document that it names gives?

page.py says what it leaves with. Depends on load.py, page.py and the standard library.
"""

import sys

import load
import page

MIB = 1 << 20


def number(value, form):
    return "n/a" if value is None else form.format(value)


def ratio(row):
    """`0.93 [0.91, 0.95]`; a ratio without an interval says so by having none."""
    if row is None or row.ratio is None:
        return "n/a"
    if row.lo is None:
        return f"{row.ratio:.2f}"
    return f"{row.ratio:.2f} [{row.lo:.2f}, {row.hi:.2f}]"


def time_ratio(document, row):
    """A ratio of times, which a control that failed takes back."""
    return ratio(row) + (" !" if document.control_failed() and row and row.ratio else "")


def overall(document, backend, metric):
    """The geometric mean, and over how many workloads where that is not all."""
    row, workloads = document.overall(backend, metric), document.mean_size
    partial = row is not None and 0 < row.n < workloads
    text = time_ratio(document, row) if metric == document.clock(None) else ratio(row)
    return text + (f" ({row.n} of {workloads})" if partial else "")


def median(row, form, scale=1.0):
    return number(None if row is None or row.median is None else row.median * scale, form)


def spread(document, backend, metric, form, scale=1.0):
    """Least and greatest over the workloads: they differ too much for one number."""
    rows = [document.cell(w.id, backend, metric) for w in document.workloads]
    values = sorted(row.median * scale for row in rows if row and row.median is not None)
    if not values:
        return "n/a"
    low, high = form.format(values[0]), form.format(values[-1])
    return low if low == high else f"{low} to {high}"


def name(backend):
    part = " (baseline)" if backend.is_baseline else "" if backend.ranked else " (floor)"
    return page.code(backend.id) + part


def markdown(header, rows):
    return page.markdown(header, rows, ("workload", "backend"))


def ordered(document):
    """Measured backends in the document's order, floors last."""
    measured = [b for b in document.backends if b.status == "ok"]
    return sorted(measured, key=lambda backend: not backend.ranked)


def overview(document):
    header = ["backend", f"{document.clock_word()}, ratio", "peak RSS, ratio", "F_peak", "F_ret, %", "internal, %"]
    rows = []
    for backend in ordered(document):
        rows.append([
            name(backend),
            overall(document, backend.id, document.clock(None)),
            overall(document, backend.id, "peak_rss_bytes"),
            spread(document, backend.id, "f_peak", "{:.2f}"),
            spread(document, backend.id, "f_ret", "{:.0f}", 100.0),
            spread(document, backend.id, "internal", "{:.1f}", 100.0),
        ])
    return markdown(header, rows)


def clock_marks(document, workload):
    wall = ", wall" if workload.clock != document.clock(None) and workload.is_wall else ""
    return wall + (", oversubscribed" if workload.is_oversubscribed else "")


def details(document):
    word = {load.CPU: "CPU ns/op", load.WALL: "wall ns/op", load.MIXED: "ns/op"}
    header = ["workload", "backend", word[document.clock(None)], "ratio", "peak RSS, MiB", "F_peak", "F_ret, %",
              "internal, %"]
    rows = []
    for workload in document.workloads:
        for backend in ordered(document):
            cell = {metric: document.cell(workload.id, backend.id, metric) for metric in
                    ("peak_rss_bytes", "f_peak", "f_ret", "internal")}
            time = document.time_of(workload.id, backend.id)
            missing = time is None or time.median is None
            rows.append([
                workload.id + clock_marks(document, workload), name(backend),
                document.why_missing(workload.id, backend.id, "time") if missing
                else f"{time.median:.1f}",
                time_ratio(document, time),
                median(cell["peak_rss_bytes"], "{:.1f}", 1 / MIB),
                median(cell["f_peak"], "{:.2f}"),
                median(cell["f_ret"], "{:.0f}", 100.0),
                median(cell["internal"], "{:.1f}", 100.0),
            ])
    return markdown(header, rows)


def circumstances(document):
    facts = document.provenance
    lines = [f"{page.machine(document)}; {facts['compiler']}, `{facts['cflags']}`; "
             f"{document.started[:10]}; {document.program()}; "
             f"rounds: {document.rounds_done('time')} time, "
             f"{document.rounds_done('memory')} memory."]
    lines += page.versions(document)
    if not document.complete:
        lines.append(f"**Incomplete run: interrupted after {document.rounds_done('time')} of "
                     f"{document.rounds_asked} rounds.**")
    if document.control_failed():
        lines.append("**A/A control failed: take no time verdict from this run.** "
                     "Beside a time ratio `!` says so again.")
    lines += [f"Not measured: `{b.id}`, {b.status}: {b.reason}." for b in document.backends
              if b.status != "ok"]
    return lines


def intervals(document):
    if document.mean_intervals(document.clock(None)):
        return "In brackets the 95 % interval."
    if document.has_intervals():
        return "In brackets the 95 % interval; that of the mean needs at least 20 rounds."
    return "There are no intervals: they need at least 6 rounds, that of the mean 20."


def notes(document):
    """What a reader of the numbers above would stumble over, each a paragraph of its own."""
    lines = ["", document.clock_note()] if document.clock_note() else []
    peaks = [document.cell(w.id, b.id, "f_peak") for w in document.workloads
             for b in ordered(document)]
    if any(row and row.median is not None and round(row.median, 2) < 1 for row in peaks):
        lines += ["", "F_peak below 1: bytes that were asked for but never touched (the tails of "
                  "over-allocated blocks) cost no memory."]
    for floor in [b for b in ordered(document) if not b.ranked]:
        lines += ["", f"{name(floor)} never reuses memory, so it pays page faults and cache misses "
                  "and may be slower than a real allocator: a floor of allocator work, not of "
                  "time."]
    return lines


def text(document, link):
    """The whole block."""
    if len(document.hosts) > 1:
        raise load.Refused(f"{document.path}: this table shows one machine, and these are "
                           f"{len(document.hosts)}: `pyallocbench compare {document.path}` tells "
                           "of all", load.EXIT_NOT_OURS)
    lines = circumstances(document)
    lines += ["", f"Ratios are to `{document.baseline}`, the geometric mean over "
              f"{document.mean_size} workload{'s' * (document.mean_size != 1)}; "
              "below 1 is faster or smaller. " + intervals(document) + " F_peak, F_ret and internal are least and greatest over the "
              "workloads; lower is better."]
    lines += [""] + overview(document) + notes(document)
    lines += ["", "<details><summary>Every workload</summary>", ""] + details(document)
    lines += ["", "</details>", "", page.source(link) + "."]
    return "\n".join(lines) + "\n"


BLOCK = page.Block("table.py", __doc__.split("\n")[0], "table", load.MEASUREMENTS, text)

if __name__ == "__main__":
    sys.exit(page.main(BLOCK, sys.argv[1:]))
