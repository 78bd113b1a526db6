"""Keys that every backend takes: debug hooks, and the collector's settings."""

import json
import unittest

from support import GOOD, USAGE, CliTest, failures_of, good_cells, planned_cells

COMMON = ["hooks", "gc", "gc.threshold0", "gc.threshold1", "gc.threshold2", "slow", "leak"]
# All domains, every call, all sizes, the collector, and what no object model asked for.
HOOKED = "strings,list_growth,large_blocks,cyclic_graphs,trace:command_lines"


class CommonKeysTest(CliTest):
    def run_specs(self, specs, *more):
        done = self.tool("run", "--preset", "smoke", "-q", "-b", ",".join(specs), "-o", "out.json",
                         *more)
        self.expect_exit(done, GOOD)
        document = self.document()
        for spec in specs:
            self.assertEqual(failures_of(document, spec), [])
            self.assertEqual(good_cells(document, spec), planned_cells(document, spec))
        return document["pyallocbench"]

    def expect_refused(self, spec, *words):
        done = self.tool("run", "-b", spec, "-o", "out.json")
        self.expect_one_line(done, USAGE, *words)
        self.assertEqual(list(self.dir.iterdir()), [])

    def test_bad_values(self):
        self.expect_refused("system:hooks=yes", "system:hooks", "none|debug")
        self.expect_refused("system:gc=0", "system:gc", "on|off")
        self.expect_refused("null:gc.threshold0=many", "null:gc.threshold0", "many")
        self.expect_refused("null:gc.threshold1=2147483648", "0..2147483647")
        self.expect_refused("null:gc.treshold0=1", "gc.treshold0", "gc.threshold0")
        self.expect_refused("pymalloc+system:gc=off", "before the '+'", "pymalloc:gc=off+system")
        self.expect_refused("cpython:hooks=debug", "libpython:hooks=debug")

    def test_listed_once(self):
        done = self.tool("list", "backends", "--json")
        listed = json.loads(done.stdout)
        self.assertEqual([key["name"] for key in listed["common_keys"]], COMMON)
        for row in listed["backends"]:
            self.assertFalse(set(COMMON) & {key["name"] for key in row["keys"]})
        shown = self.tool("list", "backends").stdout
        for key in COMMON:
            self.assertEqual(shown.count(f":{key}="), 1, key)

    def test_hooks_on_every_kind_of_backend(self):
        """The same requests come out above the hooks, and the same allocator lies below them."""
        plain = ["system", "null", "pymalloc", "pymalloc:profile=3.6"]
        run = self.run_specs(plain + [f"{spec}:hooks=debug" for spec in plain], "-w", HOOKED)
        known = {row["id"]: row for row in run["backends"]}
        for spec in plain:
            self.assertEqual(known[spec]["identity"], known[f"{spec}:hooks=debug"]["identity"])
        for sample in run["samples"]:
            if sample["mem"] and sample["backend"].endswith("hooks=debug"):
                self.assertEqual(sample["mem"]["internal"] or 0, 0)

    def test_other_thresholds_other_requests(self):
        specs = ["pymalloc", "pymalloc:gc.threshold0=2000", "pymalloc:gc=off",
                 "pymalloc:profile=3.13", "system:gc=off:gc.threshold1=3"]
        run = self.run_specs(specs, "-w", "cyclic_graphs,small_ints")
        settings = ["700,10,10", "2000,10,10", "off", "2000,10,10", "off"]
        self.assertEqual([row["gc"] for row in run["backends"]], settings)
        for workload in run["workloads"]:
            known = {row["gc"]: row for row in [workload, *workload["variants"]]}
            self.assertEqual(list(known), ["700,10,10", "2000,10,10", "off"])
            self.assertEqual(len({row["ops"] for row in known.values()}), 1)
            for sample in run["samples"]:
                if sample["workload"] == workload["id"]:
                    row = known[settings[specs.index(sample["backend"])]]
                    key = "memory_checksum" if sample["mem"] else "checksum"
                    self.assertEqual(sample["checksum"], row[key])
        graphs = next(row for row in run["workloads"] if row["id"] == "cyclic_graphs")
        rows = [graphs, *graphs["variants"]]
        self.assertEqual(len({row["checksum"] for row in rows}), 3)
        self.assertEqual(len({row["demand"]["request_hash"] for row in rows}), 3)
        peaks = [row["demand"]["peak_live_bytes"] for row in rows]
        self.assertEqual(peaks, sorted(peaks), "the less often it collects, the more is alive")

    def test_baseline_has_the_workload_s_own_row(self):
        run = self.run_specs(["system", "system:gc=off"], "-w", "cyclic_graphs",
                             "--baseline", "system:gc=off")
        workload, = run["workloads"]
        self.assertEqual(workload["gc"], "off")
        self.assertEqual([row["gc"] for row in workload["variants"]], ["700,10,10"])
        rows = [row for row in run["summary"] if row["metric"] == "cpu_ns_per_op"]
        self.assertEqual([row["n"] for row in rows], [run["rounds"]] * 2)


if __name__ == "__main__":
    unittest.main()
