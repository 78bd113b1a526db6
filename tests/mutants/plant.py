#!/usr/bin/python3
"""Plants bugs in copies of our sources, or over any allocator, and shows what finds each.

    tests/mutants/plant.py [--build FOLDER] [--all | --set NAME... | MUTANT...]
                           [--list] [--jobs N] [--ops N] [--seeds N] [--under NAME,...]

Sets, each a table NAME.toml here:

    allocator   the built-in pymalloc, the adapters and debug hooks; checks must find them
    collector   the built-in collector; checks must find them
    shim        evil/evil.c over the system's malloc, or with --under over another allocator
    exactness   what only a comparison with a real CPython shows; proofs must find them
    statistics  tests, intervals and corrections; a comparison with scipy must find them
    comparison  rules of verdicts, the A/A control; their unit tests must find them
    gate        the judge of the gate; its unit test must find them
    reading     the reader of documents and what follows from it; their unit tests must find them
    recording   `record`, in the program and outside; its tests must find them
    programs    `app`, its configurations and its witness; real programs must find them
    replaying   traces: their writer, their reader, their replay; unit tests must find them

Without a choice: the mutants marked `in_tests`, a minute's worth. --all is all of them, the shim
over every allocator that is installed. Nothing in the source tree or in the build folder changes.
First every finder runs with nothing planted: where it does not pass, its failures mean nothing.

--seeds N runs each check with seeds 1 to N: a mutant is found only if each seed finds it.

Exit status: 0 every mutant was found, 1 one survived or a control failed, 2 usage, 77 nothing
survived but something cannot run here.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import signal
import sys
import tomllib

import planting
import trials

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SETS = ("allocator", "collector", "shim", "exactness", "statistics", "comparison", "gate", "reading",
        "recording", "programs", "replaying")
CATALOGUED = re.compile(r"([MG])(\d\d)")


def in_catalogue_order(entry):
    """M01 to M43, then G01 to G26, what is planted in several places together; then all others."""
    known = CATALOGUED.match(entry[1])
    return (0, known[1] == "G", int(known[2])) if known else (1, False, 0)


class Table:
    """The mutants of all sets, in the order of the catalogue: entries are (set, name, mutant)."""

    def __init__(self):
        self.mutants, self.proofs, self.under = [], {}, {}
        for name in SETS:
            path = HERE / f"{name}.toml"
            text = tomllib.loads(path.read_text()) if path.exists() else {}
            self.mutants += [(name, key, value) for key, value in text.get("mutant", {}).items()]
            self.proofs.update(text.get("proof", {}))
            self.under.update(text.get("under", {}))
        self.mutants.sort(key=in_catalogue_order)

    def choose(self, arguments):
        if arguments.mutants:
            return [entry for entry in self.mutants if entry[1] in arguments.mutants]
        if arguments.set:
            return [entry for entry in self.mutants if entry[0] in arguments.set]
        if arguments.all or arguments.list:
            return self.mutants
        return [entry for entry in self.mutants if entry[2].get("in_tests", False)]


class Run:
    """Controls first, then every chosen mutant; rows in the order of the table."""

    def __init__(self, table, arguments):
        self.table, self.chosen = table, table.choose(arguments)
        build = planting.Build(arguments.build.resolve(), ROOT)
        self.proofs = trials.Proofs(build, ROOT, table.proofs)
        self.checks = trials.Checks(build, ROOT, range(1, arguments.seeds + 1), arguments.ops)
        self.under = [(name, table.under[name]) for name in arguments.under]
        self.pool = concurrent.futures.ThreadPoolExecutor(arguments.jobs)
        self.failed, self.cannot, self.said = [], {}, {}

    def controls(self):
        tried = [mutant for _, _, mutant in self.chosen if "equivalent" not in mutant]
        pairs = {(proof, mutant["file"]) for mutant in tried
                 for proof in mutant.get("found_by", [])}
        self.failed, self.cannot = self.proofs.control(pairs)
        if any("checks" in mutant for mutant in tried):
            self.checks.find_known()
        asked = {}
        for mutant in tried:
            for place in self.places(mutant) if "checks" in mutant else []:
                asked.setdefault(place, set()).update(mutant["checks"])
        futures = {place: self.pool.submit(self.control, place, sorted(checks))
                   for place, checks in asked.items()}
        self.said = {place: future.result() for place, future in futures.items()}
        for place, said in self.said.items():
            for check, (verdict, reason) in said.items():
                if verdict in ("FAIL", "CRASH"):
                    self.failed.append(f"{check} on {place} with nothing planted: {reason}")

    def places(self, mutant):
        """Where a mutant is tried: a backend, or what the shim stands over."""
        return self.under if "evil" in mutant else [mutant.get("backend", "pymalloc")]

    def control(self, place, checks):
        if isinstance(place, str):
            return self.checks.control(place, checks)
        return self.checks.control(self.checks.shim_spec(), checks,
                                   {"PAB_EVIL": "none", "PAB_EVIL_UNDER": place[1]})

    def one(self, name, mutant):
        if "equivalent" in mutant:
            return [trials.Row(name, mutant.get("file", ""), "-", "equivalent", "",
                               mutant["equivalent"])]
        if "found_by" in mutant:
            return list(self.proofs.rows(name, mutant, self.cannot))
        rows = []
        for place in self.places(mutant):
            said = self.said[place]
            if "evil" in mutant:
                rows += self.checks.shim_rows(name, mutant, place, said)
            else:
                rows += self.checks.source_rows(name, mutant, said)
        return rows

    def rows(self):
        return self.pool.map(lambda entry: (entry, self.one(entry[1], entry[2])), self.chosen)


def print_row(mutant, where, finder, verdict, ops, how):
    print(f"{mutant:<26} {where:<24} {finder:<11} {verdict:<10} {ops:>9}  {how}".rstrip(),
          flush=True)


def print_list(chosen):
    rows = [("mutant", "set", "found by", "what")]
    rows += [(name, kind + ("*" if mutant.get("in_tests") else ""),
              ", ".join(mutant.get("checks", mutant.get("found_by", ["(equivalent)"]))),
              mutant["what"]) for kind, name, mutant in chosen]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for row in rows:
        print("  ".join([*(text.ljust(width) for text, width in zip(row, widths)), row[3]]))
    print("* runs by default")


def judge(name, rows, totals):
    """A mutant is found where each of its finders that can run finds it."""
    verdicts = [row.verdict.split()[0] for row in rows if row.verdict != trials.CANNOT]
    if not verdicts:
        totals["not run"].append(name)
    elif trials.SURVIVED in verdicts:
        totals["survived"].append(name)
    else:
        totals["equivalent" if verdicts == ["equivalent"] else "found"].append(name)


def whole(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}; --help shows what there is\n")


def parse_arguments(table):
    parser = Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [OPTION...] [MUTANT...]")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", metavar="FOLDER",
                        help="a release build with tests (default: build)")
    parser.add_argument("--list", action="store_true", help="show the mutants and end")
    parser.add_argument("--all", action="store_true", help="every mutant of every set")
    parser.add_argument("--set", choices=SETS, nargs="+", help="every mutant of a set")
    parser.add_argument("--jobs", type=whole, default=len(os.sched_getaffinity(0)), metavar="N")
    parser.add_argument("--ops", type=whole, default=0, metavar="N",
                        help="budget of each check (default: its own)")
    parser.add_argument("--seeds", type=whole, default=1, metavar="N", help="seeds 1 to N")
    parser.add_argument("--under", default="", metavar="NAME,...",
                        help=f"what the shim stands over: {', '.join(table.under)}")
    parser.add_argument("mutants", nargs="*", metavar="MUTANT")
    arguments = parser.parse_args()
    known = {name for _, name, _ in table.mutants}
    for name in arguments.mutants:
        if name not in known:
            parser.error(f"no mutant is named {name}; --list shows all")
    arguments.under = [name for name in arguments.under.split(",") if name]
    for name in arguments.under:
        if name not in table.under:
            parser.error(f"--under {name}: it can be {', '.join(table.under)}")
    if not arguments.under:
        arguments.under = list(table.under) if arguments.all else ["system"]
    return arguments


def report(run):
    totals = {"found": [], "survived": [], "equivalent": [], "not run": []}
    print_row("MUTANT", "WHERE", "FINDER", "VERDICT", "OPS", "HOW")
    for (kind, name, _), rows in run.rows():
        for row in rows:
            print_row(row.mutant, row.where, row.finder, row.verdict, row.ops, row.how)
        judge(f"{kind}/{name}", rows, totals)
    for proof, reason in run.cannot.items():
        print(f"not run: {proof}: {reason}")
    for kind in ("survived", "not run"):
        if totals[kind]:
            print(f"{kind}: {' '.join(totals[kind])}")
    print(f"{len(totals['found'])} mutants found, {len(totals['survived'])} survived, "
          f"{len(totals['equivalent'])} equivalent, {len(totals['not run'])} not run")
    if totals["survived"]:
        return 1
    return trials.CANNOT_RUN if totals["not run"] else 0


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    table = Table()
    arguments = parse_arguments(table)
    if arguments.list:
        print_list(table.choose(arguments))
        return 0
    if not (arguments.build / "compile_commands.json").exists():
        print(f"plant.py: --build {arguments.build}: no build folder: configure and build first "
              "(cmake --preset release && cmake --build build)", file=sys.stderr)
        return 2
    try:
        run = Run(table, arguments)
        run.controls()
        for line in run.failed:
            print(f"control: {line}")
        return 1 if run.failed else report(run)
    except planting.Problem as problem:
        print(f"plant.py: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
