"""The statistics against hand-worked vectors, brute force and the sample documents."""

import itertools
import math
import pathlib
import tempfile
import unittest

from support import GOLDEN, IO, changed, golden, need, script, write

need("numpy")

import load
import recompute


def depth_by_enumeration(n):
    """Walks through all 2**n signs."""
    sums = sorted(sum(rank for rank, up in zip(range(1, n + 1), signs) if up)
                  for signs in itertools.product((0, 1), repeat=n))
    depth = 0
    while sum(total <= depth for total in sums) <= 0.025 * len(sums):
        depth += 1
    return depth


class StatisticsTest(unittest.TestCase):
    def test_median(self):
        self.assertEqual(recompute.median([3, 1, 2]), 2)
        self.assertEqual(recompute.median([4, 1, 3, 2]), 2.5)
        self.assertEqual(recompute.median([7]), 7)

    def test_median_distance(self):
        self.assertEqual(recompute.median_distance([1, 1, 2, 2, 4, 6, 9]), 1)

    def test_walsh_averages(self):
        self.assertEqual(recompute.walsh_averages([4, 0, 2]), [0, 1, 2, 2, 3, 4])

    def test_depth_against_enumeration(self):
        for n in range(1, 15):
            with self.subTest(n=n):
                self.assertEqual(recompute.signed_rank_depth(n), depth_by_enumeration(n))

    def test_depth_against_printed_tables(self):
        # Two-sided 5 % critical values of W, which are the depth less one.
        for n, critical in ((6, 0), (7, 2), (8, 3), (9, 5), (10, 8), (15, 25), (20, 52), (30, 137)):
            with self.subTest(n=n):
                self.assertEqual(recompute.signed_rank_depth(n) - 1, critical)

    def test_depth_of_many_joins_the_exact_one(self):
        exact = recompute.EXACT_MAX
        steps = [recompute.signed_rank_depth(n + 1) - recompute.signed_rank_depth(n)
                 for n in range(exact - 3, exact + 3)]
        self.assertTrue(all(40 <= step <= 43 for step in steps), steps)

    def test_ratio_by_hand(self):
        ratio, lo, hi = recompute.paired_ratio([k * math.log(2) for k in (3, -1, 5, 0, 1, 4, 2)])
        self.assertAlmostEqual(ratio, 4, 12)
        self.assertAlmostEqual(lo, 1, 12)
        self.assertAlmostEqual(hi, 16, 11)

    def test_too_few_pairs_have_no_interval(self):
        for n in range(1, 6):
            self.assertEqual(recompute.paired_ratio([0.0] * n), (1.0, None, None))
        self.assertEqual(recompute.paired_ratio([0.0] * 6), (1.0, 1.0, 1.0))
        self.assertEqual(recompute.paired_ratio([]), (None, None, None))


class DocumentTest(unittest.TestCase):
    def test_samples_give_what_was_worked_out_by_hand(self):
        for name in ("mixed", "one_round", "rounds"):
            with self.subTest(name):
                document = load.load(GOLDEN / f"{name}.json")
                self.assertEqual(recompute.disagreements(document), [])

    def test_every_derived_number_is_held(self):
        with tempfile.TemporaryDirectory(prefix="pab-recompute-") as folder:
            path = pathlib.Path(folder) / "changed.json"
            held = [("summary", key) for key in ("n", "median", "mad", "ratio", "lo", "hi")]
            held += [("suite", key) for key in ("geomean_ratio", "lo", "hi", "n_workloads")]
            for part, key in held:
                with self.subTest(part=part, key=key):
                    document = golden("mixed" if part == "summary" else "rounds")

                    def nudge(copy, part=part, key=key):
                        row = next(r for r in copy["pyallocbench"][part] if r[key])
                        row[key] *= 1 + 1e-6
                    done = script("recompute.py", write(path, changed(document, nudge)))
                    self.assertEqual(done.returncode, IO)
                    self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_suite_of_older_documents(self):
        """Its interval was once that of a cell."""
        def age(document, lo=1.0):
            bounds = {"pymalloc": (1, 1), "mimalloc": (1, 1), "novel:knob=3": (lo, 4),
                      "null": (0.25, 0.25)}
            for row in document["pyallocbench"]["suite"]:
                if row["metric"] != "peak_rss_bytes":
                    low, high = bounds.get(row["backend"], (None, None))
                    row.update(method=recompute.RANKS, lo=low, hi=high)
        with tempfile.TemporaryDirectory(prefix="pab-recompute-") as folder:
            path = pathlib.Path(folder) / "older.json"
            document = load.load(write(path, changed(golden(), age)))
            self.assertEqual(recompute.disagreements(document), [])
            document = load.load(write(path, changed(golden(), lambda d: age(d, 1.1))))
            self.assertEqual(len(recompute.disagreements(document)), 2)

    def test_wrong_method_is_noticed(self):
        def rename(document):
            document["pyallocbench"]["suite"][0]["method"] = recompute.NORMAL
        with tempfile.TemporaryDirectory(prefix="pab-recompute-") as folder:
            path = pathlib.Path(folder) / "changed.json"
            lines = recompute.disagreements(load.load(write(path, changed(golden(), rename))))
        self.assertEqual(len(lines), 1)
        self.assertIn("method is", lines[0])

    def test_lost_row_is_noticed(self):
        with tempfile.TemporaryDirectory(prefix="pab-recompute-") as folder:
            path = pathlib.Path(folder) / "changed.json"
            lost = changed(golden(), lambda d: d["pyallocbench"]["summary"].pop(0))
            done = script("recompute.py", write(path, lost))
            self.assertEqual(done.returncode, IO)
            self.assertIn("no row", done.stderr)

    def test_wrong_checksum_does_not_count(self):
        def corrupt(document):
            document["pyallocbench"]["samples"][0]["checksum"] = "00000000000000ff"
        with tempfile.TemporaryDirectory(prefix="pab-recompute-") as folder:
            path = pathlib.Path(folder) / "changed.json"
            document = load.load(write(path, changed(golden(), corrupt)))
        lines = recompute.disagreements(document)
        self.assertTrue(any("n is 7, and the samples give 6" in line for line in lines), lines)


if __name__ == "__main__":
    unittest.main()
