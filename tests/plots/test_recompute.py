"""The statistics against hand-worked vectors, brute force and the sample documents."""

import itertools
import math
import pathlib
import random
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
        averages = recompute.WalshAverages([4, 0, 2])
        self.assertEqual([averages[i] for i in range(6)], [0, 1, 2, 2, 3, 4])
        self.assertEqual((averages[-1], averages.median()), (4, 2))

    def test_walsh_averages_against_brute_force(self):
        source = random.Random(7)
        for values in ([source.gauss(0.01, 0.3) for _ in range(150)],
                       [source.choice((-0.5, 0.0, 0.25)) for _ in range(150)],
                       [0.0] * 150, [1e-9 * i for i in range(150)], [5.0] * 149 + [-1e6]):
            exact = sorted((a + b) / 2 for a, b in
                           itertools.combinations_with_replacement(values, 2))
            averages = recompute.WalshAverages(values)
            for rank in (0, 1, 77, 5000, averages.count // 2, averages.count - 2, -1):
                self.assertEqual(averages[rank], exact[rank], (values[:3], rank))
            self.assertAlmostEqual(averages.median(), recompute.median(exact), 12)

    def test_many_rounds_take_no_square_of_time_or_memory(self):
        """A thousand million pairs would fit in neither."""
        rounds = [math.sin(i) for i in range(50000)]
        ratio, lo, hi = recompute.paired_ratio(rounds)
        self.assertTrue(lo < ratio < hi < lo * 1.02)
        self.assertEqual(len(recompute.influences(rounds, 1.0)), len(rounds))

    def test_influences_against_leaving_out(self):
        values = [math.sin(i) for i in range(41)]
        ordered = sorted(values)
        without = [recompute.trimmed_mean(ordered[:i] + ordered[i + 1:]) for i in range(41)]
        for found, one in zip(recompute.influences(values, 2.0), without):
            self.assertAlmostEqual(found, 40 * (sum(without) / 41 - one) / 2, 12)

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

    def test_means_hold_a_program_without_its_replay(self):
        """Else a program would count twice, as itself and as its replay."""
        def program(document):
            run = document["pyallocbench"]
            for row in run["workloads"]:
                row["id"] = "app:it" if row["id"] == "strings" else row["id"]
            for name in ("samples", "timelines", "summary", "failures"):
                for row in run[name]:
                    row.update({"workload": "app:it"} if row["workload"] == "strings" else {})
        with tempfile.TemporaryDirectory(prefix="pab-recompute-") as folder:
            document = load.load(write(pathlib.Path(folder) / "app.json",
                                       changed(golden(), program)))
        self.assertEqual(document.mean_size, 1)
        means = [row for row in recompute.recompute(document)[1] if row.ratio is not None]
        self.assertEqual({row.n for row in means}, {1})
        for row in means:
            own = document.cell("app:it", row.backend, row.metric)
            if row.metric == "peak_rss_bytes":
                self.assertAlmostEqual(row.ratio, own.ratio)
        self.assertTrue(any("and the samples give" in line
                            for line in recompute.disagreements(document)))

    def test_wrong_method_is_noticed(self):
        def rename(document):
            document["pyallocbench"]["suite"][0]["method"] = recompute.NORMAL
        with tempfile.TemporaryDirectory(prefix="pab-recompute-") as folder:
            path = pathlib.Path(folder) / "changed.json"
            lines = recompute.disagreements(load.load(write(path, changed(golden(), rename))))
        self.assertEqual(len(lines), 1)
        self.assertIn("method is", lines[0])

    def test_figures_of_passes(self):
        """Which of its workload's checksums holds is what a sample says of its parameters."""
        def lines(**changes):
            def change(document):
                for row in document["pyallocbench"]["samples"]:
                    row.update(changes if row["pass"] == "kernel" else {})
            with tempfile.TemporaryDirectory(prefix="pab-recompute-") as folder:
                path = write(pathlib.Path(folder) / "figures.json", changed(golden(), change))
                return recompute.disagreements(load.load(path))
        self.assertEqual(lines(large=None), [])
        self.assertEqual(lines(large=True, checksum="00000000000000bb"), [])
        self.assertEqual(lines(large=None, checksum="00000000000000bb"), [])
        for bad in ({"large": True}, {"checksum": "00000000000000dd"}, {"figures": {"mmap": 5}}):
            self.assertTrue(all("kernel.mmap" in line for line in lines(**bad)))
            self.assertTrue(lines(**bad))

    def test_document_without_figures_in_its_summary(self):
        """Older ones have none."""
        def age(document):
            run = document["pyallocbench"]
            run["summary"] = [row for row in run["summary"] if "." not in row["metric"]]
        with tempfile.TemporaryDirectory(prefix="pab-recompute-") as folder:
            path = write(pathlib.Path(folder) / "older.json", changed(golden(), age))
            self.assertEqual(recompute.disagreements(load.load(path)), [])

    def test_hosts_are_apart(self):
        """Each host has rows of its own, and a ratio never crosses from one to the other."""
        def split(document, forget=False):
            run = document["pyallocbench"]
            run["hosts"] = [{"provenance": run["provenance"], "noise": run["noise"]}] * 2
            for name in ("samples", "summary", "suite", "failures"):
                rows = [dict(row, host=1) for row in run[name]]
                run[name] += rows if name in ("samples", "failures") or not forget else []
            for row in run["samples"]:
                if row.get("host"):
                    row.update(reps_cpu_ns=[ns * 3 for ns in row["reps_cpu_ns"]],
                               reps_wall_ns=[ns * 3 for ns in row["reps_wall_ns"]])
            for row in run["summary"]:
                if row.get("host") and row["metric"] in ("cpu_ns_per_op", "wall_ns_per_op"):
                    row.update({key: row[key] and row[key] * 3 for key in ("median", "mad")})
        with tempfile.TemporaryDirectory(prefix="pab-recompute-") as folder:
            path = pathlib.Path(folder) / "hosts.json"
            document = load.load(write(path, changed(golden(), split)))
            self.assertEqual(recompute.disagreements(document), [])
            document = load.load(write(path, changed(golden(), lambda d: split(d, True))))
            self.assertTrue(recompute.disagreements(document))

    def test_row_too_many_is_noticed(self):
        def add(document):
            row = next(r for r in document["pyallocbench"]["summary"] if r["n"])
            document["pyallocbench"]["summary"].append(dict(row, host=1))
        with tempfile.TemporaryDirectory(prefix="pab-recompute-") as folder:
            path = pathlib.Path(folder) / "changed.json"
            lines = recompute.disagreements(load.load(write(path, changed(golden(), add))))
        self.assertEqual(len(lines), 1)
        self.assertIn("the samples give none", lines[0])

    def test_lost_row_is_noticed(self):
        with tempfile.TemporaryDirectory(prefix="pab-recompute-") as folder:
            path = pathlib.Path(folder) / "changed.json"
            lost = changed(golden(), lambda d: d["pyallocbench"]["summary"].pop(0))
            done = script("recompute.py", write(path, lost))
            self.assertEqual(done.returncode, IO)
            self.assertIn("no row", done.stderr)

    def test_what_failed_does_not_count(self):
        """A failure is about all that it leaves open."""
        scopes = (({}, 0), ({"pass": "time"}, 7), ({"workload": "strings"}, 12),
                  ({"pass": "time", "round": 3}, 18), ({"workload": "strings", "round": 9}, 20))
        for scope, left in scopes:
            def fail(document, scope=scope):
                run = document["pyallocbench"]
                run["failures"] = [{"workload": None, "backend": "mimalloc", "pass": None,
                                    "round": None, "kind": "crashed", "message": ""} | scope]
            document = load.document("sample", changed(golden(), fail)["pyallocbench"])
            found = [s for s in recompute.good_samples(document) if s.backend == "mimalloc"]
            with self.subTest(scope):
                self.assertEqual(len(found), left)

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
