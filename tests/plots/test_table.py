"""The README's table: what it says, where it goes, and that the README has not fallen behind."""

import pathlib
import re
import shutil
import tempfile
import unittest

from support import GOLDEN, GOOD, IO, NOT_OURS, ROOT, golden, script, write

PAGE = "# Title\n\n<!-- table: begin -->\n{}<!-- table: end -->\n\ntail\n"


class TableTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="pab-table-")
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)
        self.file = self.dir / "results" / "mixed.json"
        self.file.parent.mkdir()
        shutil.copy(GOLDEN / "mixed.json", self.file)
        self.page = self.dir / "README.md"

    def cells(self, text, *start):
        """The cells of the only row that starts so."""
        rows = [[cell.strip() for cell in line.strip("| ").split(" | ")]
                for line in text.splitlines() if line.startswith("| ")]
        found = [row for row in rows if row[:len(start)] == list(start)]
        self.assertEqual(len(found), 1, start)
        return found[0][len(start):]

    def test_numbers(self):
        text = script("table.py", self.file).stdout
        self.assertEqual(self.cells(text, "`novel:knob=3`"),
                         ["2.00", "1.00", "1.25", "0", "12.5"])
        self.assertEqual(self.cells(text, "`mimalloc`"),
                         ["1.00", "1.13", "1.50", "50", "n/a"])
        self.assertEqual(self.cells(text, "small_ints", "`novel:knob=3`"),
                         ["520.0", "4.00 [1.00, 16.00]", "51.0", "1.25", "0", "12.5"])
        self.assertEqual(self.cells(text, "strings", "`null` (floor)"),
                         ["65.0", "0.25 [0.25, 0.25]", "43.0", "n/a", "100", "0.0"])

    def test_words_stand_on_the_left(self):
        rules = re.findall(r"^\| :?---.*", script("table.py", self.file).stdout, re.MULTILINE)
        self.assertEqual(rules, ["| :--- | ---: | ---: | ---: | ---: | ---: |",
                                 "| :--- | :--- | ---: | ---: | ---: | ---: | ---: | ---: |"])

    def test_notes_stand_where_they_are_needed(self):
        text = script("table.py", self.file).stdout
        self.assertIn("`null` (floor) never reuses memory", text)
        self.assertNotIn("F_peak below 1", text)
        self.assertIn("In brackets the 95 % interval; that of the mean needs", text)
        document = golden()
        floor = document["pyallocbench"]["backends"].pop()["id"]
        for array in ("samples", "timelines", "summary", "suite"):
            document["pyallocbench"][array] = [
                row for row in document["pyallocbench"][array] if row["backend"] != floor]
        row = next(r for r in document["pyallocbench"]["summary"] if r["metric"] == "f_peak")
        row["median"] = 0.99
        text = script("table.py", write(self.file, document)).stdout
        self.assertIn("F_peak below 1", text)
        self.assertNotIn("never reuses memory", text)
        text = script("table.py", GOLDEN / "one_round.json").stdout
        self.assertIn("There are no intervals", text)
        self.assertNotIn("In brackets", text)
        text = script("table.py", GOLDEN / "rounds.json").stdout
        self.assertIn("In brackets the 95 % interval. ", text)
        self.assertEqual(self.cells(text, "`mimalloc`")[0], "0.50 [0.50, 0.50]")

    def test_circumstances(self):
        text = script("table.py", self.file).stdout
        for said in ("Sample CPU, 2 CPUs", "Linux 6.1.0", "gcc 12.2.0", "2026-02-03",
                     "`mimalloc` 2.0.9", "rounds: 7 time, 2 memory",
                     "Not measured: `jemalloc`, unavailable"):
            self.assertIn(said, text)
        self.assertNotIn("Incomplete", text)
        self.assertIn("**Incomplete run: interrupted after 1 of 7 rounds.**",
                      script("table.py", GOLDEN / "one_round.json").stdout)

    def test_update_replaces_what_stands_between_the_markers(self):
        self.page.write_text(PAGE.format("old\n"), encoding="utf-8")
        done = script("table.py", self.file, "--update", self.page)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (GOOD, "", ""))
        text = self.page.read_text(encoding="utf-8")
        self.assertRegex(text, r"\A# Title\n\n<!-- table: begin -->\n")
        self.assertRegex(text, r"<!-- table: end -->\n\ntail\n\Z")
        self.assertNotIn("old", text)
        self.assertIn("Made from [`results/mixed.json`](results/mixed.json).", text)
        script("table.py", self.file, "--update", self.page)
        self.assertEqual(self.page.read_text(encoding="utf-8"), text)

    def test_check_notices_one_changed_digit(self):
        self.page.write_text(PAGE.format(""), encoding="utf-8")
        script("table.py", self.file, "--update", self.page)
        self.assertEqual(script("table.py", "--check", self.page).returncode, GOOD)
        text = self.page.read_text(encoding="utf-8")
        self.page.write_text(text.replace("1.13", "1.12", 1), encoding="utf-8")
        done = script("table.py", "--check", self.page)
        self.assertEqual(done.returncode, IO)
        self.assertRegex(done.stderr, r"\A[^\n]+--update[^\n]+\n\Z")

    def test_page_without_markers_is_left_alone(self):
        for text in ("# Title\n", PAGE.format("") * 2,
                     "<!-- table: end -->\n<!-- table: begin -->\n"):
            self.page.write_text(text, encoding="utf-8")
            done = script("table.py", self.file, "--update", self.page)
            self.assertEqual(done.returncode, NOT_OURS)
            self.assertEqual(self.page.read_text(encoding="utf-8"), text)

    def test_readme_agrees_with_its_reference(self):
        page = ROOT / "README.md"
        text = page.read_text(encoding="utf-8") if page.exists() else ""
        named = re.search(r"Made from \[`(results/reference/[^`]+)`", text)
        references = list((ROOT / "results" / "reference").glob("*.json"))
        if not references and named is None:
            self.skipTest("there is no reference yet")
        self.assertIsNotNone(named, "README.md shows no table of a reference")
        done = script("table.py", "--check", page)
        self.assertEqual(done.returncode, GOOD, done.stderr)


if __name__ == "__main__":
    unittest.main()
