"""Workloads with threads: a row for each number, who is left out, which time speaks, blowup."""

import json
import os
import statistics
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
                ("threads_pipeline", "wall", ["pymalloc", "null"]),
                ("threads_sharing", "wall", ["pymalloc", "null"])):
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
        self.assertEqual(done.stdout.count(" wall ns/op"), 8)
        self.assertEqual(done.stdout.count(" CPU ns/op"), 2)
        self.assertEqual(done.stdout.count("oversubscribed"), 4)
        self.assertEqual(run["failures"], [])
        self.expect_own_clocks(run)
        said = self.tool("compare", "out.json").stdout
        self.assertEqual(said.count(" (oversubscribed)\n"), 4)
        self.assertIn("wall time speaks for 8 workloads", said)
        self.assertIn("4 workloads are oversubscribed", said)
        self.assertRegex(said, r"all workloads.*\n  clock_ns_per_op")

    def expect_own_clocks(self, run):
        """The mean over all is of each one's own time: what the two others are not."""
        rows = {(row["backend"], row["metric"]): row for row in run["suite"]}
        cells = {(row["workload"], row["backend"], row["metric"]): row["ratio"]
                 for row in run["summary"]}
        for backend in ("system", "pymalloc"):
            own = [cells[row["id"], backend, f"{row['clock']}_ns_per_op"]
                   for row in run["workloads"]]
            own = [ratio for ratio in own if ratio is not None]
            mean = rows[backend, "clock_ns_per_op"]
            self.assertEqual(mean["n_workloads"], len(own))
            # Both are of few rounds: a mean of medians against a median of means.
            self.assertAlmostEqual(mean["geomean_ratio"] / statistics.geometric_mean(own), 1, 3)

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
        suite = json.loads(self.tool("compare", "out.json", "--format", "pyperf").stdout)
        known = {(row["workload"], row["backend"], row["metric"]): row["median"]
                 for row in self.document()["pyallocbench"]["summary"]}
        clocks = set()
        for bench in suite["benchmarks"]:
            name, clock = bench["metadata"]["name"], bench["metadata"]["pyallocbench_clock"]
            self.assertEqual(clock, "wall" if "larson" in name else "cpu")
            self.assertIn(f"{'wall' if clock == 'wall' else 'CPU'} time",
                          bench["metadata"]["description"])
            values = [value for run in bench["runs"] for value in run["values"]]
            self.assertAlmostEqual(statistics.median(values) * 1e9,
                                   known[(*name.split("/"), f"{clock}_ns_per_op")], 3)
            clocks.add(clock)
        self.assertEqual(clocks, {"wall", "cpu"})

    def test_lines_that_threads_share(self):
        """No clock takes part: mimalloc takes blocks back to where they came from, others do not."""
        _, run = self.run_threads("-b", "mimalloc,jemalloc", "-w", "threads_sharing", "-p",
                                  "threads_sharing.dealt=0,1", "-p", "threads_sharing.live=256",
                                  "-p", "threads_sharing.steps=200000", "--passes", "memory")
        found = {(sample["workload"], sample["backend"]): sample["mem"]["structure"]["shared_lines"]
                 for sample in run["samples"]}
        self.assertEqual(found, {("threads_sharing:dealt=0", "mimalloc"): 0,
                                 ("threads_sharing:dealt=0", "jemalloc"): 0,
                                 ("threads_sharing:dealt=1", "mimalloc"): 0,
                                 ("threads_sharing:dealt=1", "jemalloc"): 128})

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
