"""The pictures of the passes latency, pauses and waterfall: numbers worked out by hand, what is
missing said, and silence about what was not asked for."""

import bisect
import csv
import pathlib
import random
import shutil
import tempfile
import unittest

from support import GOOD, NOTHING, changed, golden, need, script, write

need("matplotlib")

import histogram

MIB = 1 << 20
PICTURES = ("latency", "pauses", "waterfall")
BASE, RIVAL, FLOOR = "pymalloc", "mimalloc", "null"
TIMER = {"timer_cost_ns": 30.5, "timer_resolution_ns": 10, "timer_is_counter": 1}
STEPS = {"payload_bytes": 100 * MIB, "rounding_bytes": 10 * MIB, "headers_bytes": 2 * MIB,
         "free_blocks_bytes": 3 * MIB, "free_pools_bytes": 4 * MIB, "slack_bytes": 1 * MIB,
         "tables_bytes": 0, "raw_heap_bytes": 5 * MIB, "other_bytes": 0,
         "not_resident_bytes": 5 * MIB, "rss_growth_bytes": 120 * MIB,
         "unexplained_bytes": 1 * MIB, "is_told": 1}


def counts(*pairs):
    """A series of (bucket, count)."""
    row = [0] * (max(bucket for bucket, _ in pairs) + 1)
    for bucket, count in pairs:
        row[bucket] += count
    return row


def durations(kind, row, max_ns):
    return {f"{kind}.count": sum(row), f"{kind}.max_ns": max_ns, f"{kind}.mean_ns": 20.5}


def latency(backend):
    """990 calls of 8 ns and 10 of 66 or 67, and one long one; the rival's are all of 40 ns."""
    takes = counts((8, 990), (65, 10), (300, 1)) if backend != RIVAL else counts((40, 1000))
    return ({**durations("malloc", takes, 400 * 256), **durations("free", [0, 5], 1), **TIMER,
             "calloc.count": 0, "realloc.count": 0}, {"malloc": takes, "free": [0, 5]})


def pauses(backend):
    full = counts((400, 2), (500, 1))
    figures = {**durations("gen0", counts((300, 200)), 20000),
               **durations("gen2", full, histogram.low_ns(500)), "gen1.count": 0,
               "gen0.total_ns": 10000, "gen1.total_ns": 0, "gen2.total_ns": 20000,
               "gen0.visited": 7, "gen0.collected": 5, "body_ns": 100000, "share_ppm": 300000,
               **TIMER}
    if backend == RIVAL:  # one that counts, and cannot be timed
        return {"gen0.count": 200, "gen1.count": 0, "gen2.count": 3, "gen0.collected": 5,
                "body_ns": 100000, **TIMER}, {}
    return figures, {"gen0": counts((300, 200)), "gen2": full}


def waterfall(backend):
    if backend == FLOOR:
        return {**dict.fromkeys(STEPS, 0), "payload_bytes": 100 * MIB, "other_bytes": 400 * MIB,
                "rss_growth_bytes": 500 * MIB}, {}
    return STEPS, {}


def with_passes(document):
    """Small_ints on all backends, strings on all but the rival."""
    run = document["pyallocbench"]
    for row in [s for s in run["samples"] if s["pass"] == "memory" and s["round"] == 0]:
        if (row["workload"], row["backend"]) == ("strings", RIVAL):
            continue
        for name, make in (("latency", latency), ("pauses", pauses), ("waterfall", waterfall)):
            figures, series = make(row["backend"])
            run["samples"].append({**row, "pass": name, "mem": None, "large": True,
                                   "figures": figures, "series": series})


class PassTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="pab-passes-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.file = write(cls.dir / "passes.json", changed(golden(), with_passes))
        cls.only = ("--only", ",".join(PICTURES))
        cls.done = script("draw.py", cls.file, "-o", cls.dir / "all", *cls.only,
                          PYTHONHASHSEED="1")

    def rows(self, picture):
        with open(self.dir / "all" / f"{picture}.csv", encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def row(self, picture, workload, backend, **keys):
        found = [row for row in self.rows(picture)
                 if (row["workload"], row["backend"]) == (workload, backend)
                 and all(row[key] == value for key, value in keys.items())]
        self.assertEqual(len(found), 1)
        return found[0]

    def said(self, picture):
        return (self.dir / "all" / f"{picture}.txt").read_text(encoding="utf-8")

    def svg(self, picture):
        return (self.dir / "all" / f"{picture}.svg").read_text(encoding="utf-8")

    def test_machines_are_not_pooled(self):
        def merged(document):
            with_passes(document)
            run = document["pyallocbench"]
            run["hosts"] = [{"provenance": run["provenance"], "noise": run["noise"]}] * 2
        file = write(self.dir / "merged.json", changed(golden(), merged))
        done = script("draw.py", file, "-o", self.dir / "merged", *self.only)
        self.assertEqual(done.returncode, NOTHING)
        for picture in PICTURES:
            self.assertIn(f"no {picture}: it shows one machine, and these are 2", done.stderr)

    def test_drawn_the_same_twice(self):
        self.assertEqual((self.done.returncode, self.done.stderr), (GOOD, ""))
        script("draw.py", self.file, "-o", self.dir / "again", *self.only, PYTHONHASHSEED="2")
        for picture in PICTURES:
            for kind in ("svg", "png", "csv", "txt"):
                self.assertEqual((self.dir / "all" / f"{picture}.{kind}").read_bytes(),
                                 (self.dir / "again" / f"{picture}.{kind}").read_bytes())

    def test_without_the_pass_it_is_said_when_asked(self):
        """Nothing is said when not asked: test_pictures draws all of such a document."""
        asked = script("draw.py", write(self.dir / "plain.json", golden()), "-o",
                       self.dir / "plain", *self.only)
        self.assertEqual(asked.returncode, NOTHING)
        self.assertRegex(
            asked.stderr, r"^pyallocbench plot: no latency, pauses, waterfall: \S+ has no latency "
            "and no pauses and no waterfall pass: run again with `pyallocbench run --passes "
            "time,memory,latency,pauses,waterfall -o FILE`\n$")

    def test_latency_numbers(self):
        row = self.row("latency", "small_ints", BASE, kind="malloc")
        self.assertEqual((row["calls"], row["p50_ns"], row["p90_ns"]), ("1001", "8", "8"))
        self.assertEqual(row["p99_ns"], "66.5")  # rank 991: the middle of 66 and 67
        self.assertEqual(row["p999_ns"], "")  # of 1001 calls none has ten beyond it
        self.assertEqual(row["max_ns"], "102400")
        self.assertEqual(self.row("latency", "small_ints", RIVAL, kind="malloc")["p99_ns"], "40")
        self.assertEqual(self.row("latency", "small_ints", BASE, kind="free")["p50_ns"], "")
        self.assertFalse([r for r in self.rows("latency") if r["kind"] == "calloc"])
        self.assertIn("mimalloc: not measured", self.svg("latency"))

    def test_pauses_numbers(self):
        row = self.row("pauses", "small_ints", BASE, generation="gen2")
        self.assertEqual((row["collections"], row["max_ns"]), ("3", str(histogram.low_ns(500))))
        self.assertEqual(float(row["p50_ns"]), histogram.middle_ns(400))
        self.assertEqual((row["p90_ns"], row["total_ns"]), ("", "20000"))
        rival = self.row("pauses", "small_ints", RIVAL, generation="gen0")
        self.assertEqual((rival["collections"], rival["collected"], rival["max_ns"]),
                         ("200", "5", ""))
        self.assertIn("no times: it does not tell", self.svg("pauses"))
        self.assertIn("all together 30.0 % of the time", self.said("pauses"))
        self.assertEqual([r["missing"] for r in self.rows("pauses")
                          if (r["workload"], r["backend"]) == ("strings", RIVAL)],
                         ["not measured"])

    def test_no_sample_counts(self):
        """The pass was made, so that to run again would not help."""
        def spoil(document):
            with_passes(document)
            for row in document["pyallocbench"]["samples"]:
                row["checksum"] = "00000000000000ff" if row["pass"] == "pauses" else row["checksum"]
        done = script("draw.py", write(self.dir / "bad.json", changed(golden(), spoil)), "-o",
                      self.dir / "bad", "--only", "pauses")
        self.assertEqual(done.returncode, NOTHING)
        self.assertIn("no pauses: no sample of its pauses pass counts: `failures`", done.stderr)

    def test_shares_are_written_for_people(self):
        import pauses
        said = [pauses.share_text(share) for share in (6.8e-7, 5.1e-5, 0.001, 0.0249, 0.1, 0.28)]
        self.assertEqual(said, ["<0.1 %", "<0.1 %", "0.1 %", "2.5 %", "10 %", "28 %"])
        self.assertIn("3 (20 %)", self.svg("pauses"))

    def test_waterfall_adds_up_and_says_so(self):
        row = self.row("waterfall", "small_ints", BASE)
        steps = [int(row[name]) for name in row if name in STEPS
                 and name not in ("not_resident_bytes", "rss_growth_bytes", "unexplained_bytes",
                                  "is_told")]
        self.assertEqual(sum(steps) - int(row["not_resident_bytes"]), int(row["rss_growth_bytes"]))
        self.assertIn("pymalloc +20.0 %, most of it rounding to sizes", self.said("waterfall"))
        self.assertIn("+400.0 % ▸; cannot be asked", self.svg("waterfall"))
        self.assertIn("payload 100.0 MiB", self.svg("waterfall"))


class HistogramTest(unittest.TestCase):
    def test_edges(self):
        edges = [histogram.low_ns(bucket) for bucket in range(768)]
        self.assertEqual(edges[:66], [*range(64), 64, 66])
        self.assertEqual(edges[767], 63 << 22)
        self.assertEqual(sorted(set(edges)), edges)

    def test_percentiles_are_within_their_bucket(self):
        source = random.Random(1)
        values = sorted(int(2 ** source.uniform(0, 27)) for _ in range(5000))
        edges = [histogram.low_ns(bucket) for bucket in range(768)]
        row = [0] * 768
        for value in values:
            row[bisect.bisect_right(edges, value) - 1] += 1
        for permille in (500, 900, 990):
            exact = values[(5000 * permille + 999) // 1000 - 1]
            found = histogram.percentile(row, permille, values[-1])
            self.assertLessEqual(abs(found - exact), exact / 64)
        self.assertIsNone(histogram.percentile(row, 999, values[-1]))

    def test_added_and_longer(self):
        self.assertEqual(histogram.added([[1, 2], [], [0, 0, 5]]), [1, 2, 5])
        self.assertEqual(histogram.longer([1, 2, 5]), [(0, 8), (1, 7), (2, 5)])
        self.assertEqual(histogram.longer([]), [])


if __name__ == "__main__":
    unittest.main()
