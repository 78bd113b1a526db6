"""What a machine is too small for is refused in words: a body that outgrows it while it is gauged,
and a cell that is known not to fit, before it is begun."""

import resource
import signal
import unittest

from journal import ENDLESS, cut_short, wait_for_samples
from support import BAD_CELL, HANG_SECONDS, CliTest

LARGE = ("run", "--preset", "smoke", "-q", "-w", "raw_random", "-b", "pymalloc,system",
         "-p", "raw_random.live=4500000", "-p", "raw_random.steps=1000", "--no-control",
         "-o", "out.json", "--passes", "time")
GIB = 1 << 30
RESERVED = 4 * GIB  # of a worker, for inputs: harness/room.h


def allow(address_space):
    """For a child: so much address space and no more, as `ulimit -v` has it."""
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))


class RoomTest(CliTest):
    def failures(self):
        return self.document()["pyallocbench"]["failures"]

    def test_body_outgrows_the_machine(self):
        done = self.tool(*LARGE, preexec_fn=allow(RESERVED + GIB // 2))
        self.expect_exit(done, BAD_CELL)
        failure, = self.failures()
        self.assertEqual((failure["workload"], failure["backend"], failure["kind"]),
                         ("raw_random", None, "oom"))
        self.assertIn("wants more, but 0.", failure["message"])
        self.assertIn("-p", failure["message"])
        self.assertIn(failure["message"], done.stderr)
        self.assertEqual(self.document()["pyallocbench"]["samples"], [])

    def test_cell_is_not_begun(self):
        process = self.start(*LARGE, *ENDLESS)
        wait_for_samples(self.dir / "out.json.partial", 1, process)
        process.send_signal(signal.SIGINT)
        process.wait(HANG_SECONDS)
        cut_short(self.dir / "out.json.partial")
        before = len(self.document()["pyallocbench"]["samples"])
        done = self.tool("run", "--resume", "out.json", preexec_fn=allow(RESERVED + GIB // 4))
        self.expect_exit(done, BAD_CELL)
        self.assertEqual(len(self.document()["pyallocbench"]["samples"]), before)
        failures = self.failures()
        self.assertEqual({failure["backend"] for failure in failures}, {"pymalloc", "system"})
        for failure in failures:
            self.assertEqual((failure["kind"], failure["pass"]), ("oom", "time"))
            self.assertIn("0.2 GiB is all there is room for", failure["message"])


if __name__ == "__main__":
    unittest.main()
