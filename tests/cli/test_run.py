"""What `run` does where not all goes to plan: a budget that is too small, a control that fails, a
baseline that is not there, rows that give no figure."""

import ctypes
import errno
import json
import os
import platform
import shutil
import signal
import struct
import unittest

from journal import wait_for_samples
from support import (BAD_CELL, BROKEN, GOOD, HANG_SECONDS, IO_ERROR, CliTest, failures_of,
                     samples_of, unwrapped)

SMALL = ("run", "--preset", "smoke", "-w", "small_ints", "-p", "small_ints.live=500", "-p",
         "small_ints.steps=2000", "-o", "out.json")
PICKY = f"library:{BROKEN / 'picky.so'}"


class RunTest(CliTest):
    def lines_about(self, done, *words):
        return [line for line in done.stderr.splitlines() if all(word in line for word in words)]

    def figures(self):
        """{(backend, metric): median} of the document."""
        return {(row["backend"], row["metric"]): row["median"]
                for row in self.document()["pyallocbench"]["summary"]}


class TableTest(RunTest):
    def test_lines_fit(self):
        long = f"library:{'/.' * 30}{BROKEN / 'bare.so'}"
        done = self.tool(*SMALL, "-b", f"pymalloc+jemalloc,{long},null", "--rounds", "6",
                         "--passes", "time", "-q")
        self.expect_exit(done, GOOD)
        lines = done.stdout.splitlines()
        self.assertEqual(lines.count(f"  {long}"), 2, done.stdout)
        for line in lines:
            if line.strip() != long:
                self.assertLessEqual(len(line), 80, line)
        heads = [len(line) for line in lines if line.endswith(("int. %", "peak RSS"))]
        ends = [len(line) for line in lines if line.endswith(" -")]  # of memory nothing
        self.assertEqual(ends, [heads[0]] * 3 + [heads[1]] * 3)


class BudgetTest(RunTest):
    def test_what_is_not_timed_alone_takes_longer(self):
        """`quick` looks a second after the drain."""
        done = self.tool(*SMALL, "--preset", "quick", "-b", "null", "--budget", "1s")
        self.expect_exit(done, GOOD)
        said = self.lines_about(done, "--budget 1 s", "memory alone", "time gets one round",
                                "--passes")
        self.assertEqual(len(said), 1, done.stderr)
        self.assertEqual(len(samples_of(self.document(), "null", "time")), 1)
        self.assertEqual(len(samples_of(self.document(), "null", "memory")), 1)

    def test_compare_reads_what_a_budget_made(self):
        done = self.tool(*SMALL, "-b", "system,null", "--budget", "2s")
        self.expect_exit(done, GOOD)
        if len(samples_of(self.document(), "null", "time")) > 1:  # a busy machine may get one
            self.assertEqual(self.lines_about(done, "alone"), [])
        self.assertIsNotNone(self.figures()["null", "cpu_ns_per_op"])
        self.assertIsNotNone(self.figures()["null", "peak_rss_bytes"])
        compared = self.tool("compare", "out.json", "--format", "json", "--all")
        self.expect_exit(compared, GOOD)
        self.assertGreater(len(json.loads(compared.stdout)["rows"]), 2)

    def test_one_cell_is_no_plural(self):
        done = self.tool(*SMALL, "-b", "null", "--passes", "memory", "--rounds", "1")
        self.assertIn("(1 of 1 cell)", done.stderr)
        done = self.tool(*SMALL, "-b", "null", "--passes", "time", "--rounds", "1")
        self.assertIn("(2 of 2 cells)", done.stderr)


class ControlTest(RunTest):
    WORDS = (*SMALL, "-b", f"{PICKY},null", "--passes", "time", "--rounds", "6", "-q")

    def test_a_failed_control_leaves_the_baseline_its_figures(self):
        self.expect_exit(self.tool(*self.WORDS), GOOD)
        padded = self.document()["pyallocbench"]["control"][2]["env_bytes"]
        done = self.tool(*self.WORDS, env={**os.environ, "BROKEN_PAD": str(padded)})
        self.expect_exit(done, BAD_CELL)
        document = self.document()
        self.assertEqual([(row["pass"], row["round"], row["workload"])
                          for row in failures_of(document, PICKY)], [("control", 2, "small_ints")])
        self.assertEqual(len(document["pyallocbench"]["control"]), 2, "it is not tried again")
        self.assertEqual(len(samples_of(document, PICKY)), 6)
        self.assertIsNotNone(self.figures()[PICKY, "cpu_ns_per_op"])
        self.assertEqual(len(self.lines_about(done, ", the control: crashed")), 1, done.stderr)
        self.assertIn("small_ints on " + PICKY + ", the control: crashed", done.stdout)
        self.assertIn("small_ints, the control: crashed",
                      unwrapped(self.tool("compare", "out.json").stdout))


