"""Asks pab_stats_driver: all requests at once, then the answers in the same order."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DRIVER = ROOT / "build/tests/stats/pab_stats_driver"
SKIPPED = 77
TAILS = ("two-sided", "greater", "less")

sys.path.insert(0, str(ROOT / "plots"))


def need(*modules):
    """Leaves with the status for a skip where a module is missing."""
    for module in modules:
        try:
            __import__(module)
        except ModuleNotFoundError:
            print(f"skipped: no {module} here (harness/install --tests)")
            sys.exit(SKIPPED)


def words(value):
    """A number, or a sequence as its length and its values; doubles keep every bit."""
    if hasattr(value, "__len__"):
        return f"{len(value)} " + " ".join(map(float.hex, map(float, value)))
    return float(value).hex() if isinstance(value, float) else str(value)


class Driver:
    def __init__(self, program):
        self.program = program
        self.requests = []

    def ask(self, name, *values):
        """The number of its answer."""
        self.requests.append(" ".join([name, *map(words, values)]))
        return len(self.requests) - 1

    def answers(self):
        """A list of numbers for each request."""
        done = subprocess.run([self.program], input="\n".join(self.requests) + "\n", text=True,
                              capture_output=True, check=False)
        lines = [[float(word) for word in line.split()] for line in done.stdout.splitlines()]
        if done.returncode != 0 or len(lines) != len(self.requests):
            raise RuntimeError(f"{self.program}: exit {done.returncode} after {len(lines)} of "
                               f"{len(self.requests)} answers: {done.stderr.strip()}")
        return lines
