#!/usr/bin/python3
"""Runs real programs under `verify`, and compares what they did with what they do alone.

    tests/verify/run.py [--tool FILE] [--python FILE]... [--rounds N] [--quick] [PROGRAM...]

Each program of programs/ must end as it ends alone, print what it prints alone, have calls
compared and no mismatch. SLOW-DOWN is CPU time under `verify` over CPU time alone, children
included: the median over the rounds, which alternate, with the least and the greatest.

Exit status: 0 all passed, 1 some did not, 2 usage, 77 `verify` cannot run here.
"""
import argparse
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = HERE / "programs"
DEFAULT_TOOL = HERE.parents[1] / "build" / "pyallocbench"
QUICK = ("json_text", "threads", "forks", "crash", "interpreters")
HANG_S = 300  # an alarm, no measure
CANNOT_RUN = 77
LAST_LINE = re.compile(r"(\d+) calls compared, (\d+) mismatches")


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(words):
    """(exit status as a shell sees it, stdout, stderr, CPU seconds)"""
    before = cpu_seconds()
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=HANG_S, check=False)
    code = done.returncode if done.returncode >= 0 else 128 - done.returncode
    return code, done.stdout, done.stderr, cpu_seconds() - before


def expected_exit(program):
    """Programs that end otherwise than well say so in their docstring: a line `exit: N`."""
    found = re.search(r"^exit: (-?\d+)", program.read_text(encoding="utf-8"), re.MULTILINE)
    code = int(found[1]) if found else 0
    return code if code >= 0 else 128 - code


class Outcome:
    """One program on one interpreter."""

    def __init__(self, tool, python, program, rounds):
        self.problems = []
        self.calls = self.mismatches = 0
        self.unavailable = False
        self.ratios = []
        for _ in range(rounds):
            self.round(tool, python, program)

    def round(self, tool, python, program):
        alone = run([python, program])
        with tempfile.TemporaryDirectory() as folder:
            report = pathlib.Path(folder, "report")
            under = run([tool, "verify", "--report", report, "--", python, program])
            text = report.read_text(encoding="utf-8") if report.exists() else ""
        self.unavailable = under[0] == CANNOT_RUN
        self.ratios.append(under[3] / max(alone[3], 0.01))
        last = LAST_LINE.fullmatch(text.splitlines()[-1] if text else "")
        if last is None:
            self.problems.append(f"no summary; exit {under[0]}: {under[2].strip()[-300:]}")
            return
        self.calls, self.mismatches = int(last[1]), int(last[2])
        if alone[0] != expected_exit(program):
            self.problems.append(f"alone it ends with {alone[0]}: {alone[2].strip()[-300:]}")
        if under[0] != alone[0]:
            self.problems.append(f"it ends with {under[0]}, alone with {alone[0]}")
        if under[1:3] != alone[1:3]:
            self.problems.append(f"it prints {under[1:3]}, alone {alone[1:3]}"[:600])
        if self.calls == 0 or self.mismatches > 0:
            self.problems.append(text)
        if "skipped" in text or "left no record" in text:
            self.problems.append(text)


def show(name, outcome):
    slow = statistics.median(outcome.ratios)
    spread = f"{min(outcome.ratios):.2f} to {max(outcome.ratios):.2f}"
    print(f"{name:<18} {outcome.calls:>12,} {outcome.mismatches:>10}   {slow:5.2f}  {spread:<14} "
          f"{'ok' if not outcome.problems else 'FAILED'}", flush=True)
    for problem in dict.fromkeys(outcome.problems):
        print("    " + problem.replace("\n", "\n    "))


def version_of(python):
    return run([python, "-c", "import sys; print(sys.version.split()[0])"])[1].strip()


def parse_arguments():
    parser = argparse.ArgumentParser(description="Runs real programs under `verify`.")
    parser.add_argument("--tool", type=pathlib.Path,
                        default=pathlib.Path(os.environ.get("PAB_TOOL", DEFAULT_TOOL)),
                        help="the binary (default: build/pyallocbench)")
    parser.add_argument("--python", action="append", help="an interpreter; may be repeated")
    parser.add_argument("--rounds", type=int, default=1, help="for the slow-down (default: 1)")
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}")
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help="default: all")
    arguments = parser.parse_args()
    known = sorted(path.stem for path in PROGRAMS.glob("*.py"))
    for name in arguments.programs:
        if name not in known:
            parser.error(f"no program is named {name}; there are {', '.join(known)}")
    for python in arguments.python or []:
        if shutil.which(python) is None:
            parser.error(f"--python {python}: there is no such program")
    arguments.names = arguments.programs or (QUICK if arguments.quick else known)
    return arguments


def main():
    arguments = parse_arguments()
    passed = failed = total = 0
    slow = []
    for python in arguments.python or ["/usr/bin/python3"]:
        print(f"\nCPython {version_of(python)}, {python}")
        print(f"{'program':<18} {'calls':>12} {'mismatches':>10}   slow-down, spread")
        for name in arguments.names:
            outcome = Outcome(arguments.tool, python, PROGRAMS / f"{name}.py", arguments.rounds)
            if outcome.unavailable:
                print(f"run.py: {outcome.problems[0]}", file=sys.stderr)
                return CANNOT_RUN
            show(name, outcome)
            passed += not outcome.problems
            failed += bool(outcome.problems)
            total += outcome.calls
            slow += outcome.ratios
    print(f"\n{total:,} calls compared; slow-down at most {max(slow):.2f}, "
          f"median {statistics.median(slow):.2f}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
