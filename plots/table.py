"""The README's table of one results document, in Markdown.

    table.py FILE                      prints it
    table.py FILE --update README.md   writes it between the two marker lines of README.md
    table.py --check README.md         is README.md what the document that it names gives?

Exit: 0 good, 1 a file could not be read or written, or --check found a difference, 2 not a results
document, no markers, or wrong usage, 6 a document of a newer schema. Depends on load.py and the
standard library.
"""

import argparse
import os
import re
import sys

import load

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
SOURCE = "Made from ["
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


def overall(document, backend, metric):
    """The geometric mean, and over how many workloads where that is not all."""
    row, workloads = document.overall(backend, metric), len(document.workloads)
    partial = row is not None and 0 < row.n < workloads
    return ratio(row) + (f" ({row.n} of {workloads})" if partial else "")


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
    return "`" + backend.id.replace("|", "\\|") + f"`{part}"


def markdown(header, rows):
    """Words on the left, numbers on the right."""
    rule = [":---" if name in ("workload", "backend") else "---:" for name in header]
    lines = [header, rule] + rows
    return ["| " + " | ".join(line) + " |" for line in lines]


def ordered(document):
    """Measured backends in the document's order, floors last."""
    measured = [b for b in document.backends if b.status == "ok"]
    return sorted(measured, key=lambda backend: not backend.ranked)


def overview(document):
    header = ["backend", "CPU time, ratio", "peak RSS, ratio", "F_peak", "F_ret, %", "internal, %"]
    rows = []
    for backend in ordered(document):
        rows.append([
            name(backend),
            overall(document, backend.id, "cpu_ns_per_op"),
            overall(document, backend.id, "peak_rss_bytes"),
            spread(document, backend.id, "f_peak", "{:.2f}"),
            spread(document, backend.id, "f_ret", "{:.0f}", 100.0),
            spread(document, backend.id, "internal", "{:.1f}", 100.0),
        ])
    return markdown(header, rows)


def details(document):
    header = ["workload", "backend", "CPU ns/op", "ratio", "peak RSS, MiB", "F_peak", "F_ret, %",
              "internal, %"]
    rows = []
    for workload in document.workloads:
        for backend in ordered(document):
            cell = {metric: document.cell(workload.id, backend.id, metric) for metric in
                    ("cpu_ns_per_op", "peak_rss_bytes", "f_peak", "f_ret", "internal")}
            time = cell["cpu_ns_per_op"]
            missing = time is None or time.median is None
            rows.append([
                workload.id, name(backend),
                document.why_missing(workload.id, backend.id, "time") if missing
                else f"{time.median:.1f}",
                ratio(time),
                median(cell["peak_rss_bytes"], "{:.1f}", 1 / MIB),
                median(cell["f_peak"], "{:.2f}"),
                median(cell["f_ret"], "{:.0f}", 100.0),
                median(cell["internal"], "{:.1f}", 100.0),
            ])
    return markdown(header, rows)


def circumstances(document):
    facts = document.provenance
    versions = [f"`{b.id}` {b.version}" for b in document.backends
                if b.status == "ok" and b.version]
    lines = [f"{facts['cpu_model'] or 'unknown CPU'}, {facts['cpu_count']} CPUs"
             + (f" ({facts['virtualization']})" if facts["virtualization"] else "")
             + f"; {facts['kernel']}; {facts['libc']}; {facts['compiler']}, "
             f"`{facts['cflags']}`; {document.started[:10]}; {document.program()}; "
             f"rounds: {document.rounds_done('time')} time, "
             f"{document.rounds_done('memory')} memory."]
    if versions:
        lines.append("Versions: " + "; ".join(versions) + ".")
    if not document.complete:
        lines.append(f"**Incomplete run: interrupted after {document.rounds_done('time')} of "
                     f"{document.rounds_asked} rounds.**")
    lines += [f"Not measured: `{b.id}`, {b.status}: {b.reason}." for b in document.backends
              if b.status != "ok"]
    return lines


def intervals(document):
    if document.has_intervals("cpu_ns_per_op"):
        return "In brackets the 95 % interval."
    return "There are no intervals: they need at least 6 rounds."


def notes(document):
    """What a reader of the numbers above would stumble over, each a paragraph of its own."""
    lines = []
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
    """The whole block. `link` is the document's path as the reader of the page follows it."""
    lines = circumstances(document)
    lines += ["", f"Ratios are to `{document.baseline}`, the geometric mean over "
              f"{len(document.workloads)} workloads; below 1 is faster or smaller. "
              + intervals(document) + " F_peak, F_ret and internal are least and greatest over the "
              "workloads; lower is better."]
    lines += [""] + overview(document) + notes(document)
    lines += ["", "<details><summary>Every workload</summary>", ""] + details(document)
    lines += ["", "</details>", "", f"{SOURCE}`{link}`]({link})."]
    return "\n".join(lines) + "\n"


def split(path, page):
    """(before, block, after) of a page with markers, each marker with its neighbour."""
    match = re.search(f"(.*{re.escape(BEGIN)}\n)(.*?)({re.escape(END)}.*)", page, re.DOTALL)
    if match is None or page.count(BEGIN) != 1 or page.count(END) != 1:
        raise load.Refused(f"{path}: needs the lines '{BEGIN}' and '{END}', once each and in this "
                           "order", load.EXIT_NOT_OURS)
    return match.groups()


def link_to(document_path, page_path):
    return os.path.relpath(document_path, os.path.dirname(os.path.abspath(page_path)))


def update(document, page_path):
    with open(page_path, encoding="utf-8") as file:
        before, _, after = split(page_path, file.read())
    block = text(document, link_to(document.path, page_path))
    with open(page_path, "w", encoding="utf-8") as file:
        file.write(before + block + after)


def check(page_path):
    with open(page_path, encoding="utf-8") as file:
        _, block, _ = split(page_path, file.read())
    named = re.search(re.escape(SOURCE) + r"`([^`]+)`", block)
    if named is None:
        raise load.Refused(f"{page_path}: its table names no document: run table.py FILE --update "
                           f"{page_path}", load.EXIT_IO)
    source = os.path.join(os.path.dirname(page_path), named.group(1))
    if text(load.load(source), named.group(1)) != block:
        raise load.Refused(f"{page_path}: its table is not what {source} gives: run table.py "
                           f"{source} --update {page_path}", load.EXIT_IO)


def arguments(argv):
    parser = argparse.ArgumentParser(prog="table.py", description=__doc__.split("\n")[0])
    parser.add_argument("file", metavar="FILE", nargs="?", help="a results document")
    parser.add_argument("--update", metavar="PAGE", help="write the table into this page")
    parser.add_argument("--check", metavar="PAGE", help="compare this page with its document")
    options = parser.parse_args(argv)
    if (options.file is None) == (options.check is None):
        parser.error("name a results document, or a page with --check")
    return options


def main(argv):
    options = arguments(argv)
    try:
        if options.check:
            check(options.check)
        elif options.update:
            update(load.load(options.file), options.update)
        else:
            sys.stdout.write(text(load.load(options.file), options.file))
    except load.Refused as error:
        print(f"table.py: {error}", file=sys.stderr)
        return error.exit_status
    except OSError as error:
        print(f"table.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return load.EXIT_IO
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
