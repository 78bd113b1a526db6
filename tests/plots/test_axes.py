"""Pictures and tables where backends are one allocator at several levels, where wall time speaks for a
workload, where the number of threads was varied."""

import pathlib
import tempfile
import unittest

from support import GOOD, NOTHING, changed, golden, need, script, write

need("matplotlib")

import blowup
import levels
import load
import noise
import pareto
import recompute
import relative_time
import rss_timeline
import style
import table

ONE, FOUR = "work:threads=1", "work:threads=4"


def with_axes(document):
    """The golden one as if its two workloads were one with 1 and with 4 threads that run at once, the
    second of them alone of the wall, and its backends an allocator at two levels and one at one."""
    run = document["pyallocbench"]
    names = {"small_ints": ONE, "strings": FOUR}
    sits = {"pymalloc": ("system", "raw"), "novel:knob=3": ("mimalloc", "mem")}
    for row in run["backends"]:
        row["allocator"], row["level"] = sits.get(row["id"], (row["id"], "object"))
    for part in ("samples", "control", "timelines", "summary", "failures"):
        for row in run.get(part, []):
            row["workload"] = names.get(row["workload"], row["workload"])
    for row in run["workloads"]:
        row["id"] = names.get(row["id"], row["id"])
        row["threads"] = 4 if row["id"] == FOUR else 1
        row["clock"] = "wall" if row["id"] == FOUR else "cpu"
        row["oversubscribed"] = row["id"] == FOUR
        row["left_out"] = []
    for row in run["samples"]:
        if row["workload"] == FOUR and row["backend"] == "mimalloc":
            row["reps_wall_ns"] = [3 * ns for ns in row["reps_wall_ns"]]
    run["blowup"] = [{"workload": FOUR, "backend": "mimalloc", "threads": 4, "value": 1.25},
                     {"workload": FOUR, "backend": "pymalloc", "threads": 4, "value": 1.0}]
    return derive(document)


def derive(document):
    """Its summary and suite, as a run would have them."""
    run = document["pyallocbench"]
    summary, suite = recompute.recompute(load.document("", run))
    run["summary"] = [{key: getattr(row, key) for key in run["summary"][0]} for row in summary]
    run["suite"] = [{"backend": row.backend, "metric": row.metric, "geomean_ratio": row.ratio,
                     "lo": row.lo, "hi": row.hi, "n_workloads": row.n, "method": row.method}
                    for row in suite]
    return document


