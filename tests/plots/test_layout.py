"""What a reader of any picture needs: no text cut off, none over another, ticks on every scale, a
backend that looks the same everywhere. Held to documents with long names, of many backends, of a
gate."""

import itertools
import re
import unittest

from support import changed, golden, need

need("matplotlib")

import draw
import glyph
import load
import style
from test_axes import FOUR, ONE, with_axes
from test_passes import with_passes

PICTURES = {name: module for name, module in draw.pictures().items()}
LONG = ("library:/home/somebody/build/an-allocator-with-a-long-name/lib/"
        "libanother-allocator.so.2.0.9:attach=preload")
VARIANT = "pymalloc:profile=3.6:pool=4K:arena=256K:release=eager:threshold=512+jemalloc"


def rename(part, names):
    """Backends under other ids, wherever they are named."""
    for key, value in list(part.items() if isinstance(part, dict) else enumerate(part)):
        if isinstance(value, str):
            part[key] = names.get(value, value)
        elif isinstance(value, (dict, list)):
            rename(value, names)


def add_backends(run, names, like):
    for part, field in (("backends", "id"), ("summary", "backend"), ("suite", "backend"),
                        ("samples", "backend"), ("timelines", "backend")):
        run[part] += [row | {field: name} for name in names for row in run[part]
                      if row[field] == like]


def fail_at_length(run):
    run["complete"] = False
    run["failures"] += [
        {"workload": workload, "backend": LONG, "pass": "time", "round": 0, "kind": "crashed",
         "message": "signal 11"} for workload in (ONE, FOUR)]
    run["backends"][2]["reason"] = "cannot open " + "/A/FOLDER/OF/MAMMOTHS" * 12


def documents():
    """{name: document}"""
    def long(document):
        rename(document["pyallocbench"], {"mimalloc": LONG, "novel:knob=3": VARIANT})
        fail_at_length(document["pyallocbench"])

    def gate(document):
        rename(document["pyallocbench"], {"pymalloc": "pymalloc@base", "mimalloc": "pymalloc@head"})
        for row in document["pyallocbench"]["backends"]:
            if "@" in row["id"]:
                row["role"] = row["id"].split("@")[1]

    def many(document):
        add_backends(document["pyallocbench"], [f"library:./number{i}.so" for i in range(12)],
                     "pymalloc")

    found = {}
    for change in (long, gate, many):
        changed_one = changed(changed(changed(golden(), with_passes), with_axes), change)
        found[change.__name__] = load.document("sample.json", changed_one["pyallocbench"])
    return found


def texts(figure):
    """[(text, box)] of all that is shown."""
    figure.draw_without_rendering()
    found = list(figure.texts)
    for axes in figure.axes:
        found += [*axes.texts, axes.title, axes._left_title]
        for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
            low, high = sorted(axis.get_view_interval())
            found += [axis.label] + [tick.label1 for tick in axis.get_major_ticks()
                                     if tick.label1.get_visible() and low <= tick.get_loc() <= high]
    return [(text.get_text(), text.get_window_extent()) for text in found
            if text.get_text().strip()]


def overlap(first, second):
    """In both directions, less than it takes to see it."""
    return (min(first.x1, second.x1) - max(first.x0, second.x0) > 1.5
            and min(first.y1, second.y1) - max(first.y0, second.y0) > 1.5)


class LayoutTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.figures = {f"{kind}: {name}": module.draw(document).figure
                       for kind, document in documents().items()
                       for name, module in PICTURES.items()}
        cls.texts = {name: texts(figure) for name, figure in cls.figures.items()}

    def test_every_picture_is_there(self):
        self.assertEqual(len(self.figures), 3 * 10)
        self.assertTrue(all(len(said) > 10 for said in self.texts.values()))

    def test_nothing_is_cut_off(self):
        for name, said in self.texts.items():
            width, height = self.figures[name].bbox.size
            cut = [text for text, box in said
                   if min(box.x0, box.y0, width - box.x1, height - box.y1) < 0]
            self.assertEqual(cut, [], name)

    def test_no_text_lies_over_another(self):
        for name, said in self.texts.items():
            over = [(one, other) for (one, first), (other, second)
                    in itertools.combinations(said, 2) if overlap(first, second)]
            self.assertEqual(over, [], name)

    def test_every_log_scale_has_ticks(self):
        for name, figure in self.figures.items():
            for axis in [a for axes in figure.axes for a in (axes.xaxis, axes.yaxis)]:
                if axis.get_scale() == "log":
                    low, high = sorted(axis.get_view_interval())
                    shown = [tick for tick in axis.get_ticklocs() if low <= tick <= high]
                    self.assertGreaterEqual(len(shown), 3, name)

    def test_no_number_is_in_powers_of_ten(self):
        for name, said in self.texts.items():
            self.assertEqual([text for text, _ in said if re.search(r"\de[-+]?\d", text)], [], name)


