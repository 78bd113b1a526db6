"""Short samples: a process, one body, and nothing that only a calibration needs; the gate's test
of itself."""

import os
import shutil
import subprocess
import unittest

from support import GOOD, HANG_SECONDS, TOOL, USAGE, CliTest

SPRINT = ("run", "--preset", "sprint", "--passes", "time", "-b", "null,pymalloc", "-w",
          "small_ints", "-p", "small_ints.steps=2000", "--rounds", "2", "-q", "-o", "out.json")
SMOKE = (*SPRINT, "--preset", "smoke")
FLAGS = {"BENCHMARK_FILTER": "none", "BENCHMARK_MIN_TIME": "60"}


class Short(CliTest):
    def samples(self):
        return self.document()["pyallocbench"]["samples"]

    def test_the_first_body_is_the_only_one(self):
        self.expect_exit(self.tool(*SPRINT), GOOD)
        self.assertEqual(len(self.samples()), 4)
        for sample in self.samples():
            self.assertEqual(sample["reps_cpu_ns"], [sample["cold_ns"]])
            self.assertEqual(sample["iterations"], 1)
            self.assertGreater(sample["reps_wall_ns"][0], 0)

    def test_a_binary_alone_can_sprint_but_not_calibrate(self):
        alone = self.dir / "pyallocbench"
        shutil.copy(TOOL, alone)
        for words, samples in ((SPRINT, 4), (SMOKE, 0)):
            done = subprocess.run([alone, *words], cwd=self.dir, capture_output=True, text=True,
                                  timeout=HANG_SECONDS, check=False)
            self.assertEqual(len(self.samples()), samples, done.stderr)
        self.assertIn("libpab_timer.so, which calibrates, is not beside this program", done.stderr)
        self.assertEqual({row["kind"] for row in self.document()["pyallocbench"]["failures"]},
                         {"unavailable"})

    def test_flags_of_the_timer_are_not_inherited(self):
        self.expect_exit(self.tool(*SMOKE, env={**os.environ, **FLAGS}), GOOD)
        self.assertEqual({len(sample["reps_cpu_ns"]) for sample in self.samples()}, {2})

    def test_the_gate_is_as_it_says(self):
        done = self.tool("gate", "--self-test")
        self.expect_exit(done, GOOD)
        self.assertNotIn("FAILED", done.stdout)
        self.assertIn("The gate is as it says.", done.stdout)

    def test_a_self_test_is_live_or_not(self):
        self.expect_one_line(self.tool("gate", "--self-test=life"), USAGE, "--self-test=live")


if __name__ == "__main__":
    unittest.main()
