"""The README's matrix of one document of `pyallocbench check`, in Markdown.

    conformance.py FILE                      prints it
    conformance.py FILE --update README.md   writes it between the two marker lines of README.md
    conformance.py --check README.md         is README.md what the document that it names gives?

page.py says what it leaves with. Depends on load.py, page.py and the standard library.
"""

import os
import re
import sys

import load
import page

# What the checks of a group hold to what; the only names that stand here. Another group has none.
GROUPS = {
    "MAL": "allocation: results, alignment and errno, to C23 and POSIX",
    "PRE": "content: bytes stay, whatever other blocks do",
    "REA": "realloc and reallocarray, to C23 and POSIX",
    "CAL": "calloc: zero in every byte; products that overflow",
    "ALN": "aligned allocation and its kin, to C23 and POSIX",
    "USZ": "usable size, to what can really be used",
    "FRE": "free: errno, NULL, any order",
    "THR": "threads, signals and fork",
    "OOM": "exhaustion: limits, and calls to the kernel that fail",
    "LNG": "long runs: what is given back, drift, determinism",
    "PYM": "Python's three domains, to CPython's rules; pymalloc's inside, to its own",
    "GCC": "reference counts and the collector over it, to CPython's rules",
    "HRD": "after misuse: told, never judged",
    "MOD": "random calls, to a model that never asks the allocator",
    "DIFF": "addresses, to a real CPython's, call by call",
}
GLYPHS = {"pass": "✓", "deviation": "~", "fail": "✗", "info": "i", "skip": "-"}
LEGEND = ("`✓` passed, `~` deviation, `✗` failed, `i` told (a description, no judgement), `-` "
          "skipped (it does not apply there, or takes hours). The verdict is the worst of what a "
          "standard or a documented contract requires (R) and of what is implementation-defined "
          "and held to its own answer (I); any `✗` makes it fail.")
WORDS = {"pass": "ok", "deviation": "deviation", "fail": "**fail**", "info": "told", "skip": "skip"}


def escaped(text):
    """What would be markup stands for itself."""
    return "".join("\\" + char if char in "|<*~`[]\\" else char for char in text)


def columns(document):
    """The backends that were checked, as the header of a table says them."""
    floors = {backend.id for backend in document.backends if not backend.ranked}
    return [page.code(verdict.backend) + (" (floor)" if verdict.backend in floors else "")
            for verdict in document.verdicts]


def by_check(document):
    """{id: {backend: Check}}, in the document's order."""
    rows = {}
    for check in document.checks:
        rows.setdefault(check.id, {})[check.backend] = check
    return rows


def statements(document):
    """{id: what must hold}; one that goes on from the one before it (`...`) is said in full."""
    known, before = {}, ""
    for id_, row in by_check(document).items():
        summary = next(iter(row.values())).summary
        if summary.startswith("... "):
            summary = before + summary[len("..."):]
        known[id_] = before = summary
    return known


def table(document, header, rows):
    header = header + columns(document)
    return page.markdown(header, rows, header)


# --- what came out, by group ----------------------------------------------------------------------

def tally(checks):
    """`15 ✓ 1 ~ 1 -`, in bold where one failed."""
    counts = {verdict: sum(check.verdict == verdict for check in checks) for verdict in GLYPHS}
    text = " ".join(f"{count} {GLYPHS[verdict]}" for verdict, count in counts.items() if count)
    return f"**{text}**" if counts["fail"] else text


def verdict_cell(verdict):
    word = "pass" if verdict.verdict == "pass" else WORDS[verdict.verdict]
    known = f" ({verdict.known} of {verdict.counts['fail']} known)" if verdict.known else ""
    return word + known


def overview(document):
    groups = dict.fromkeys(check.group for check in document.checks)
    rows = []
    for group in groups:
        own = [check for check in document.checks if check.group == group]
        rows.append([group, GROUPS.get(group, "")] + [
            tally([check for check in own if check.backend == verdict.backend])
            for verdict in document.verdicts])
    rows.append(["**verdict**", "the worst of R and I"]
                + [verdict_cell(verdict) for verdict in document.verdicts])
    return table(document, ["group", "what it holds to what"], rows)


# --- what did not hold ----------------------------------------------------------------------------

def counts_against(check):
    """A crash counts whatever its class; a threshold of ours that was not met does not."""
    return check.verdict == "fail" or (check.verdict == "deviation" and check.class_name in "RI")


def short(source):
    """Its first authority, without what is said about it."""
    return re.split("; |: ", source)[0]


def cell(check):
    if check is None:
        return "not made"
    return WORDS[check.verdict] + (" (known)" if check.finding else "")


def faults(document):
    """Every statement that somebody breaks, and who else keeps it."""
    said, rows = statements(document), []
    for id_, row in by_check(document).items():
        if any(counts_against(check) for check in row.values()):
            source = next(iter(row.values())).source
            rows.append([f"{id_} {escaped(said[id_])}", escaped(short(source))]
                        + [cell(row.get(verdict.backend)) for verdict in document.verdicts])
    if not rows:
        return ["Nothing that is required (R) or answered for (I) failed or deviated."]
    lines = ["What failed, or deviates from what is required (R) or answered for (I):", ""]
    lines += table(document, ["statement", "source"], rows)
    folders = sorted({os.path.dirname(c.finding) for c in document.checks if c.finding})
    if folders:
        lines += ["", "(known): a program of its own shows the same failure without this suite, in "
                  + ", ".join(page.code(folder) for folder in folders) + "."]
    return lines


def thresholds(document):
    said, missed = statements(document), []
    for id_, row in by_check(document).items():
        who = [check.backend for check in row.values()
               if check.verdict == "deviation" and not counts_against(check)]
        if who:
            missed.append(f"{id_} {escaped(said[id_])} ({', '.join(page.code(b) for b in who)})")
    return ["", f"Thresholds of ours (Q) not met: {'; '.join(missed)}."] if missed else []


# --- the whole ------------------------------------------------------------------------------------

def circumstances(document):
    counts = sorted({sum(verdict.counts.values()) for verdict in document.verdicts})
    number = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    lines = [f"{page.machine(document)}; {document.started[:10]}; {document.program()}; "
             f"seed {document.seed}; {number} checks a backend."]
    lines += page.versions(document)
    if not document.complete:
        lines.append("**Incomplete run: interrupted.**")
    lines += [f"Not checked: {page.code(b.id)}, {b.status}: {b.reason}."
              for b in document.backends if b.status != "ok"]
    return lines


def sources(document, link):
    """The document, and the matrix that `check --md` wrote beside it, where it did."""
    matrix = os.path.splitext(link)[0] + ".md"
    beside = os.path.exists(os.path.splitext(document.path)[0] + ".md")
    return page.source(link) + (f"; whole matrix: [`{matrix}`]({matrix})." if beside else ".")


def text(document, link):
    """The whole block."""
    lines = circumstances(document) + [""] + overview(document) + ["", LEGEND, ""]
    lines += faults(document) + thresholds(document) + ["", sources(document, link)]
    return "\n".join(lines) + "\n"


BLOCK = page.Block("conformance.py", __doc__.split("\n")[0], "conformance", load.CHECKS, text)

if __name__ == "__main__":
    sys.exit(page.main(BLOCK, sys.argv[1:]))
