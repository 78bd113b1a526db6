"""The pass `drift`: a heap that loses blocks grows from body to body, and one that does not, does not."""

import unittest

from support import GOOD, CliTest, samples_of


class DriftTest(CliTest):
    def test_leak_is_a_slope(self):
        """One block of 1000 is never given back: of some 30 bytes each, and some 110,000 a body."""
        specs = ["pymalloc", "pymalloc:leak=1000"]
        done = self.tool("run", "--preset", "smoke", "-q", "-w", "sawtooth", "--passes", "drift",
                         "-b", ",".join(specs), "-o", "out.json", "--no-control")
        self.expect_exit(done, GOOD)
        self.expect_valid(self.document())
        sound, leaky = (samples_of(self.document(), spec, "drift")[0] for spec in specs)
        self.assertEqual(len(sound["series"]["kept"]), sound["figures"]["bodies"])
        self.assertEqual(sound["figures"]["slope_bytes"], 0)
        self.assertGreater(leaky["figures"]["slope_bytes"], 2000)
        self.assertLess(leaky["figures"]["slope_bytes"], 8000)
        self.assertGreaterEqual(leaky["figures"]["slope_upper_bytes"],
                                leaky["figures"]["slope_bytes"])


if __name__ == "__main__":
    unittest.main()
