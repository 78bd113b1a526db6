"""The picture of the noise: every sample once, hosts apart, a control that failed in every footer."""

import copy
import unittest

from support import changed, golden, need

need("matplotlib")

import matplotlib.text

import fragmentation
import load
import noise
import pareto
import relative_time
import rss_timeline
import style
import table

BASE = "pymalloc"


def control_words(verdict):
    row = {"workload": None, "backend": BASE, "n": 7, "ratio": 1.25, "lo": 1.2, "hi": 1.3,
           "p": 0.01, "p_adjusted": 0.02}
    nothing = {"n": 0, "change": None, "lo": None, "hi": None, "correlation": None, "p": None,
               "backend": None}
    return {"verdict": verdict, "words": ["what it says"], "rows": [row], "order": nothing,
            "after": nothing, "trend": nothing, "drift": nothing,
            "spread": {"cells": 1, "median": 0.1, "greatest": 0.1, "workload": "strings",
                       "backend": BASE}}


def add_control(document, verdict="good"):
    """The baseline once more in each round, a quarter slower, and what passed meanwhile."""
    run = document["pyallocbench"]
    run["control"] = [copy.deepcopy(row) for row in run["samples"]
                      if row["pass"] == "time" and row["backend"] == BASE]
    for row in run["control"]:
        row["reps_cpu_ns"] = [ns * 5 // 4 for ns in row["reps_cpu_ns"]]
    run["noise"] |= {
        "control": control_words(verdict),
        "during": {"s": 10.0, "steal_ticks": 3, "steal_share": 0.25, "idle_share": None,
                   "pressure_us": {"cpu": 5000000, "memory": 0, "io": None},
                   "throttled_count": 2, "throttled_us": 100, "switches": 9}}


def split_hosts(document):
    """Odd rounds come from another machine, whose control failed."""
    add_control(document)
    run = document["pyallocbench"]
    for row in run["samples"] + run["control"]:
        row["host"] = row["round"] % 2
    other = {"provenance": run["provenance"] | {"cpu_model": "Second CPU"},
             "noise": run["noise"] | {"control": control_words("failed")}}
    run["hosts"] = [{"provenance": run["provenance"], "noise": run["noise"]}, other]


class NoiseTest(unittest.TestCase):
    """In this process: what a picture says is asked of its figure, its numbers of its rows."""

    def drawn(self, change, picture=noise):
        document = changed(golden(), change)
        self.picture = picture.draw(load.document("sample", document["pyallocbench"]))
        return " ".join(" ".join(text.get_text().split())
                        for text in self.picture.figure.findobj(matplotlib.text.Text))

    def rows(self):
        return [dict(zip(self.picture.header, row)) for row in self.picture.rows]

    def table(self, change):
        document = changed(golden(), change)
        return table.text(load.document("sample", document["pyallocbench"]), "sample")

    def test_every_sample_that_counts_stands_there_once(self):
        self.drawn(add_control)
        rows = self.rows()
        cells = [(r["round"], r["workload"], r["backend"], r["control"]) for r in rows]
        self.assertEqual(len(set(cells)), len(cells))
        # Four backends in two workloads and seven rounds, one of which crashed; the control.
        self.assertEqual(len(cells), 4 * 2 * 7 - 1 + 2 * 7)
        places = [(r["round"], r["position"]) for r in rows]
        self.assertEqual(places, sorted(places))

    def test_numbers(self):
        text = self.drawn(add_control)
        pairs = [r for r in self.rows() if r["control"]]
        self.assertEqual(len(pairs), 14)
        for row in pairs:
            self.assertAlmostEqual(row["control_ratio"], 1.25, 3)
        for said in ("1.250 [1.200, 1.300] on all workloads", "25 %", "50 %", "not told",
                     "stopped 2 times"):
            self.assertIn(said, text)
        self.assertIn("(steal) 25 %", self.picture.alt)

    def test_hosts_stand_apart(self):
        text = self.drawn(split_hosts)
        for said in ("host 0: Sample CPU", "host 1: Second CPU", "Host 0: Sample CPU",
                     "Host 1: Second CPU", "FAILED, 1.250"):
            self.assertIn(said, text)
        rounds = {host: {r["round"] % 2 for r in self.rows() if r["host"] == host}
                  for host in (0, 1)}
        self.assertEqual(rounds, {0: {0}, 1: {1}})
        # The median of a cell is that of its host alone: half of its samples lie on each side.
        for host in (0, 1):
            off = [r["of_cell_median"] for r in self.rows()
                   if (r["host"], r["workload"], r["backend"]) == (host, "strings", "null")]
            self.assertEqual(sum(o < 1 for o in off), sum(o > 1 for o in off))

    def test_parts_of_a_host_add_up(self):
        def part(seconds, steal, cpu_us):
            return {"noise": {"during": {
                "s": seconds, "steal_share": steal, "idle_share": None, "throttled_count": 1,
                "pressure_us": {"cpu": cpu_us, "memory": 0, "io": None}}}}

        def add(document):
            split_hosts(document)
            first = document["pyallocbench"]["hosts"][0]
            first["noise"] = {key: value for key, value in first["noise"].items()
                              if key != "during"}
            first["parts"] = [part(10.0, 0.1, 5000000), part(30.0, 0.5, 5000000)]
        self.drawn(add)
        for said in ("host 0: ", "(steal) 40 %", "a CPU 25 %", "memory 0 %"):
            self.assertIn(said, self.picture.alt.split("host 1")[0])
        self.assertNotIn("idle", self.picture.alt.split("host 1")[0])

    def test_timelines_of_one_host(self):
        def two(document):
            split_hosts(document)
            lines = document["pyallocbench"]["timelines"]
            lines += [copy.deepcopy(line) | {"host": 1} for line in lines]
        self.assertIn("Host 0 of 2.", self.drawn(two, rss_timeline))
        twice = self.rows()
        self.drawn(add_control, rss_timeline)
        self.assertEqual(twice, self.rows())

    def test_ratios_are_of_one_machine(self):
        for picture in (fragmentation, pareto, relative_time):
            with self.assertRaisesRegex(style.NothingToDraw, "compare sample` tells of all"):
                self.drawn(split_hosts, picture)
        with self.assertRaisesRegex(load.Refused, "compare sample` tells of all"):
            self.table(split_hosts)

    def test_rounds_have_no_halves(self):
        def two_rounds(document):
            add_control(document)
            for part in ("samples", "control"):
                rows = document["pyallocbench"][part]
                rows[:] = [row for row in rows if row["round"] < 2]
        self.drawn(two_rounds)
        ticks = [tick for axes in self.picture.figure.axes
                 if axes.get_ylabel() == "second over first" for tick in axes.get_xticks()]
        self.assertTrue(ticks)
        self.assertEqual(ticks, [round(tick) for tick in ticks])

    def test_failed_control_is_in_every_footer(self):
        for picture in (relative_time, noise):
            text = self.drawn(lambda d: add_control(d, "failed"), picture)
            self.assertIn("A/A CONTROL FAILED: take no time verdict from this run: what it says",
                          text)
            self.assertNotIn("CONTROL FAILED", self.drawn(add_control, picture))

    def test_failed_control_is_in_the_table(self):
        text = self.table(lambda d: add_control(d, "failed"))
        self.assertIn("**A/A control failed: take no time verdict from this run.**", text)
        self.assertIn("| `mimalloc` | 1.00 ! | ", text)
        self.assertIn("| small_ints | `mimalloc` | 65.0 | 0.50 [0.50, 0.50] ! | 59.0 |", text)
        self.assertNotIn(" ! ", self.table(add_control))

    def test_older_documents(self):
        text = self.drawn(lambda d: None)
        self.assertIn("A/A control: not made", text)
        self.assertIn("not told", text)

    def test_many_samples_are_a_band(self):
        run = changed(golden(), add_control)
        document = load.document("sample", run["pyallocbench"])
        point = noise.points_of(document, 0)[0]
        places = [place for place, *_ in noise.bands([0.01 * (i % 7) for i in range(10000)])]
        self.assertLessEqual(len(places), noise.BANDS)
        self.assertEqual(places, sorted(places))
        self.assertEqual(point.sample.round, 0)


if __name__ == "__main__":
    unittest.main()
