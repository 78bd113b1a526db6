"""Small gates for tests: run for real, or of a real one whose figures are then written by hand."""

import functools
import json
import pathlib
import subprocess
import tempfile

from support import HANG_SECONDS, TOOL, CliTest

REGRESSION, INCONCLUSIVE = 3, 5
SMALL = ("gate", "-q", "-w", "small_ints", "-p", "small_ints.live=20000", "-p",
         "small_ints.steps=20000")
MEMORY_ROUNDS = 3
ROUNDS = 32  # the control has a quarter of them, and needs 8


def sentence(done):
    """What a gate ends with, however it was broken into lines."""
    return " ".join(done.stdout.rstrip().split("\n\n")[-1].split())


def run_gate(folder, *words, **options):
    return subprocess.run([TOOL, *SMALL, *words], cwd=folder, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=HANG_SECONDS, check=False,
                          **options)


@functools.cache
def real_gate():
    """A real A/A gate: how it ended, and its document."""
    with tempfile.TemporaryDirectory(prefix="pab-cli-") as folder:
        made = run_gate(folder, "--base-bin", TOOL, "--rounds", str(ROUNDS), "--passes",
                        "time,memory", "--confirm", "0", "-o", "real.json")
        return made, pathlib.Path(folder, "real.json").read_text(encoding="utf-8")


class Planted(CliTest):
    """A real A/A gate, whose figures are then written by hand."""

    def setUp(self):
        super().setUp()
        self.made, text = real_gate()
        self.whole = json.loads(text)
        self.run_part = self.whole["pyallocbench"]
        self.run_part["gate"]["rules"]["confirm_rounds"] = None
        self.quiet_control()
        base = {sample["round"]: sample["mem"] for sample in self.samples("memory", "base")}
        for sample in self.samples("memory", "head"):
            sample["mem"] = json.loads(json.dumps(base[sample["round"]]))

    def samples(self, kind, role=None):
        return [sample for sample in self.run_part["samples"] if sample["pass"] == kind
                and sample["backend"].endswith(f"@{role}" if role else "")]

    def set_time(self, sample, factor):
        """Times that scatter by a few parts in a thousand, alike in both arms."""
        nominal = 1e6 * (1 + 0.004 * ((sample["round"] * 7) % 5 - 2))
        wobble = 1 + 0.002 * ((sample["round"] * 3 + len(sample["backend"])) % 4 - 1.5)
        if sample["backend"].endswith("@head"):
            nominal *= factor * wobble
        sample["reps_cpu_ns"] = [round(nominal)] * len(sample["reps_cpu_ns"])

    def quiet_control(self, factor=1):
        for sample in self.samples("time"):
            self.set_time(sample, 1)
        for sample in self.run_part["control"]:
            self.set_time(sample, 1)
            wobble = factor * (1 + 0.0004 * (sample["round"] % 3 - 1))
            sample["reps_cpu_ns"] = [round(ns * wobble) for ns in sample["reps_cpu_ns"]]

    def set_head(self, first, again=None):
        """Head's factor in the first rounds and, where there are any, in those that confirm."""
        for sample in self.samples("time"):
            self.set_time(sample, first)
        if again is not None:
            for sample in self.samples("time"):
                twin = dict(sample, round=sample["round"] + ROUNDS)
                self.set_time(twin, again)
                self.run_part["samples"].append(twin)

    def judge(self, *words, name="gate.json"):
        (self.dir / name).write_text(json.dumps(self.whole), encoding="utf-8")
        return self.tool("gate", name, *words)

    def expect(self, code, *words, options=()):
        done = self.judge(*options)
        self.expect_exit(done, code)
        for word in words:
            self.assertIn(word, sentence(done))
        return done
