"""Every picture: from the document alone, the same bytes each time, nothing missing unsaid."""

import csv
import pathlib
import re
import shutil
import tempfile
import unittest
import xml.etree.ElementTree

from support import GOLDEN, GOOD, PLOTS, changed, golden, need, script, write

need("matplotlib")

PICTURES = ("fragmentation", "noise", "pareto", "relative_time", "rss_timeline")
KINDS = ("svg", "png", "csv", "txt")
NOVEL = "novel:knob=3"


def words(svg):
    """All text of a picture, as a reader or a search finds it."""
    root = xml.etree.ElementTree.fromstring(svg.read_bytes())
    return " ".join(" ".join(e.itertext()) for e in root.iter() if e.tag.endswith("}text"))


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def add_twins(document, names):
    """Backends that measured just what `mimalloc` did."""
    run = document["pyallocbench"]
    for key, field in (("backends", "id"), ("summary", "backend"), ("suite", "backend")):
        run[key] += [row | {field: name} for name in names for row in run[key]
                     if row[field] == "mimalloc"]


class PictureTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="pab-pictures-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.done = script("draw.py", GOLDEN / "mixed.json", "-o", cls.dir / "mixed",
                          PYTHONHASHSEED="1")
        cls.lone = script("draw.py", GOLDEN / "one_round.json", "-o", cls.dir / "one")

    def text(self, picture):
        return words(self.dir / "mixed" / f"{picture}.svg")

    def drawn(self, document, *arguments):
        """Draws a changed document into a folder of its own."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.dir))
        done = script("draw.py", write(folder / "document.json", document), "-o", folder,
                      *arguments)
        self.assertEqual(done.returncode, GOOD, done.stderr)
        return folder

    def test_files_are_written_and_said(self):
        self.assertEqual((self.done.returncode, self.done.stderr), (GOOD, ""))
        expected = [str(self.dir / "mixed" / f"{p}.{k}") for p in PICTURES for k in KINDS]
        self.assertEqual(self.done.stdout.splitlines(), expected)
        self.assertEqual(sorted(map(str, (self.dir / "mixed").iterdir())), sorted(expected))

    def test_same_document_same_bytes(self):
        script("draw.py", GOLDEN / "mixed.json", "-o", self.dir / "again", PYTHONHASHSEED="2")
        for path in (self.dir / "mixed").iterdir():
            self.assertEqual(path.read_bytes(), (self.dir / "again" / path.name).read_bytes(),
                             path.name)

    def test_png_is_twice_the_size_and_bears_no_time(self):
        for picture in PICTURES:
            png = (self.dir / "mixed" / f"{picture}.png").read_bytes()
            self.assertEqual(int.from_bytes(png[16:20], "big"), 1700)
            for chunk in (b"tEXt", b"tIME", b"iTXt"):
                self.assertNotIn(chunk, png)

    def test_text_stays_text_and_says_what_it_shows(self):
        for picture in PICTURES:
            svg = (self.dir / "mixed" / f"{picture}.svg").read_text(encoding="utf-8")
            alt = (self.dir / "mixed" / f"{picture}.txt").read_text(encoding="utf-8").strip()
            self.assertGreater(len(alt), 80)
            self.assertRegex(svg, "<title>.+</title>")
            self.assertNotIn("<dc:date>", svg)
            root = xml.etree.ElementTree.fromstring(svg)
            self.assertIn(alt, {e.text for e in root.iter() if e.tag.endswith("description")})

    def test_axes_say_unit_and_direction(self):
        self.assertIn("time ratio (lower is faster)", self.text("relative_time"))
        self.assertIn("peak RSS ratio (lower is smaller)", self.text("pareto"))
        self.assertIn("RSS, MiB", self.text("rss_timeline"))
        self.assertIn("Lower is better", self.text("fragmentation"))

    def test_footer(self):
        for picture in PICTURES:
            text = self.text(picture)
            rounds = {"fragmentation": "2 of memory", "rss_timeline": "2 of memory",
                      "pareto": "7 of time, 2 of memory"}.get(picture, "7 of time")
            self.assertIn(f"Rounds: {rounds}; 2026-02-03; pyallocbench 0.1.0", text)
            self.assertIn("Sample CPU, 2 CPUs; Linux 6.1.0;", text)
            self.assertNotIn("INCOMPLETE", text)

    def test_missing_is_said(self):
        for picture in PICTURES:
            text = self.text(picture)
            self.assertIn("Not measured: jemalloc, unavailable: libjemalloc.so.2", text)
            self.assertIn("Not measured: library:broken.so, failed: PRE-003", text)
            self.assertIn("Failed: mimalloc in strings, crashed", text)
        # F_peak of 4 backends in `strings`, and what one backend cannot be asked, twice.
        self.assertEqual(len(re.findall(r"\bn/a\b(?!:)", self.text("fragmentation"))), 6)

    def test_cell_that_failed_throughout(self):
        def fail(document):
            for row in document["pyallocbench"]["summary"]:
                if (row["backend"], row["workload"]) == (NOVEL, "strings"):
                    row.update(n=0, median=None, mad=None, ratio=None, lo=None, hi=None)
            document["pyallocbench"]["failures"].append(
                {"workload": "strings", "backend": NOVEL, "pass": "time", "round": 0,
                 "kind": "timeout", "message": "60 s"})
        folder = self.drawn(changed(golden(), fail), "--only", "relative_time")
        self.assertIn("timeout", words(folder / "relative_time.svg"))
        row = next(r for r in rows(folder / "relative_time.csv")
                   if (r["workload"], r["backend"]) == ("strings", NOVEL))
        self.assertEqual((row["ratio"], row["missing"]), ("", "timeout"))

    def test_incomplete_run_without_intervals(self):
        self.assertEqual(self.lone.returncode, GOOD)
        self.assertEqual(len(self.lone.stdout.splitlines()), 2 * len(KINDS))  # and noise
        self.assertRegex(self.lone.stderr, "^pyallocbench plot: no fragmentation, pareto, "
                         r"rss_timeline: \S+one_round.json has no memory pass: run again with "
                         "`pyallocbench run --passes time,memory -o FILE`\n$")
        text = words(self.dir / "one" / "relative_time.svg")
        self.assertIn("INCOMPLETE RUN: interrupted after 1 of 7 rounds", text)
        self.assertIn("No intervals: they need at least 6 rounds", text)
        self.assertIn("not measured", text)

    def test_one_workload_is_not_repeated_as_a_mean(self):
        self.assertNotIn("geometric mean", words(self.dir / "one" / "relative_time.svg"))
        self.assertEqual({r["workload"] for r in rows(self.dir / "one" / "relative_time.csv")},
                         {"small_ints"})
        self.assertIn("Ratios: mimalloc 0.50.",
                      (self.dir / "one" / "relative_time.txt").read_text(encoding="utf-8"))
        self.assertIn("geometric mean", self.text("relative_time"))

    def test_pareto_speaks_of_intervals_where_there_are_any(self):
        def know(document):
            for row in document["pyallocbench"]["suite"]:
                if row["metric"] != "peak_rss_bytes" and row["geomean_ratio"]:
                    row.update(lo=row["geomean_ratio"] / 2, hi=row["geomean_ratio"] * 2)
        self.assertNotIn("Bar:", self.text("pareto"))
        self.assertIn("No intervals: they need at least 20 rounds", self.text("pareto"))
        self.assertIn("Geometric mean: an interval needs 20 rounds", self.text("relative_time"))
        folder = self.drawn(changed(golden(), know), "--only", "pareto,relative_time")
        self.assertIn("Bar: 95 % interval", words(folder / "pareto.svg"))
        self.assertIn("bootstrap over rounds (BCa)", words(folder / "relative_time.svg"))
        found = {(r["workload"], r["backend"]): (r["ratio"], r["lo"], r["hi"])
                 for r in rows(folder / "relative_time.csv")}
        self.assertEqual(found["geometric mean", NOVEL], ("2", "1", "4"))

    def pareto(self, document):
        """The figure itself; its last axes are the plot, after those of the legend's keys."""
        import load
        import pareto
        return pareto.draw(load.document("sample", document["pyallocbench"])).figure

    def test_pareto_names_many_in_a_legend(self):
        def named(figure):
            """(beside a point, above the plot)"""
            said = [{text.get_text() for text in part.texts} for part in (figure.axes[-1], figure)]
            return [part & {"pymalloc (baseline)", NOVEL, "mimalloc", "twin2"} for part in said]

        self.assertIn(f" {NOVEL} ", self.text("pareto"))  # as text, not as its outline
        three = {"pymalloc (baseline)", NOVEL, "mimalloc"}
        self.assertEqual(named(self.pareto(golden())), [three, set()])
        few = changed(golden(), lambda d: add_twins(d, ["twin0", "twin1", "twin2"]))
        self.assertEqual(named(self.pareto(few)), [three | {"twin2"}, set()])
        many = changed(few, lambda d: add_twins(d, ["twin3"]))
        self.assertEqual(named(self.pareto(many)), [set(), three | {"twin2"}])

    def test_pareto_arrow_stands_outside_the_axes(self):
        figure = self.pareto(golden())
        arrow = next(text for text in figure.texts if "better" in text.get_text())
        plot = figure.axes[-1].get_window_extent()
        self.assertFalse(arrow.get_window_extent().overlaps(plot))

    def test_retention_without_a_later_point(self):
        def only_at_once(document):
            for sample in document["pyallocbench"]["samples"]:
                if sample["mem"]:
                    sample["mem"]["f_ret"] = sample["mem"]["f_ret"][:1]
        self.assertIn("upright mark after 5 s", self.text("fragmentation"))
        folder = self.drawn(changed(golden(), only_at_once), "--only", "fragmentation")
        text = words(folder / "fragmentation.svg")
        self.assertIn("F_ret: bar at once.", text)
        self.assertNotIn("upright mark", text)
        self.assertNotIn("f_ret_after", (folder / "fragmentation.csv").read_text(encoding="utf-8"))

    def test_columns_without_any_value_are_left_out(self):
        def forget(*metrics):
            def change(document):
                for row in document["pyallocbench"]["summary"]:
                    if row["metric"] in metrics:
                        row.update(n=0, median=None, mad=None, ratio=None, lo=None, hi=None)
            return changed(golden(), change)
        folder = self.drawn(forget("f_peak", "f_ret"), "--only", "fragmentation")
        text = words(folder / "fragmentation.svg")
        self.assertIn("no value of them: F_peak, F_ret.", text)
        self.assertNotIn("F_peak: peak RSS growth", text)
        self.assertNotIn("purges", text)
        self.assertIn("internal: lost within blocks", text)
        self.assertNotIn("Not drawn", self.text("fragmentation"))
        document = write(self.dir / "none.json", forget("f_peak", "f_ret", "internal"))
        done = script("draw.py", document, "-o", self.dir / "none", "--only", "fragmentation")
        self.assertIn("no fragmentation: nothing was live enough", done.stderr)

    def test_who_purges_later_than_was_looked_is_read_from_settings(self):
        def wait(document):
            backends = document["pyallocbench"]["backends"]
            backends[1]["identity"]["settings"] = "late_ms=10000 early_ms=0"
        for picture in ("fragmentation", "rss_timeline"):
            self.assertIn("may still hold everything after 5 s.", self.text(picture))
            folder = self.drawn(changed(golden(), wait), "--only", picture)
            self.assertIn("after 5 s (mimalloc late_ms=10000).", words(folder / f"{picture}.svg"))

    def test_numbers_beside_the_picture(self):
        found = {(r["workload"], r["backend"]): (r["ratio"], r["lo"], r["hi"])
                 for r in rows(self.dir / "mixed" / "relative_time.csv")}
        self.assertEqual(found["small_ints", NOVEL], ("4", "1", "16"))
        self.assertEqual(found["geometric mean", NOVEL], ("2", "", ""))
        self.assertEqual(len(found), 12)
        demand = [int(r["bytes"]) for r in rows(self.dir / "mixed" / "rss_timeline.csv")
                  if (r["workload"], r["curve"]) == ("small_ints", "demand")]
        self.assertEqual(max(demand), 32 << 20)

    def test_frontier_leaves_out_floors(self):
        on = {r["backend"] for r in rows(self.dir / "mixed" / "pareto.csv")
              if r["on_frontier"] == "1"}
        self.assertEqual(on, {"pymalloc"})

    def test_backend_that_nobody_knew_appears(self):
        text = (GOLDEN / "mixed.json").read_text(encoding="utf-8")
        path = self.dir / "renamed.json"
        path.write_text(text.replace("mimalloc", "zzz9"), encoding="utf-8")
        done = script("draw.py", path, "-o", self.dir / "renamed")
        self.assertEqual(done.returncode, GOOD, done.stderr)
        for picture in PICTURES:
            self.assertIn("zzz9", words(self.dir / "renamed" / f"{picture}.svg"))

    def test_no_names_of_backends_in_the_code(self):
        """But where some of them have a fixed look."""
        registry = (PLOTS.parent / "allocators" / "CMakeLists.txt").read_text(encoding="utf-8")
        names = set(re.findall(r"pab_add_backend\((\w+)\)", registry)) | {"pymalloc", "system"}
        names -= {"library"}  # a kind of backend, too
        for path in {*PLOTS.glob("*.py")} - {PLOTS / "glyph.py"}:
            strings = re.findall(r"(?<!\w)[\"']([a-z]+)[\"']", path.read_text(encoding="utf-8"))
            self.assertEqual(set(strings) & names, set(), path.name)

    def test_a_new_picture_is_one_new_file(self):
        copy = self.dir / "plots"
        shutil.copytree(PLOTS, copy, ignore=shutil.ignore_patterns("__pycache__"))
        (copy / "dot.py").write_text(
            "import style\nTITLE = 'Dot'\n\n\ndef draw(document):\n"
            "    sheet = style.Sheet(document, (TITLE, 'One dot.'), 1.0, ('time',))\n"
            "    return style.Picture(sheet.figure, 'A dot.', ('x',), [(1,)])\n", encoding="utf-8")
        done = script("draw.py", GOLDEN / "mixed.json", "-o", self.dir / "dot", "--only", "dot",
                      folder=copy)
        self.assertEqual((done.returncode, done.stderr), (GOOD, ""))
        self.assertEqual((self.dir / "dot" / "dot.csv").read_text(encoding="utf-8"), "x\n1\n")


if __name__ == "__main__":
    unittest.main()
