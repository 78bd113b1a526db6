"""The dials: slow=N, leak=N, and pymalloc's release=never do what they say, and nothing else."""

import json
import unittest

from support import GOOD, CliTest, samples_of


class DialsTest(CliTest):
    def memory_of(self, specs, *more):
        """What the memory pass of each spec tells, on one workload."""
        done = self.tool("run", "--preset", "smoke", "-q", "-w", "strings", "--passes", "memory",
                         "-b", ",".join(specs), "-o", "out.json", *more)
        self.expect_exit(done, GOOD)
        document = self.document()
        self.assertEqual(document["pyallocbench"]["failures"], [])
        samples = [samples_of(document, spec) for spec in specs]
        self.assertEqual([len(row) for row in samples], [1] * len(specs))
        return [row[0]["mem"] for row in samples]

    def test_same_work_same_allocator(self):
        """Requests and identity are those of the backend as it is; so are checksums, or the cells
        would have failed."""
        specs = ["pymalloc", "system", "pymalloc:slow=20", "system:leak=7",
                 "pymalloc:slow=0:leak=7:hooks=debug"]
        memory = self.memory_of(specs)
        self.assertEqual(len({row["request_hash"] for row in memory}), 1)
        known = {row["id"]: row["identity"] for row in self.document()["pyallocbench"]["backends"]}
        for spec in specs[2:]:
            self.assertEqual(known[spec], known[spec.partition(":")[0]])

    def test_leaks_show(self):
        """What is lost is still taken at the end, and stands in the RSS; slow= takes nothing."""
        specs = ["pymalloc:leak=0", "pymalloc:slow=9", "pymalloc:leak=20", "pymalloc:leak=2"]
        none, slow, few, many = self.memory_of(specs)
        self.assertEqual(none["structure"], slow["structure"])
        self.assertEqual(none["structure"]["blocks"], 0)
        self.assertGreater(few["structure"]["blocks"], 1000)
        self.assertAlmostEqual(
            many["structure"]["blocks"] / few["structure"]["blocks"], 10, delta=0.1)
        gained = [memory["peak_rss_bytes"] - memory["r0_bytes"] for memory in (none, many)]
        lost = many["structure"]["allocated_bytes"]
        self.assertGreater(lost, 1 << 20)
        self.assertGreater(gained[1], gained[0] + lost / 2)

    def test_lost_purge_shows(self):
        """Arenas come and go as before, but what they took stays taken after the drain."""
        specs = ["pymalloc", "pymalloc:release=never"]
        plain, kept = self.memory_of(specs, "-p", "strings.live=20000")
        self.assertEqual(plain["structure"], kept["structure"])
        self.assertGreater(plain["structure"]["arenas_reclaimed"], 4)
        peak_bytes = plain["peak_rss_bytes"] - plain["r0_bytes"]
        held = [row["retained"][0]["rss_bytes"] - row["r0_bytes"] for row in (plain, kept)]
        self.assertLess(held[0], peak_bytes / 2)
        self.assertGreater(held[1], peak_bytes * 0.9)

    def test_listed_as_what_they_are(self):
        listed = json.loads(self.tool("list", "backends", "--json").stdout)
        summaries = {key["name"]: key["summary"] for key in listed["common_keys"]}
        self.assertIn("slowdown of known size", summaries["slow"])
        self.assertIn("leak of known size", summaries["leak"])


if __name__ == "__main__":
    unittest.main()
