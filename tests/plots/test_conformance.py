"""The README's matrix: what it says, where it goes, and that the README has not fallen behind."""

import pathlib
import re
import shutil
import tempfile
import unittest

from support import GOLDEN, GOOD, IO, NEWER, NOT_OURS, ROOT, changed, golden, script, write

import conformance

BEGIN, END = "<!-- conformance: begin -->", "<!-- conformance: end -->"
OTHER = "<!-- table: begin -->\nanother block\n<!-- table: end -->\n"
PAGE = "# Title\n\n" + OTHER + BEGIN + "\n{}" + END + "\n\ntail\n"


def part(document):
    return document["pyallocbench"]["conformance"]


def rows(document, check):
    return [row for row in part(document)["checks"] if row["check"] == check]


class ConformanceTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="pab-conformance-")
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)
        self.file = self.dir / "results" / "checks.json"
        self.file.parent.mkdir()
        shutil.copy(GOLDEN / "checks.json", self.file)
        self.page = self.dir / "README.md"

    def text(self, change=None):
        """The block of the golden document, or of a copy to which `change` was done."""
        if change:
            write(self.file, changed(golden("checks"), change))
        done = script("conformance.py", self.file)
        self.assertEqual((done.returncode, done.stderr), (GOOD, ""))
        return done.stdout

    def cells(self, text, start):
        """Of the only row whose first cell starts so: the cells of the backends."""
        found = [line.strip("| ").replace("\\|", "/").split(" | ") for line in text.splitlines()
                 if line.startswith("| " + start)]
        self.assertEqual(len(found), 1, start)
        return found[0][2:]

    # --- what it says ---

    def test_groups(self):
        text = self.text()
        self.assertEqual(self.cells(text, "MAL |"),
                         ["3 ✓", "2 ✓ 1 ~", "2 ✓ 1 -", "1 ✓ 1 ~ 1 -"])
        self.assertEqual(self.cells(text, "ALN |"), ["1 ✓", "**1 ✗**", "**1 ✗**", "1 -"])
        self.assertEqual(self.cells(text, "OOM |"),
                         ["3 ✓", "3 ✓", "**1 ✓ 1 ~ 1 ✗**", "2 ✓ 1 ~"])
        self.assertEqual(self.cells(text, "HRD |"), ["1 i", "1 i", "1 i", "1 -"])
        self.assertEqual(self.cells(text, "NEW |"), ["1 ✓"] * 4)
        self.assertIn("| group | what it holds to what | `pymalloc` | `mimalloc` | `novel:knob=3` "
                      "| `null` (floor) |", text)
        for glyph in "✓~✗i-":
            self.assertIn(f"`{glyph}` ", text)

    def test_verdicts(self):
        self.assertEqual(self.cells(self.text(), "**verdict**"),
                         ["pass", "**fail** (1 of 1 known)", "**fail**", "deviation"])

    def test_statements_that_somebody_breaks(self):
        text = self.text()
        self.assertEqual(self.cells(text, "MAL-005 a request that fails sets errno | "
                                    "POSIX.1-2024 malloc |"), ["ok", "deviation", "skip", "skip"])
        self.assertEqual(self.cells(text, "MAL-008 "), ["ok", "ok", "ok", "deviation"])
        self.assertEqual(self.cells(text, "ALN-01 blocks have the alignment a \\| b | "
                                    "C23 7.24.3.1 |"),
                         ["ok", "**fail** (known)", "**fail**", "skip"])
        self.assertIn("in `results/reference/findings`.", text)

    def test_crash_counts_whatever_its_class(self):
        self.assertEqual(self.cells(self.text(), "OOM-05 "), ["ok", "ok", "**fail**", "ok"])

    def test_what_all_keep_or_only_describe_is_not_listed(self):
        for id_ in ("MAL-001", "OOM-03", "HRD-01", "NEW-1"):
            self.assertNotIn(id_, self.text())

    def test_thresholds(self):
        said = [line for line in self.text().splitlines() if line.startswith("Thresholds")]
        self.assertEqual(said, ["Thresholds of ours (Q) not met: OOM-04 half of it can be had "
                                "again by other sizes, too (`novel:knob=3`, `null`)."])
        self.assertEqual(self.text().count("OOM-04"), 1)

    def test_nothing_found(self):
        def heal(document):
            for row in part(document)["checks"]:
                row.update(verdict="pass", finding=None)
            for row in part(document)["verdicts"]:
                row.update(verdict="pass", passed=9, deviations=0, failed=0, known=0, skipped=0,
                           infos=0)
        text = self.text(heal)
        self.assertEqual(self.cells(text, "**verdict**"), ["pass"] * 4)
        self.assertIn("Nothing that is required (R) or answered for (I) failed or deviated.", text)
        self.assertNotIn("Thresholds", text)
        self.assertNotIn("(known)", text)

    def test_check_that_one_backend_lacks(self):
        def lose(document):
            checks = part(document)["checks"]
            checks.remove(next(r for r in rows(document, "ALN-01") if r["backend"] == "pymalloc"))
            part(document)["verdicts"][0]["passed"] -= 1
        text = self.text(lose)
        self.assertEqual(self.cells(text, "ALN-01 ")[0], "not made")
        self.assertIn("8 to 9 checks a backend", text)

    def test_circumstances(self):
        text = self.text()
        for said in ("Sample CPU, 2 CPUs", "2026-02-03", "pyallocbench 0.1.0 (0123456)", "seed 7",
                     "; 9 checks a backend.", "`mimalloc` 2.0.9",
                     "Not checked: `jemalloc`, unavailable: libjemalloc.so.2 was not found"):
            self.assertIn(said, text)
        self.assertNotIn("Incomplete", text)
        self.assertIn("**Incomplete run", self.text(
            lambda document: document["pyallocbench"].update(complete=False)))

    def test_markup_stands_for_itself(self):
        def plant(document):
            for row in rows(document, "MAL-005"):
                row.update(summary="a < b | `c` *d*")
        self.assertIn("MAL-005 a \\< b \\| \\`c\\` \\*d\\* |", self.text(plant))

    def test_groups_of_this_suite_have_words(self):
        page = (ROOT / "tests" / "conformance" / "README.md").read_text(encoding="utf-8")
        known = re.findall(r"^\| `[a-z_/]+`(?:, `[a-z_/]+`)* \| ([A-Z, ]+) \|", page, re.MULTILINE)
        known = {group for cell in known for group in cell.split(", ")}
        self.assertEqual(known, set(conformance.GROUPS))

    # --- where it goes ---

    def test_update_replaces_what_stands_between_the_markers(self):
        self.page.write_text(PAGE.format("old\n"), encoding="utf-8")
        done = script("conformance.py", self.file, "--update", self.page)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (GOOD, "", ""))
        text = self.page.read_text(encoding="utf-8")
        self.assertTrue(text.startswith("# Title\n\n" + OTHER + BEGIN + "\nSample CPU"), text)
        self.assertTrue(text.endswith("\n" + END + "\n\ntail\n"), text)
        self.assertNotIn("old\n", text)
        self.assertIn("Made from [`results/checks.json`](results/checks.json).", text)
        script("conformance.py", self.file, "--update", self.page)
        self.assertEqual(self.page.read_text(encoding="utf-8"), text)

    def test_matrix_is_named_where_it_is(self):
        self.file.with_suffix(".md").write_text("matrix\n", encoding="utf-8")
        self.page.write_text(PAGE.format(""), encoding="utf-8")
        script("conformance.py", self.file, "--update", self.page)
        self.assertIn("(results/checks.json); whole matrix: "
                      "[`results/checks.md`](results/checks.md).",
                      self.page.read_text(encoding="utf-8"))
        self.assertEqual(script("conformance.py", "--check", self.page).returncode, GOOD)
        self.file.with_suffix(".md").unlink()
        self.assertEqual(script("conformance.py", "--check", self.page).returncode, IO)

    def test_check_notices_one_changed_cell(self):
        self.page.write_text(PAGE.format(""), encoding="utf-8")
        script("conformance.py", self.file, "--update", self.page)
        self.assertEqual(script("conformance.py", "--check", self.page).returncode, GOOD)
        text = self.page.read_text(encoding="utf-8")
        self.page.write_text(text.replace("**1 ✗**", "1 ✓", 1), encoding="utf-8")
        self.refused(IO, "--update", "--check", self.page)

    # --- what it refuses ---

    def refused(self, status, word, *arguments):
        done = script("conformance.py", *arguments)
        self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        self.assertRegex(done.stderr, r"\A[^\n]+\n\Z")
        self.assertIn(word, done.stderr)

    def test_page_without_markers_is_left_alone(self):
        good = PAGE.format("")
        for text in ("# Title\n", OTHER, END + "\n" + BEGIN + "\n", good * 2,
                     BEGIN + "\n" + good, good + END + "\n"):
            self.page.write_text(text, encoding="utf-8")
            self.refused(NOT_OURS, BEGIN, self.file, "--update", self.page)
            self.assertEqual(self.page.read_text(encoding="utf-8"), text)

    def test_pages_that_cannot_be_used(self):
        self.refused(IO, "No such file", self.file, "--update", self.page)
        self.page.write_bytes(bytes(range(128, 256)))
        self.refused(NOT_OURS, "not text", "--check", self.page)
        self.page.write_text(PAGE.format("by hand\n"), encoding="utf-8")
        self.refused(IO, "names no document", "--check", self.page)

    def test_documents_that_cannot_be_used(self):
        for name in ("mixed", "one_round"):  # only what `run` looks at before it measures, or none
            self.refused(NOT_OURS, "holds no checks: name a file that `pyallocbench check -o FILE`",
                         GOLDEN / f"{name}.json")
        self.refused(IO, "No such file", self.dir / "none.json")
        self.file.write_text("{", encoding="utf-8")
        self.refused(NOT_OURS, "is cut short", self.file)
        write(self.file, changed(golden("checks"), lambda d: d["pyallocbench"].update(
            schema="pyallocbench-results/2")))
        self.refused(NEWER, "newer", self.file)
        for key in ("class", "summary", "source", "verdict"):
            write(self.file, changed(golden("checks"), lambda d: part(d)["checks"][3].pop(key)))
            self.refused(NOT_OURS, key, self.file)

    def test_counts_that_are_not_those_of_the_rows(self):
        for key in ("passed", "deviations", "failed", "known", "skipped", "infos"):
            with self.subTest(key):
                def nudge(document, key=key):
                    part(document)["verdicts"][1][key] += 1
                write(self.file, changed(golden("checks"), nudge))
                self.refused(NOT_OURS, "mimalloc has", self.file)

    def test_table_takes_no_checks(self):
        done = script("table.py", self.file)
        self.assertEqual((done.returncode, done.stdout), (NOT_OURS, ""))
        self.assertRegex(done.stderr, r"\A[^\n]+holds no measurements: name a file that "
                         r"`pyallocbench run -o FILE` wrote\n\Z")

    # --- the README ---

    def test_readme_agrees_with_its_reference(self):
        page = ROOT / "README.md"
        if BEGIN not in (page.read_text(encoding="utf-8") if page.exists() else ""):
            self.skipTest("README.md has no conformance block yet")
        done = script("conformance.py", "--check", page)
        self.assertEqual(done.returncode, GOOD, done.stderr)


if __name__ == "__main__":
    unittest.main()
