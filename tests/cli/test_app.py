"""`app`: a real program under each allocator, and what cannot be measured."""

import glob
import os
import signal
import subprocess
import sys
import time
import unittest

import support
from journal import wait_for_samples

# With a bug planted in it, by tests/mutants.
LIBRARY = ("--library", os.environ["PAB_WITNESS"]) if "PAB_WITNESS" in os.environ else ()
PROGRAM = "print(sum(len(str([i])) for i in range(20000)))"


class AppTest(support.CliTest):
    def app(self, *words, **options):
        return self.tool("app", "-q", "-o", "app.json", *LIBRARY, *words, **options)

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

    def test_a_failing_program_is_pointed_out(self):
        """What needs input and gets none, as a rule: its failure is what would be measured."""
        command = ("--rounds", "1", "-b", "pymalloc", "--", sys.executable, "-c",
                   "print(sum(int(line) for line in [input(), input()]))")
        done = self.app(*command)
        self.assertEqual(done.returncode, support.GOOD, done.stderr)
        self.assertIn("ends with status 1, and so it is measured: EOFError", done.stderr)
        self.assertIn("it ended with status 1 each time", done.stdout)
        (self.dir / "numbers").write_text("1\n2\n")
        done = self.app("--input", "numbers", *command)
        self.assertEqual(done.returncode, support.GOOD, done.stderr)
        self.assertNotIn("status", done.stderr + done.stdout)
        self.assertEqual((self.results()["app"]["exit"], self.results()["app"]["input"]),
                         (0, "numbers"))

    def test_a_failure_under_one_configuration_is_that_ones(self):
        script = ("import os, sys\n"
                  "if os.environ.get('PYTHONMALLOC') == 'malloc': sys.exit('no such luck')\n")
        done = self.app("--rounds", "1", "-b", "pymalloc,system", "--", sys.executable, "-c",
                        script)
        self.assertEqual(done.returncode, support.BAD_CELL)
        self.assertIn("under system: it ended with status 1, and with 0 when it was tried first; "
                      "it said: no such luck", done.stderr)
        failures = self.results()["failures"]
        self.assertEqual([row["backend"] for row in failures], ["system"])
        self.assertEqual({row["backend"] for row in self.results()["samples"]}, {"pymalloc"})

    def test_all_processes_count(self):
        script = ("import os, time\n"
                  "if os.fork() == 0:\n"
                  "    block = bytearray(50 << 20)\n"
                  "    while time.process_time() < 0.1: pass\n"
                  "    os._exit(0)\n")  # which nobody waits for
        done = self.app("--rounds", "1", "-b", "pymalloc", "--", sys.executable, "-c", script)
        self.assertEqual(done.returncode, support.GOOD, done.stderr)
        for row in self.results()["samples"]:
            if row["pass"] == "app":
                self.assertEqual(row["figures"]["processes"], 2)
            elif row["pass"] == "time":
                self.assertGreater(row["reps_cpu_ns"][0], 1e8)
                self.assertGreater(row["reps_wall_ns"][0], 1e8)
            else:
                self.assertGreater(row["mem"]["peak_rss_bytes"], 50 << 20)

    def test_a_program_that_is_no_python(self):
        (self.dir / "numbers").write_text("".join(f"{i * 7919 % 10007}\n" for i in range(10007)))
        done = self.app("--rounds", "1", "-b", "pymalloc,pymalloc+mimalloc", "--", "sort", "-n",
                        "numbers")
        self.assertEqual(done.returncode, support.GOOD, done.stderr)
        self.assertIn("it is no Python", done.stdout)

    def test_a_python_that_ignores_its_environment_is_found_out(self):
        done = self.app("--rounds", "1", "-b", "pymalloc,system", "--", sys.executable, "-I", "-c",
                        "print(1)")
        self.assertEqual(done.returncode, support.BAD_CELL)
        self.assertIn("under system: objects of its Python", done.stderr)
        self.assertIn("were served by its own pools", done.stderr)

    def test_other_versions(self):
        """Those of PAB_PYTHONS (paths, with colons between). 3.6 has malloc at its very end; those
        before it know of no PYTHONMALLOC."""
        pythons = [path for path in os.environ.get("PAB_PYTHONS", "").split(":") if path]
        if not pythons:
            self.skipTest("PAB_PYTHONS names no other interpreter")
        script = "import sys; print(sys.version_info >= (3, 6))"
        for python in pythons:
            knows = subprocess.check_output([python, "-c", script], text=True).strip() == "True"
            for specs, code in (("pymalloc", support.GOOD),
                                ("system", support.GOOD if knows else support.BAD_CELL)):
                with self.subTest(python=python, specs=specs):
                    done = self.app("--rounds", "1", "-b", specs, "--", python, "-c", "print(1)")
                    self.assertEqual(done.returncode, code, done.stderr)

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

    def test_a_program_that_nobody_saw_is_not_believed(self):
        script = self.dir / "script"
        script.write_text(f"#!{self.static_program()}\n")
        script.chmod(0o755)
        done = self.app("--rounds", "1", "-b", "pymalloc", "--", script)
        self.expect_one_line(done, support.BAD_CELL, "did not preload our library")

    def test_a_program_with_an_allocator_of_its_own_is_found_out(self):
        """As wrappers do it that preload a malloc: ours is still there, and sees it."""
        own = glob.glob("/usr/lib/*/libmimalloc.so*")
        if not own:
            self.skipTest("no mimalloc")
        script = f"LD_PRELOAD=$LD_PRELOAD:{own[0]} exec {sys.executable} -c pass"
        done = self.app("--rounds", "1", "-b", "pymalloc", "--", "sh", "-c", script)
        self.assertEqual(done.returncode, support.BAD_CELL)
        self.assertRegex(done.stderr, "the malloc of its process [0-9]+ lies in .*mimalloc")

    def test_what_cannot_be_measured_is_one_line(self):
        for words, code, why in (
                (("--", "no-such-program"), support.USAGE, "there is no program"),
                (("--", "sh", "-c", "kill -9 $$"), support.UNAVAILABLE, "killed by signal 9"),
                (("-b", "null", "--", "true"), support.USAGE, "cannot be put below"),
                (("-b", "pymalloc:level=arena+mimalloc", "--", "true"), support.USAGE,
                 "take away level=arena"),
                (("--input", "nothing", "--", "true"), support.USAGE, "--input nothing: No such"),
                (("-b", "pymalloc:pool=4K", "--", "true"), support.USAGE, "take away pool=4K"),
                (("--timeout", "0.3", "-b", "pymalloc", "--", "sleep", "60"), support.UNAVAILABLE,
                 "time-out"),
        ):
            done = self.app(*words)
            self.assertEqual(done.returncode, code, (words, done.stderr))
            self.assertIn(why, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_a_trace_foretells(self):
        """Whatever is preloaded anyway is so each time that the program runs."""
        (self.dir / "app.pabtrace").write_text("of the user")
        script = "import os; open('preloads', 'a').write(os.environ['LD_PRELOAD'] + '\\n')\n"
        done = self.app("--rounds", "1", "-b", "pymalloc,system", "--predict", "auto", "--",
                        sys.executable, "-c", script + PROGRAM,
                        env=dict(os.environ, LD_PRELOAD="libm.so.6"))
        self.assertEqual(done.returncode, support.GOOD, done.stderr)
        self.expect_valid(self.document("app.json"))
        rows = self.results()["app"]["prediction"]
        self.assertEqual([(row["backend"], row["metric"]) for row in rows],
                         [("system", "cpu_ns_per_op"), ("system", "peak_rss_bytes")])
        for row in rows:
            self.assertAlmostEqual(row["predicted"] - row["actual"], row["error"])
            self.assertTrue(0 < row["share"] < 2, row)
        self.assertEqual((self.dir / "app.pabtrace").read_text(), "of the user")
        self.assertTrue((self.dir / "app.predict.pabtrace").exists())
        for preload in (self.dir / "preloads").read_text().splitlines():
            self.assertIn("libm.so.6", preload)
        self.assertNotIn("another command", done.stdout)
        for row in self.results()["timelines"]:
            if row["workload"].startswith("app:"):
                self.assertEqual(set(row["calls"]), {0})

    def test_a_recording_is_no_file_of_the_users(self):
        (self.dir / "app.predict.pabtrace").write_text("of the user")
        done = self.app("--rounds", "1", "-b", "pymalloc", "--predict", "auto", "--", "true")
        self.expect_one_line(done, support.USAGE, "--predict ./app.predict.pabtrace",
                             "name another")
        self.assertEqual((self.dir / "app.predict.pabtrace").read_text(), "of the user")

    def test_nothing_to_foretell(self):
        """Of another program, and only the configuration that others are held against."""
        done = self.tool("record", "-q", "-o", "other.pabtrace", "--", "sort", "--version")
        self.assertEqual(done.returncode, support.GOOD, done.stderr)
        done = self.app("--rounds", "1", "-b", "pymalloc", "--predict", "other.pabtrace", "--",
                        "true")
        self.assertEqual(done.returncode, support.GOOD, done.stderr)
        self.assertIn("-b names no other", done.stdout)
        self.assertIn("is of another command: sort --version", done.stdout)

    def test_the_help_fits_a_terminal(self):
        for line in self.tool("app", "--help").stdout.splitlines():
            self.assertLessEqual(len(line), 80, line)


class InterruptTest(support.CliTest):
    """However the program takes it, no more is run, and what was measured is in the document."""

    def endless(self, script):
        command = (support.TOOL, "app", "-q", *LIBRARY, "--rounds", "30", "-b", "pymalloc,system",
                   "--", sys.executable, "-c", script)
        with open(self.dir / "shown", "w", encoding="utf-8") as shown:
            process = subprocess.Popen(command, cwd=self.dir, stdin=subprocess.DEVNULL,
                                       stdout=shown, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def interrupt(self, process, number):
        """The exit status, and what was said."""
        process.send_signal(number)
        process.wait(60)
        self.assertFalse((self.dir / "app.json.partial").exists())
        return process.returncode, process.stderr.read()

    def expect_document(self, process, number):
        wait_for_samples(self.dir / "app.json.partial", 6, process)
        code, said = self.interrupt(process, number)
        self.assertEqual(code, 128 + number, said)
        self.assertEqual(said.count("interrupted; to go on"), 1, said)
        run = self.document("app.json")["pyallocbench"]
        self.assertIs(run["complete"], False)
        self.assertEqual(run["failures"], [])
        self.assertGreaterEqual(len(run["samples"]), 6)
        made = sum(row["pass"] == "time" and row["backend"] == "pymalloc" for row in run["samples"])
        self.assertRegex((self.dir / "shown").read_text(), rf"\({made} rounds?; ratios to pymalloc")
        self.assertEqual(self.tool("compare", "app.json").returncode, support.GOOD)

    def test_a_program_that_dies_of_it(self):
        self.expect_document(self.endless("import time; time.sleep(0.03)"), signal.SIGINT)

    def test_a_request_to_end(self):
        self.expect_document(self.endless("import time; time.sleep(0.03)"), signal.SIGTERM)

    def at_the_sixth_run(self, script):
        """`runs` has a byte for each; the sixth one takes ten minutes, if it is let."""
        process = self.endless(script)
        runs = self.dir / "runs"
        while not runs.exists() or runs.stat().st_size < 6:
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        return process

    def test_a_program_that_ends_well_all_the_same(self):
        script = ("import os, time\n"
                  "try:\n"
                  "  open('runs', 'a').write('.')\n"
                  "  time.sleep(600 if os.path.getsize('runs') == 6 else 0)\n"
                  "except KeyboardInterrupt: pass\n")
        self.expect_document(self.at_the_sixth_run(script), signal.SIGINT)

    def test_a_program_that_does_not_care(self):
        """It is killed."""
        script = ("import os, signal, time\n"
                  "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
                  "open('runs', 'a').write('.')\n"
                  "time.sleep(600 if os.path.getsize('runs') == 6 else 0)\n")
        self.expect_document(self.at_the_sixth_run(script), signal.SIGINT)

    def test_a_process_that_is_left_over(self):
        """The program itself has ended well: who is waited for then is told to end, no longer."""
        script = ("import os, signal, time\n"
                  "open('runs', 'a').write('.')\n"
                  "if os.path.getsize('runs') == 6 and os.fork() == 0:\n"
                  "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
                  "    time.sleep(0.3)\n"
                  "    open('left', 'w')\n"
                  "    time.sleep(600)\n")
        process = self.endless(script)
        while not (self.dir / "left").exists():
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        self.expect_document(process, signal.SIGTERM)

    def test_before_there_is_a_sample(self):
        process = self.endless("open('begun', 'w'); import time; time.sleep(600)")
        while not (self.dir / "begun").exists():
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        code, said = self.interrupt(process, signal.SIGINT)
        self.assertEqual(code, 130, said)
        self.assertFalse((self.dir / "app.json").exists())


if __name__ == "__main__":
    unittest.main()
