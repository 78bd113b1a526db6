"""What the command-line tests share: the binary, a folder for each test, and how to judge.

CTest sets PAB_TOOL (the binary), PAB_ROOT (the sources) and PAB_BROKEN (the broken libraries).
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import jsonschema

TOOL = os.environ["PAB_TOOL"]
ROOT = pathlib.Path(os.environ["PAB_ROOT"])
BROKEN = pathlib.Path(os.environ["PAB_BROKEN"])

SCHEMA = jsonschema.Draft202012Validator(
    json.loads((ROOT / "results/schema.json").read_text(encoding="utf-8")))

# Exit statuses of the binary.
GOOD, IO_ERROR, USAGE, BAD_CELL, NOT_COMPARABLE, UNAVAILABLE = 0, 1, 2, 4, 6, 77

# Longer than any command here takes: only a hang reaches it.
HANG_SECONDS = 600


def schema_faults(document):
    """A line for each rule of the schema that it breaks."""
    return [f"{list(error.absolute_path)}: {error.message[:200]}"
            for error in SCHEMA.iter_errors(document)]


class CliTest(unittest.TestCase):
    """One test, in an empty folder of its own, which is also where the binary runs."""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="pab-cli-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def tool(self, *words, **options):
        """Runs the binary to its end."""
        return subprocess.run(
            [TOOL, *map(str, words)], cwd=self.dir, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=HANG_SECONDS, check=False, **options)

    def start(self, *words, **options):
        """Starts the binary, to be interrupted."""
        process = subprocess.Popen(
            [TOOL, *map(str, words)], cwd=self.dir, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def document(self, name="out.json"):
        with open(self.dir / name, encoding="utf-8") as file:
            return json.load(file)

    def static_program(self):
        """A program that no library can be preloaded into, in the test's folder."""
        compiler = shutil.which("cc")
        program = self.dir / "static"
        (self.dir / "static.c").write_text("int main(void) { return 0; }\n")
        if compiler is None or subprocess.run(
                [compiler, "-static", self.dir / "static.c", "-o", program],
                capture_output=True, check=False).returncode != 0:
            self.skipTest("no compiler, or no static libc, to make a static program with")
        return program

    def expect_valid(self, document):
        self.assertEqual(schema_faults(document), [])

    def expect_exit(self, done, code):
        self.assertEqual(done.returncode, code, f"\nstdout: {done.stdout}\nstderr: {done.stderr}")

    def expect_one_line(self, done, code, *words):
        """It ended with `code`, and said why in one line of stderr that holds all of `words`."""
        self.expect_exit(done, code)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        for word in words:
            self.assertIn(word, lines[0])


def unwrapped(text):
    """The text without its line breaks: where they fall depends on the folder the tree is in."""
    return " ".join(text.split())


def samples_of(document, backend, kind=None):
    """The samples of one backend, of one pass or of all."""
    return [sample for sample in document["pyallocbench"]["samples"]
            if sample["backend"] == backend and kind in (None, sample["pass"])]


def good_cells(document, backend):
    """(workload, pass, round) of each sample of `backend` whose worker ended well."""
    return sorted((sample["workload"], sample["pass"], sample["round"])
                  for sample in samples_of(document, backend)
                  if sample["exit"] == 0 and sample["signal"] in (0, None))


def planned_cells(document, backend):
    """(workload, pass, round) of all that the plan asks of `backend`."""
    run = document["pyallocbench"]
    rounds = {"time": run["rounds"], "memory": run["memory_rounds"]}
    rounds = {name: count for name, count in rounds.items() if name in run["passes"]}
    return sorted((workload["id"], kind, number)
                  for workload in run["workloads"]
                  if backend not in {row["backend"] for row in workload["left_out"]}
                  for kind, count in rounds.items()
                  for number in range(count))


def failures_of(document, backend):
    return [failure for failure in document["pyallocbench"]["failures"]
            if failure["backend"] == backend]


def checks_of(document):
    """{(backend, check): row} of a document of `check`."""
    return {(row["backend"], row["check"]): row
            for row in document["pyallocbench"]["conformance"]["checks"]}
