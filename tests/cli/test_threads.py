"""Workloads with threads: a row for each number, who is left out, which time speaks, blowup."""

import os
import unittest

from support import GOOD, USAGE, CliTest

SMALL = ["-p", "threads_*.live=2000", "-p", "threads_*.steps=2000"]


class ThreadsTest(CliTest):
    def run_threads(self, *words):
        done = self.tool("run", "--preset", "smoke", "-q", "-o", "out.json", *SMALL, *words)
        self.expect_exit(done, GOOD)
        return done, self.document()["pyallocbench"]

    def test_rows_clocks_and_marks(self):
        many = 2 * len(os.sched_getaffinity(0))
        done, run = self.run_threads("-b", "system,pymalloc,null", "--threads",
                                     f"1,{many}")
        rows = {row["id"]: row for row in run["workloads"]}
        for name, clock, left_out in (
                ("threads_gil", "cpu", []),
                ("threads_interpreters", "wall", ["null"]),
                ("threads_larson", "wall", ["pymalloc", "null"]),
                ("threads_pipeline", "wall", ["pymalloc", "null"])):
            for threads in (1, many):
                row = rows[f"{name}:threads={threads}"]
                self.assertEqual(row["threads"], threads)
                self.assertEqual(row["params"]["threads"], threads)
                self.assertEqual(row["clock"], clock)
                self.assertEqual(row["oversubscribed"], clock == "wall" and threads == many)
                self.assertEqual([out["backend"] for out in row["left_out"]], left_out)
                self.assertEqual(name in done.stderr, bool(left_out))
                measured = {sample["backend"] for sample in run["samples"]
                            if sample["workload"] == row["id"]}
                self.assertEqual(measured, {"system", "pymalloc", "null"} - set(left_out))
        self.assertEqual(done.stdout.count(" wall ns/op"), 6)
        self.assertEqual(done.stdout.count(" CPU ns/op"), 2)
        self.assertEqual(done.stdout.count("oversubscribed"), 3)
        self.assertEqual(run["failures"], [])

    def test_compare_goes_by_the_clock(self):
        self.run_threads("-b", "system,jemalloc", "-w", "threads_gil,threads_larson", "--threads",
                         "2")
        done = self.tool("compare", "out.json", "--format", "csv")
        self.expect_exit(done, GOOD)
        shown = [line.split(",") for line in done.stdout.splitlines()]
        times = {(line[0], word) for line in shown for word in line
                 if word.endswith("_ns_per_op") and line[0]}
        self.assertIn(("threads_larson:threads=2", "wall_ns_per_op"), times)
        table = self.tool("compare", "out.json").stdout
        larson = table[table.index("threads_larson"):]
        self.assertIn("wall_ns_per_op", larson)

    def test_each_interpreter_has_its_heap(self):
        """Four heaps take arenas of their own; what they did is added up."""
        _, run = self.run_threads("-b", "pymalloc", "-w", "threads_interpreters", "--threads",
                                  "1,4", "--passes", "memory,waterfall")
        memory = {sample["workload"]: sample["mem"]["structure"] for sample in run["samples"]
                  if sample["pass"] == "memory"}
        one, four = (memory[f"threads_interpreters:threads={n}"] for n in (1, 4))
        self.assertEqual(one["blocks"], 0)
        self.assertEqual(four["blocks"], 0)
        self.assertGreaterEqual(four["arenas_ever"], 4)
        self.assertGreater(one["gc.gen0.collections"], 0)
        self.assertAlmostEqual(four["gc.gen0.collected"], one["gc.gen0.collected"], delta=1000)


    def test_mistakes(self):
        self.expect_one_line(self.tool("run", "--threads", "65"), USAGE, "1..64 threads")
        self.expect_one_line(self.tool("run", "--threads", "two"), USAGE, "--threads")
        self.expect_one_line(self.tool("run", "--threads", "2", "-w", "strings"), USAGE,
                             "threads_*")


if __name__ == "__main__":
    unittest.main()
