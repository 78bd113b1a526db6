"""`app`: a real program under each allocator, and what cannot be measured."""

import sys
import unittest

import support

PROGRAM = "print(sum(len(str([i])) for i in range(20000)))"


class AppTest(support.CliTest):
    def app(self, *words, **options):
        return self.tool("app", "-q", "-o", "app.json", *words, **options)

    def results(self):
        return self.document("app.json")["pyallocbench"]

    def test_each_configuration_is_proven_from_within(self):
        done = self.app("-b", "pymalloc,system,pymalloc+mimalloc,mimalloc", "--rounds", "1", "--",
                        sys.executable, "-c", PROGRAM)
        self.assertEqual(done.returncode, support.GOOD, done.stderr)
        run = self.results()
        self.assertEqual(run["failures"], [])
        words = {row["backend"]: row["words"] for row in run["app"]["configurations"]}
        self.assertEqual(words["pymalloc"], "as it is")
        self.assertEqual(words["system"], "PYTHONMALLOC=malloc")
        self.assertRegex(words["pymalloc+mimalloc"], r"^LD_PRELOAD=/.*mimalloc")
        self.assertRegex(words["mimalloc"], r"^PYTHONMALLOC=malloc LD_PRELOAD=/.*mimalloc")
        passes = sorted((row["backend"], row["pass"]) for row in run["samples"])
        self.assertEqual(len(passes), 4 * 3)
        self.assertEqual(len(run["control"]), 1)
        for row in run["samples"]:
            if row["pass"] == "memory":
                self.assertGreater(row["mem"]["peak_rss_bytes"], 5 << 20)
        self.assertEqual({row["id"]: row["level"] for row in run["backends"]},
                         {"pymalloc": "raw", "pymalloc+mimalloc": "raw", "system": "object",
                          "mimalloc": "object"})

    def test_a_program_that_prints_something_else_each_time_fails(self):
        command = ("--rounds", "1", "-b", "pymalloc", "--", sys.executable, "-c",
                   "import time; print(time.time_ns())")
        done = self.app(*command)
        self.assertEqual(done.returncode, support.BAD_CELL)
        self.assertIn("--ignore-output", done.stderr)
        done = self.app("--ignore-output", *command)
        self.assertEqual(done.returncode, support.GOOD, done.stderr)

    def test_an_exit_status_is_the_programs_own(self):
        done = self.app("--rounds", "1", "-b", "pymalloc", "--", sys.executable, "-c",
                        "raise SystemExit(3)")
        self.assertEqual(done.returncode, support.GOOD, done.stderr)
        self.assertEqual(self.results()["app"]["exit"], 3)

    def test_a_python_that_sets_its_allocator_itself_is_found_out(self):
        script = self.dir / "own.sh"
        script.write_text(f"#!/bin/sh\nexport PYTHONMALLOC=malloc\nexec {sys.executable} -c pass\n")
        script.chmod(0o755)
        done = self.app("--rounds", "1", "-b", "pymalloc", "--", str(script))
        self.assertEqual(done.returncode, support.BAD_CELL)
        self.assertIn("were served by malloc", done.stderr)

    def test_a_program_that_preloads_itself_is_found_out(self):
        done = self.app("--rounds", "1", "-b", "pymalloc", "--", "sh", "-c",
                        f"LD_PRELOAD= exec {sys.executable} -c pass")
        self.assertEqual(done.returncode, support.BAD_CELL)
        self.assertIn("LD_PRELOAD", done.stderr)

    def test_what_cannot_be_measured_is_one_line(self):
        for words, code, why in (
                (("--", "no-such-program"), support.USAGE, "there is no program"),
                (("--", "sh", "-c", "kill -9 $$"), support.UNAVAILABLE, "killed by signal 9"),
                (("-b", "null", "--", "true"), support.USAGE, "cannot be put below"),
                (("-b", "pymalloc:pool=4K", "--", "true"), support.USAGE, "take away pool=4K"),
                (("--timeout", "0.3", "-b", "pymalloc", "--", "sleep", "60"), support.UNAVAILABLE,
                 "time-out"),
        ):
            done = self.app(*words)
            self.assertEqual(done.returncode, code, (words, done.stderr))
            self.assertIn(why, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_a_trace_foretells(self):
        done = self.app("--rounds", "1", "-b", "pymalloc,system", "--predict", "auto", "--",
                        sys.executable, "-c", PROGRAM)
        self.assertEqual(done.returncode, support.GOOD, done.stderr)
        rows = self.results()["app"]["prediction"]
        self.assertEqual([(row["backend"], row["metric"]) for row in rows],
                         [("system", "cpu_ns_per_op"), ("system", "peak_rss_bytes")])
        for row in rows:
            self.assertAlmostEqual(row["predicted"] - row["actual"], row["error"])
            self.assertTrue(0 < row["share"] < 2, row)
        self.assertTrue((self.dir / "app.pabtrace").exists())


if __name__ == "__main__":
    unittest.main()