class TickTest(unittest.TestCase):
    def test_round_ratios_on_every_scale(self):
        for low in (0.002, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.96):
            for high in (1.04, 1.06, 1.2, 1.3, 1.6, 2.2, 3.5, 7.0, 30.0, 900.0):
                for at_most in (5, 9):
                    with self.subTest(low=low, high=high, at_most=at_most):
                        ticks = style.ratio_ticks(low, high, at_most)
                        self.assertIn(1, ticks)
                        self.assertTrue(3 <= len(ticks) <= at_most + 1, ticks)
                        self.assertTrue(all(low <= tick <= high for tick in ticks))


class GlyphTest(unittest.TestCase):
    def glyphs(self, ids, baseline=None, **keys):
        run = golden()["pyallocbench"]
        row = run["backends"][0]
        run |= {"backends": [row | {"id": id_} | keys for id_ in ids], "baseline": baseline,
                "samples": [], "timelines": [], "summary": [], "suite": []}
        return style.glyphs(load.document("sample", run))

    def looks(self, ids, **keys):
        return {id_: (g.colour, g.marker, g.dash, g.hatch)
                for id_, g in self.glyphs(ids, **keys).items()}

    def test_a_name_looks_the_same_in_every_document(self):
        names = [*glyph.NAMED, "library:./mine.so", "pymalloc:pool=4K"]
        alone = {name: self.looks([name])[name] for name in names}
        self.assertEqual(self.looks(names), alone)
        self.assertEqual(self.looks(names[::-1]), alone)
        for baseline in names:
            self.assertEqual(self.looks(names, baseline=baseline), alone)

    def test_folders_and_arms_do_not_change_it(self):
        near, far = "library:./mine.so", "library:/a/b/mine.so"
        self.assertEqual(self.looks([near])[near], self.looks([far])[far])
        arm = self.looks(["jemalloc@head"], role="head")["jemalloc@head"]
        self.assertEqual(arm, self.looks(["jemalloc"])["jemalloc"])
        base = self.glyphs(["jemalloc@base"], role="base")["jemalloc@base"]
        self.assertEqual(base.face, "white")

    def test_fixed_ones_differ_in_everything(self):
        for part in zip(*glyph.NAMED.values()):
            self.assertEqual(len(set(part)), len(glyph.NAMED))
        for mine, part in ((glyph.COLOURS, 0), (glyph.MARKERS, 1), (glyph.HATCHES, 3)):
            self.assertEqual(set(mine) & {look[part] for look in glyph.NAMED.values()}, set())

    def test_many_are_told_apart_without_colour(self):
        found = self.glyphs([f"backend{i}" for i in range(9)])
        self.assertEqual(len({g.marker for g in found.values()}), 9)
        found = self.glyphs([f"backend{i}" for i in range(30)])
        self.assertEqual(len({(g.marker, g.dash, g.colour) for g in found.values()}), 30)

    def test_colours_differ_in_grey(self):
        """Where they do not, markers and hatches do: no two of a picture are alike in all."""
        names = [*glyph.NAMED, *(f"backend{i}" for i in range(6))]
        found = self.glyphs(names)
        self.assertEqual(len({(g.marker, g.hatch) for g in found.values()}), len(names))

    def test_baseline_has_a_black_rim_and_floors_are_hollow(self):
        found = self.glyphs(["mimalloc", "jemalloc"], baseline="mimalloc")
        self.assertEqual([g.rim == glyph.INK for g in found.values()], [True, False])
        floor = self.glyphs(["null"], kind="floor", ranked=False)["null"]
        self.assertEqual((floor.colour, floor.face), (glyph.FLOOR_COLOUR, "white"))


if __name__ == "__main__":
    unittest.main()