class AxesTest(unittest.TestCase):
    def setUp(self):
        self.document = changed(golden(), with_axes)
        self.loaded = load.document("out.json", self.document["pyallocbench"])

    def put(self, document):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        return write(folder / "out.json", document)

    def rows(self, module):
        """The picture, and its table as dicts."""
        picture = module.draw(self.loaded)
        return picture, [dict(zip(picture.header, row, strict=True)) for row in picture.rows]

    def test_each_level_is_a_point_of_its_allocators_line(self):
        picture, rows = self.rows(levels)
        self.assertEqual({(row["allocator"], row["level"]): row["backend"] for row in rows},
                         {("mimalloc", "object"): "mimalloc", ("mimalloc", "mem"): "novel:knob=3"})
        mean = self.loaded.cell(None, "mimalloc", load.MIXED).ratio
        self.assertIn(f"object {mean:.2f}", picture.alt)

    def test_a_line_ends_where_a_level_was_not_measured(self):
        points = [(0, "a"), (2, "b"), (3, "c")]
        self.assertEqual(levels.unbroken(points), [points[:1], points[1:]])

    def test_levels_of_no_usual_pass_name_what_lacks(self):
        run = self.document["pyallocbench"]
        run["samples"] = [dict(row, **{"pass": "drift"}) for row in run["samples"]
                          if row["pass"] == "memory"]
        self.loaded = load.document("out.json", derive(self.document)["pyallocbench"])
        with self.assertRaises(style.NotMade) as caught:
            levels.draw(self.loaded)
        self.assertEqual(caught.exception.passes, ("time", "memory"))

    def test_what_no_time_was_asked_of_is_no_warning(self):
        run = self.document["pyallocbench"]
        run["samples"] = [row for row in run["samples"]
                          if (row["workload"], row["pass"]) != (FOUR, "time")]
        run["failures"] = [row for row in run["failures"] if row["workload"] is None]
        self.loaded = load.document("out.json", derive(self.document)["pyallocbench"])
        picture = relative_time.draw(self.loaded)
        said = [text for axes in picture.figure.axes for text in axes.texts
                if text.get_text() == "not measured"]
        self.assertTrue(said)
        self.assertEqual({text.get_color() for text in said}, {style.QUIET})
        self.assertFalse([text for text in picture.figure.texts if "*: over" in text.get_text()])
        picture = levels.draw(self.loaded)
        self.assertEqual([text.get_text() for text in picture.figure.texts
                          if "was measured" in text.get_text()], ["no time was measured"])

    def test_a_program_is_drawn_over_its_time(self):
        for line in self.document["pyallocbench"]["timelines"]:
            if line["workload"] == FOUR:
                line.update(calls=[0] * len(line["calls"]), retained=[])
        self.loaded = load.document("out.json", self.document["pyallocbench"])
        picture, rows = self.rows(rss_timeline)
        axes = [one for one in picture.figure.axes
                if one.get_xlabel() == "ms since the program began"]
        self.assertEqual(len(axes), 1)
        self.assertEqual((axes[0].get_xlim(), len(axes[0].texts)), ((0, 3), 0))
        self.assertEqual(sum(text.get_text() == " still held" for one in picture.figure.axes
                             for text in one.texts), 1)
        self.assertIn(3, [row["t_ms"] for row in rows if row["workload"] == FOUR])
        self.assertEqual({row["t_ms"] for row in rows if row["workload"] == ONE}, {None})

    def test_what_few_runs_have_is_no_news(self):
        path = self.put(golden())
        done = script("draw.py", path, "-o", path.parent, "--only", "levels,blowup")
        self.assertEqual(done.returncode, NOTHING)
        self.assertIn("no allocator stands at two levels", done.stderr)
        self.assertIn("--threads 1,2,4", done.stderr)
        done = script("draw.py", path, "-o", path.parent)
        self.assertEqual(done.returncode, GOOD)
        self.assertNotIn("levels", done.stderr + done.stdout)
        self.assertNotIn("blowup", done.stderr + done.stdout)

    def test_blowup_begins_at_one_thread(self):
        found = {(row["backend"], row["threads"]): (row["blowup"], row["oversubscribed"])
                 for row in self.rows(blowup)[1]}
        self.assertEqual(found, {("mimalloc", 1): (1.0, 0), ("mimalloc", 4): (1.25, 1),
                                 ("pymalloc", 1): (1.0, 0), ("pymalloc", 4): (1.0, 1)})

    def test_ratios_are_of_each_workloads_own_time(self):
        picture, rows = self.rows(relative_time)
        self.assertEqual({(row["workload"], row["metric"]) for row in rows},
                         {(ONE, load.CPU), (FOUR, load.WALL), ("geometric mean", load.MIXED)})
        said = [text.get_text() for axes in picture.figure.axes for text in axes.texts]
        self.assertEqual(said.count("wall !"), 1)
        self.assertIn("wall time in 1 of 2 workloads",
                      " ".join(text.get_text() for text in picture.figure.texts))
        found = {(row["workload"], row["backend"]): row["time_ratio"]
                 for row in self.rows(pareto)[1]}
        self.assertEqual(found[FOUR, "mimalloc"],
                         self.loaded.cell(FOUR, "mimalloc", load.WALL).ratio)

    def test_samples_are_of_each_workloads_own_time(self):
        found = {(row["workload"], row["backend"], row["round"]): row["ns_per_op"]
                 for row in self.rows(noise)[1] if not row["control"]}
        compared = set()
        for sample in recompute.good_samples(self.loaded, "time"):
            reps = sample.reps_wall_ns if sample.workload == FOUR else sample.reps_cpu_ns
            self.assertNotEqual(recompute.median(sample.reps_wall_ns),
                                recompute.median(sample.reps_cpu_ns))
            self.assertAlmostEqual(found[sample.workload, sample.backend, sample.round],
                                   recompute.median(reps) / sample.ops)
            compared.add(sample.workload)
        self.assertEqual(compared, {ONE, FOUR})

    def test_a_mean_of_another_clock_is_noticed(self):
        def as_cpu(document):
            suite = document["pyallocbench"]["suite"]
            cpu = {row["backend"]: row for row in suite if row["metric"] == load.CPU}
            for row in suite:
                if row["metric"] == load.MIXED:
                    row["geomean_ratio"] = cpu[row["backend"]]["geomean_ratio"]

        self.assertEqual(recompute.disagreements(self.loaded), [])
        other = changed(self.document, as_cpu)["pyallocbench"]
        lines = recompute.disagreements(load.document("", other))
        self.assertTrue(lines and all("clock_ns_per_op" in line for line in lines), lines)

    def test_the_table_says_which_time(self):
        text = table.text(self.loaded, "out.json")
        self.assertIn("| time, ratio |", text)
        self.assertIn(f"| {FOUR}, wall, oversubscribed |", text)
        self.assertIn(f"| {ONE} |", text)

    def test_who_was_left_out_is_said_so(self):
        def leave_out(document):
            run = document["pyallocbench"]
            run["workloads"][1]["left_out"] = [{"backend": "mimalloc", "reason": "not safe"}]

        left = load.document("", changed(self.document, leave_out)["pyallocbench"])
        self.assertEqual(left.why_missing(FOUR, "mimalloc", "time"), "left out")
        self.assertEqual(left.why_missing(ONE, "mimalloc", "time"), "not measured")


if __name__ == "__main__":
    unittest.main()
