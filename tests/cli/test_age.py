"""`run --age`: rows of their own, the same work, memory that was there before."""

import unittest

from support import GOOD, USAGE, CliTest, samples_of


class AgeTest(CliTest):
    def test_rows_of_ages(self):
        done = self.tool("run", "--preset", "smoke", "-q", "-w", "sawtooth", "--age", "0,25,90",
                         "-b", "pymalloc,system", "-o", "out.json", "--no-control",
                         "-p", "sawtooth.live=20000")
        self.expect_exit(done, GOOD)
        document = self.document()
        self.expect_valid(document)
        rows = {row["id"]: row for row in document["pyallocbench"]["workloads"]}
        self.assertEqual(list(rows), ["sawtooth", "sawtooth:age=25", "sawtooth:age=90"])
        self.assertEqual([row.get("age_percent") for row in rows.values()], [None, 25, 90])
        self.assertEqual(len({row["checksum"] for row in rows.values()}), 1)
        for spec in "pymalloc", "system":
            start = {sample["workload"]: sample["mem"]["r0_bytes"]
                     for sample in samples_of(document, spec, "memory")}
            for age in 25, 90:
                self.assertLess(start["sawtooth"] + (1 << 20), start[f"sawtooth:age={age}"])

    def test_what_is_no_age(self):
        for word in "10", "91", "x", "25,25", "":
            done = self.tool("run", "-w", "sawtooth", "--age", word)
            self.expect_exit(done, USAGE)
            self.assertIn("--age", done.stderr + done.stdout)


if __name__ == "__main__":
    unittest.main()