class BaselineTest(RunTest):
    MISSING = "library:/nonexistent/mine.so"

    def expect_baseline(self, done, backend):
        self.expect_exit(done, BAD_CELL)
        run = self.document()["pyallocbench"]
        self.assertEqual(run["baseline"], backend)
        self.assertEqual({row["backend"] for row in run["control"]}, {backend})
        self.assertIsNotNone(self.figures()["null", "cpu_ns_per_op"])
        said = self.lines_about(done, f"ratios refer to {backend}", self.MISSING)
        self.assertEqual(len(said), 1, done.stderr)

    def test_the_next_one_stands_in(self):
        done = self.tool(*SMALL, "-b", f"{self.MISSING},system,null", "--rounds", "2")
        self.expect_baseline(done, "system")
        self.assertIn("relative to system", done.stdout)

    def test_a_floor_does_not_stand_in(self):
        done = self.tool(*SMALL, "-b", f"{self.MISSING},null,system", "--rounds", "2")
        self.expect_baseline(done, "system")
        done = self.tool(*SMALL, "-b", f"{self.MISSING},null", "--rounds", "2")
        self.expect_baseline(done, "null")  # for want of another

    def test_also_for_one_that_was_named(self):
        done = self.tool(*SMALL, "-b", f"system,null,{self.MISSING}", "--baseline", self.MISSING,
                         "--rounds", "2")
        self.expect_baseline(done, "system")

    def test_after_a_resumption_it_is_the_same(self):
        process = self.start(*SMALL, "-b", f"{self.MISSING},system,null", "--rounds", "30")
        wait_for_samples(self.dir / "out.json.partial", 4, process)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(HANG_SECONDS), 130)
        self.expect_baseline(self.tool("run", "--resume", "out.json", "-q"), "system")
        self.assertEqual(len(self.document()["pyallocbench"]["control"]), 30)


class FigureTest(RunTest):
    def test_rows_that_nobody_takes_are_no_success(self):
        process = self.start(*SMALL, "-b", "system,null", "--passes", "time", "--rounds", "30")
        journal = self.dir / "out.json.partial"
        wait_for_samples(journal, 4, process)
        process.kill()
        process.wait(HANG_SECONDS)
        lines = journal.read_text().splitlines(keepends=True)
        journal.write_text("".join(lines[:-1] + 2 * [next(line for line in lines
                                                          if '"samples"' in line)]))
        done = self.tool("run", "--resume", "out.json", "-q")
        self.expect_exit(done, IO_ERROR)
        self.assertEqual(len(self.lines_about(done, "no figure came of it")), 1, done.stderr)
        self.assertEqual(self.document()["pyallocbench"]["summary"], [])


REFUSED_PERSONALITY = {"x86_64": 135, "aarch64": 92}
LOAD, IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # of a filter's program
REFUSE, ALLOW = 0x00050000 | errno.EPERM, 0x7FFF0000


def refuse_personality():
    """As the filters of containers do; for what is started from here."""
    number = REFUSED_PERSONALITY[platform.machine()]
    steps = ((LOAD, 0, 0, 0), (IF_EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE),
             (RETURN, 0, 0, ALLOW))
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    filtered = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(steps), ctypes.addressof(program)))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, seccomp, by_filter = 38, 22, 2
    if (libc.prctl(no_new_privileges, 1, 0, 0, 0) != 0
            or libc.prctl(seccomp, by_filter, filtered, 0, 0) != 0):
        raise OSError(ctypes.get_errno(), "no filter is to be had")


@unittest.skipIf(shutil.which("valgrind") is None, "no valgrind is installed")
class StillTest(RunTest):
    NOTE = "instructions were counted with random addresses"
    WORDS = (*SMALL, "-b", "null", "--passes", "instructions", "-q")

    def expect_still(self, is_still, **options):
        done = self.tool(*self.WORDS, **options)
        self.expect_exit(done, GOOD)
        run = self.document()["pyallocbench"]
        self.assertEqual({sample["still"] for sample in run["samples"]}, {is_still})
        self.assertEqual(run["noise"]["random_addresses"], [] if is_still else ["instructions"])
        compared = self.tool("compare", "out.json", "out.json", "--metrics", "instructions*")
        for shown in (unwrapped(done.stdout), unwrapped(compared.stdout)):
            self.assertEqual(self.NOTE in shown, not is_still, shown)

    def test_still(self):
        self.expect_still(True)

    def test_what_cannot_hold_still_says_so(self):
        self.expect_still(False, preexec_fn=refuse_personality)


class SurroundingsTest(RunTest):
    def test_an_allocator_for_python_stays_outside(self):
        done = self.tool(*SMALL, "-b", f"{PICKY},null", "--rounds", "1",
                         env={**os.environ, "PYTHONMALLOC": "malloc"})
        self.expect_exit(done, GOOD)
        self.assertNotIn("PYTHONMALLOC", done.stdout)


if __name__ == "__main__":
    unittest.main()
