"""The passes latency, pauses and waterfall on a real run: what they tell is held to what the demand
pass and the memory pass say, and to the definitions in results/README.md."""

import json
import sys
import unittest

from support import GOOD, ROOT, CliTest, samples_of

sys.path.insert(0, str(ROOT / "plots"))

import histogram

MIB = 1 << 20
KINDS = ("malloc", "calloc", "realloc", "free")
GENERATIONS = ("gen0", "gen1", "gen2")
STEPS = ("payload", "rounding", "headers", "free_blocks", "free_pools", "slack", "tables",
         "raw_heap", "other")
GC_OFF = "pymalloc:gc=off"
WANTED = ("system", "pymalloc", "pymalloc+mimalloc", "jemalloc", "tcmalloc", "mimalloc", "null",
          "libpython", "cpython", GC_OFF, "pymalloc:hooks=debug")


class PassesTest(CliTest):
    made = None  # one run serves all tests

    def setUp(self):
        super().setUp()
        if PassesTest.made is None:
            listed = json.loads(self.tool("list", "backends", "--json").stdout)["backends"]
            here = {row["name"] for row in listed if row["available"]}
            specs = [spec for spec in WANTED
                     if {part.partition(":")[0] for part in spec.split("+")} <= here]
            done = self.tool("run", "--preset", "smoke", "-q", "-w", "strings,cyclic_graphs",
                             "--passes", "memory,latency,pauses,waterfall", "-p",
                             "strings.live=6000", "-b", ",".join(specs), "-o", "out.json")
            self.expect_exit(done, GOOD)
            PassesTest.made = (self.document(), specs)
        self.run_made, self.specs = self.made

    def cells(self, kind):
        """(workload, backend, sample) of every cell of a pass: one round."""
        found = [(s["workload"], spec, s) for spec in self.specs
                 for s in samples_of(self.run_made, spec, kind)]
        self.assertEqual(len(found), 2 * len(self.specs))
        return found

    def demand(self, workload, spec):
        row = next(w for w in self.run_made["pyallocbench"]["workloads"] if w["id"] == workload)
        return (row["variants"][0] if spec == GC_OFF else row)["demand"]

    def expect_histogram(self, sample, subject):
        """Its figures follow from its series."""
        figures, counts = sample["figures"], sample["series"].get(subject, [])
        self.assertEqual(sum(counts), figures[f"{subject}.count"])
        if not counts:
            self.assertNotIn(f"{subject}.max_ns", figures)
            return
        longest = figures[f"{subject}.max_ns"]
        self.assertGreater(counts[-1], 0)
        self.assertGreaterEqual(longest, histogram.low_ns(len(counts) - 1))
        if len(counts) < 768:
            self.assertLess(longest, histogram.low_ns(len(counts)))
        for name, permille in (("p50", 500), ("p90", 900), ("p99", 990), ("p999", 999)):
            self.assertEqual(figures.get(f"{subject}.{name}_ns"),
                             histogram.percentile(counts, permille, longest))

    def test_latency_times_every_call(self):
        for workload, spec, sample in self.cells("latency"):
            for kind in KINDS:
                self.expect_histogram(sample, kind)
            figures = sample["figures"]
            self.assertGreater(figures["timer_cost_ns"], 0)
            self.assertGreater(figures["timer_resolution_ns"], 0)
            if spec != "cpython":  # it asks for its classes, too
                self.assertEqual(sum(figures[f"{kind}.count"] for kind in KINDS),
                                 self.demand(workload, spec)["calls"])

    def test_pauses_are_those_of_the_collector(self):
        structures = {(workload, spec): sample["mem"]["structure"]
                      for workload, spec, sample in self.cells("memory")}
        for workload, spec, sample in self.cells("pauses"):
            figures, structure = sample["figures"], structures[workload, spec]
            for generation in GENERATIONS:
                for name, counted in (("count", "collections"), ("collected", "collected"),
                                      ("visited", "visited")):
                    self.assertEqual(figures.get(f"{generation}.{name}"),
                                     structure.get(f"gc.{generation}.{counted}"))
                if spec != "cpython":  # it counts, and cannot be timed
                    self.expect_histogram(sample, generation)
                else:
                    self.assertNotIn(generation, sample["series"])
            if spec != "cpython":
                taken = sum(figures[f"{generation}.total_ns"] for generation in GENERATIONS)
                self.assertEqual(figures["share_ppm"], taken * 10**6 // figures["body_ns"])
        self.expect_same_collections(structures)

    def expect_same_collections(self, structures):
        """The same on every backend, CPython's own collector among them; other when it is off."""
        for (workload, spec), structure in structures.items():
            wanted = structures[workload, "system"]
            alike = all(wanted[name] == value for name, value in structure.items()
                        if name.startswith("gc."))
            self.assertEqual(alike, spec != GC_OFF, (workload, spec))
            if spec == GC_OFF:
                self.assertEqual(structure["gc.gen0.collections"], 0)

    def test_waterfall_adds_up(self):
        for workload, spec, sample in self.cells("waterfall"):
            figures = sample["figures"]
            steps = {name: figures[f"{name}_bytes"] for name in STEPS}
            self.assertEqual(sum(steps.values()) - figures["not_resident_bytes"],
                             figures["rss_growth_bytes"])
            self.assertEqual(steps["payload"], self.demand(workload, spec)["peak_live_bytes"])
            told = not spec.startswith(("null", "libpython", "cpython"))
            self.assertEqual(figures["is_told"], int(told))
            if told:
                self.assertGreater(steps["rounding"] + steps["headers"], 0)
                self.assertLess(steps["other"], MIB)
            if spec in ("pymalloc", GC_OFF):
                self.assertLess(figures["unexplained_bytes"], MIB)
                self.assertGreater(steps["slack"], 0)
            if spec in ("system", "tcmalloc"):
                self.assertLess(figures["unexplained_bytes"], 2 * MIB)

    def test_waterfall_sees_what_hooks_cost(self):
        """24 bytes a block and 48 in the heap below, nowhere else to be seen."""
        found = {(workload, spec): sample["figures"]
                 for workload, spec, sample in self.cells("waterfall")}
        for workload in ("strings", "cyclic_graphs"):
            blocks = self.demand(workload, "pymalloc")["peak_blocks"]
            plain, hooked = (found[workload, spec] for spec in ("pymalloc", "pymalloc:hooks=debug"))
            self.assertEqual(hooked["rounding_bytes"], 0)
            self.assertEqual(plain["headers_bytes"], 0)
            self.assertGreater(hooked["headers_bytes"], 16 * blocks)


if __name__ == "__main__":
    unittest.main()
