"""The pass `kernel`: memory calls counted whoever makes them, and held to what pymalloc knows."""

import unittest

from support import BAD_CELL, BROKEN, GOOD, CliTest, failures_of, samples_of

MIB = 1 << 20


class KernelTest(CliTest):
    def setUp(self):
        super().setUp()
        listed = self.tool("list", "passes", "--json").stdout
        if '"missing": null' not in listed.partition('"kernel"')[2].partition("}")[0]:
            self.skipTest("no seccomp filter is to be had")

    def run_passes(self, passes, specs, *more, code=GOOD):
        done = self.tool("run", "--preset", "smoke", "-q", "-w", "strings", "--passes", passes,
                         "-b", ",".join(specs), "-o", "out.json", *more)
        self.expect_exit(done, code)
        return self.document()

    def figures(self, document, spec, kind="kernel"):
        return [sample["figures"] for sample in samples_of(document, spec, kind)]

    def test_what_pymalloc_gives_back(self):
        """Each released arena is one call and its bytes, or none with release=never; the calls of
        the heap below are the same."""
        specs = ["pymalloc:release=eager", "pymalloc:release=never"]
        document = self.run_passes("memory,kernel", specs, "-p", "strings.live=20000")
        sample, = samples_of(document, specs[0], "memory")
        arenas = sample["mem"]["structure"]["arenas_reclaimed"]
        self.assertGreater(arenas, 4)
        (eager,), (never,) = (self.figures(document, spec) for spec in specs)
        self.assertEqual(eager["madvise"], arenas)
        self.assertEqual(eager["released_bytes"], arenas * MIB)
        self.assertEqual((never["madvise"], never["released_bytes"]), (0, 0))
        for name in ("mmap", "munmap", "mremap", "mprotect", "brk", "mapped_bytes",
                     "unmapped_bytes"):
            self.assertEqual(eager[name], never[name], name)
        self.assertGreaterEqual(eager["mprotect"], arenas)
        self.assertGreater(eager["brk"], 0)
        self.assertGreater(eager["minor_faults"], arenas * (MIB >> 12) * 0.9)

    def test_repeats(self):
        """Counts and bytes are those of the body alone, each time; `null` asks for nothing in it."""
        specs = ["pymalloc", "system", "null"]
        rounds = []
        for _ in range(2):
            document = self.run_passes("kernel", specs)
            rounds.append([{name: value for name, value in row.items() if "faults" not in name}
                           for spec in specs for row in self.figures(document, spec)])
        self.assertEqual(rounds[0], rounds[1])
        pymalloc, system, null = rounds[0]
        self.assertGreater(system["brk"], 0)
        self.assertNotEqual(pymalloc, system)
        self.assertEqual(set(null.values()), {0})

    def test_threads_of_the_allocator(self):
        spec = f"library:{BROKEN / 'helper.so'}"
        document = self.run_passes("kernel,latency", [spec])
        (kernel,) = self.figures(document, spec)
        (latency,) = self.figures(document, spec, "latency")
        blocks = sum(latency.get(f"{kind}.count", 0) for kind in ("malloc", "calloc", "realloc"))
        self.assertGreater(kernel["mremap"], 0)
        self.assertAlmostEqual(kernel["mremap"], blocks / 256, delta=1)

    def test_threads_that_nobody_watches(self):
        """They run before anything of ours does: then there is no count, but a reason."""
        spec = f"library:{BROKEN / 'helper.so'}:attach=preload"
        document = self.run_passes("kernel", [spec], code=BAD_CELL)
        self.assertEqual(samples_of(document, spec), [])
        failure, = failures_of(document, spec)
        self.assertEqual(failure["kind"], "unavailable")
        self.assertIn("dlopen", failure["message"])


if __name__ == "__main__":
    unittest.main()
