"""What a run says of the machine's noise, and where a control that failed is said."""

import csv
import io
import json
import signal
import subprocess
import sys
import unittest

from journal import wait_for_samples
from support import GOOD, HANG_SECONDS, ROOT, CliTest, unwrapped

RUN = ("run", "--preset", "smoke", "-b", "system,pymalloc", "-w", "small_ints", "--passes", "time")
ROUNDS = 12
ROW = r"\n  {} +[\d.]+ +[\d.]+ \[[\d.]+, [\d.]+\]{} "
SAID = "take no time verdict"


class HeldTest(CliTest):
    def shown(self, *words):
        done = self.tool(*RUN, "-q", "-o", "out.json", *words)
        self.expect_exit(done, GOOD)
        return done.stdout, self.document()["pyallocbench"]

    def test_looks_and_what_passed(self):
        _, run = self.shown("--rounds", "1")
        noise = run["noise"]
        for key in ("cpu_ticks", "switches", "uptime_s"):
            self.assertGreater(noise["after"][key], noise["before"][key])
        self.assertGreater(noise["during"]["s"], 0)
        self.assertLessEqual(noise["during"]["s"], run["duration_s"] + 2)
        self.assertEqual(noise["steal_ticks"], noise["during"]["steal_ticks"])
        self.assertEqual(noise["load_before"], noise["before"]["load"])

    def test_no_control(self):
        text, run = self.shown("--rounds", "2", "--no-control")
        self.assertIn("\ncontrol: none (--no-control)", text)
        self.assertEqual((run["control"], run["noise"]["control"]["verdict"]), ([], "none"))

    def test_too_few_rounds(self):
        text, run = self.shown("--rounds", "2")
        self.assertIn("\ncontrol: 2 rounds are too few", text)
        self.assertEqual(run["noise"]["control"]["verdict"], "too few")

    def test_nothing_timed(self):
        text, run = self.shown("--rounds", "1", "--passes", "memory")
        self.assertNotIn("control", text.lower())
        self.assertIsNone(run["noise"]["control"])


class PlantedTest(CliTest):
    """A run whose every control sample is made to take `factor` as long, then ended by --resume."""

    def finish(self, factor):
        journal = self.dir / "out.json.partial"
        process = self.start(*RUN, "--rounds", "10000", "-o", "out.json")
        wait_for_samples(journal, 2 * ROUNDS + 4, process)
        process.send_signal(signal.SIGINT)
        process.wait(HANG_SECONDS)
        lines = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
        lines[0]["header"]["plan"]["rounds"] = ROUNDS
        for line in lines[1:]:
            row = line.get("control") or line.get("samples")
            if row and row["round"] >= ROUNDS:
                line.clear()
            elif "control" in line:
                twin = next(other["samples"] for other in lines if "samples" in other
                            and other["samples"]["backend"] == row["backend"]
                            and other["samples"]["round"] == row["round"])
                row["reps_cpu_ns"] = [int(ns * (factor + 0.001 * (row["round"] % 3 - 1)))
                                      for ns in twin["reps_cpu_ns"]]
        journal.write_text("".join(json.dumps(line) + "\n" for line in lines if line),
                           encoding="utf-8")
        done = self.tool("run", "--resume", "out.json", "-q")
        self.expect_exit(done, GOOD)
        return done.stdout

    def plot(self, script, *words):
        return subprocess.run([sys.executable, ROOT / "plots" / script, "out.json", *words],
                              cwd=self.dir, capture_output=True, text=True, check=False,
                              timeout=HANG_SECONDS)

    def test_control_that_holds(self):
        text = self.finish(1)
        self.assertRegex(unwrapped(text), r" control: system against itself 1\.000 "
                         r"\[[\d.]+, [\d.]+\]: differences under 0\.\d % are noise ")
        for backend in ("system", "pymalloc"):
            self.assertRegex(text, ROW.format(backend, ""))
        self.assertNotIn("!", text)
        self.assertNotIn("CONTROL FAILED", self.plot("table.py").stdout)

    def test_control_that_failed_is_said_everywhere(self):
        text = self.finish(1.2)
        self.assertIn(f"\nCONTROL FAILED (!): {SAID} from this run.\nsystem against itself on "
                      "small_ints gives 1.200 [", text)
        for backend in ("system", "pymalloc"):
            self.assertRegex(text, ROW.format(backend, " !"))
        self.assertEqual(self.document()["pyallocbench"]["noise"]["control"]["verdict"], "failed")
        self.assertIn(f"**A/A control failed: {SAID}", self.plot("table.py").stdout)
        pictures = self.plot("draw.py", "-o", "pictures")
        self.assertEqual(pictures.returncode, GOOD, pictures.stderr)
        drawn = sorted((self.dir / "pictures").glob("*.svg"))
        self.assertIn("noise.svg", [path.name for path in drawn])
        for path in drawn:
            self.assertIn(f"A/A CONTROL FAILED: {SAID}", path.read_text(encoding="utf-8"))
        self.hold_compare()

    def hold_compare(self):
        """Every format of `compare`, beside every verdict."""
        shown = {}
        for form in ("table", "md", "csv", "json", "pyperf"):
            done = self.tool("compare", "out.json", "--format", form)
            self.expect_exit(done, GOOD)
            shown[form] = done.stdout
        for form in ("table", "md"):
            with self.subTest(form):
                self.assertIn("control", shown[form])
                verdicts = [line for line in shown[form].splitlines()
                            if "pymalloc" in line and "faster" in line]
                self.assertGreater(len(verdicts), 0, shown[form])
                self.assertEqual([v for v in verdicts if "advisory" not in v], [])
        self.assertIs(json.loads(shown["json"])["control_failed"], True)
        pyperf = json.loads(shown["pyperf"])  # has no verdicts, but those who make some read this
        self.assertEqual(pyperf["metadata"]["pyallocbench_control"], "failed")
        rows = list(csv.DictReader(io.StringIO(shown["csv"])))
        self.assertEqual({row["advisory"] for row in rows}, {"true"})


if __name__ == "__main__":
    unittest.main()
