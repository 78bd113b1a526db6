"""`doctor`: what it says for programs, what it measures, and that it leaves nothing behind."""

import json
import math
import os
import signal
import statistics
import time
import unittest

from support import GOOD, HANG_SECONDS, UNAVAILABLE, USAGE, CliTest

SECTIONS = ("host", "backends", "can measure", "noise")
STATES = ("good", "note", "bad")
QUICK = "--measure=3s"


class DoctorTest(CliTest):
    def report(self, *words, **options):
        done = self.tool("doctor", "--json", *words, **options)
        self.assertIn(done.returncode, (GOOD, UNAVAILABLE), done.stderr)
        self.assertEqual(done.stderr, "")
        return json.loads(done.stdout)

    def test_rows(self):
        report = self.report()
        self.assertEqual(report["schema"], "pyallocbench-doctor/1")
        for section in SECTIONS:
            self.assertGreater(len(report[section]), 2, section)
            for row in report[section]:
                self.assertLessEqual({"name", "value", "state", "advice"}, set(row))
                self.assertIn(row["state"], STATES)
                self.assertNotEqual(row["value"], "")
                if row["state"] == "bad" and section in ("host", "noise"):
                    self.assertTrue(row["advice"], row)
        names = {row["name"] for section in SECTIONS for row in report[section]}
        self.assertLessEqual({"thp", "governor", "aslr", "overcommit", "cpus", "memory", "time",
                              "CPU counters", "load", "steal", "pressure", "quota", "clocks"},
                             names)
        self.assertIsNone(report["measured"])

    def test_one_bad_row_is_the_answer(self):
        report = self.report(env={**os.environ, "MALLOC_ARENA_MAX": "1"})
        self.assertIs(report["good"], False)
        self.assertIn("MALLOC_ARENA_MAX is set", report["because"])

    def test_a_pass_that_cannot_be_made_says_why(self):
        report = self.report(env={**os.environ, "PATH": "/nonexistent"})
        found = {row["name"]: row for row in report["can measure"]}
        self.assertEqual(found["time"]["state"], "good")
        self.assertEqual(found["instructions"]["state"], "note")
        self.assertIn("valgrind", found["instructions"]["value"])

    def test_measured_figures_follow_from_each_other(self):
        report = self.report(QUICK, env={**os.environ, "TMPDIR": str(self.dir)})
        subjects = [row for row in report["measured"] if "figures" in row]
        self.assertEqual([row["name"] for row in subjects], ["pymalloc", "null"])
        for row in subjects:
            self.hold_to_its_pairs(row["figures"])
        self.assertEqual(list(self.dir.iterdir()), [])

    def hold_to_its_pairs(self, figures):
        """A slow machine has too few pairs for an interval: then all that follows is null."""
        pairs = figures["control"]["rows"][0]
        derived = [figures[key] for key in ("pair_spread", "found_in_2_minutes",
                                            "rounds_for_1_percent")]
        if pairs["lo"] is None:
            self.assertEqual(derived, [None] * 3)
            return
        normal = statistics.NormalDist()
        z = normal.inv_cdf(0.99) + normal.inv_cdf(0.9)
        error = math.log(pairs["hi"] / pairs["lo"]) / 2 / normal.inv_cdf(0.975)
        spread = error * math.sqrt(pairs["n"])
        rounds = 120 / figures["seconds_a_pair"]
        expected = [spread, math.expm1(z * spread / math.sqrt(rounds)),
                    math.ceil((z * spread / math.log(1.01)) ** 2)]
        for found, wanted in zip(derived, expected):
            self.assertAlmostEqual(found, wanted, 9)

    def test_bad_times(self):
        for value in ("0", "x", "2h", "-3"):
            self.expect_one_line(self.tool("doctor", f"--measure={value}"), USAGE, "measure")

    def test_interrupted(self):
        process = self.start("doctor", "--measure=10m", env={**os.environ, "TMPDIR": str(self.dir)})
        while not list(self.dir.glob("pyallocbench-doctor-*")):
            self.assertIsNone(process.poll(), "it ended before it measured")
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(HANG_SECONDS), 130)
        self.assertEqual(list(self.dir.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
