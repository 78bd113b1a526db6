"""What `check` leaves behind: the document, Markdown and JUnit, whole, partial, and in trouble."""

import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

from support import (BAD_CELL, BROKEN, GOOD, HANG_SECONDS, IO_ERROR, TOOL, CliTest,
                     checks_of, unwrapped)

SMALL = ("check", "-q", "--ops", "20000")
FILES = ("-o", "out.json", "--md", "out.md", "--junit", "out.xml")
# One of each: pass, deviation, fail, skip, info.
MIXED = "MAL-002,MAL-005,PRE-001,REA-013,HRD-05"


class FilesTest(CliTest):
    """One run, all its files; the library's name is as hostile as a name can be."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="pab-cli-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        name = "a&b<c>\"d|e`*.so"
        shutil.copy(BROKEN / "overlap.so", cls.folder / name)
        cls.overlap = f"library:./{name}"
        cls.specs = (cls.overlap, "system", "pymalloc")
        cls.done = subprocess.run(
            [TOOL, *SMALL, "-b", ",".join(cls.specs), "--only", MIXED, *FILES], cwd=cls.folder,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=HANG_SECONDS,
            check=False)
        cls.whole = json.loads((cls.folder / "out.json").read_text(encoding="utf-8"))
        cls.rows = checks_of(cls.whole)
        cls.markdown = (cls.folder / "out.md").read_text(encoding="utf-8")
        cls.junit = xml.etree.ElementTree.parse(cls.folder / "out.xml").getroot()

    def test_document(self):
        self.expect_exit(self.done, BAD_CELL)
        self.expect_valid(self.whole)
        run = self.whole["pyallocbench"]
        self.assertTrue(run["complete"])
        self.assertEqual(run["conformance"]["ops"], 20000)
        self.assertEqual(len(self.rows), 3 * len(MIXED.split(",")))
        self.assertEqual({row["verdict"] for row in self.rows.values()},
                         {"pass", "deviation", "fail", "skip", "info"})
        for row in self.rows.values():
            self.assertEqual(set(row), {
                "backend", "check", "class", "severity", "verdict", "summary", "source", "reason",
                "answer", "compared", "detail", "finding", "kind", "again", "ops", "seed",
                "wall_ms"})
            self.assertEqual(row["again"] is not None, row["verdict"] in ("fail", "deviation"))
        verdicts = {row["backend"]: row for row in run["conformance"]["verdicts"]}
        self.assertEqual(verdicts[self.overlap]["verdict"], "fail")
        self.assertEqual(verdicts["system"]["verdict"], "pass")
        for backend, row in verdicts.items():
            of_backend = [r["verdict"] for r in self.rows.values() if r["backend"] == backend]
            for key, verdict in (("passed", "pass"), ("deviations", "deviation"),
                                 ("failed", "fail"), ("skipped", "skip"), ("infos", "info")):
                self.assertEqual(row[key], of_backend.count(verdict))

    def test_junit(self):
        self.assertEqual(self.junit.tag, "testsuites")
        self.assertEqual([suite.get("name") for suite in self.junit], list(self.specs))
        for suite in self.junit:
            cases = suite.findall("testcase")
            self.assertEqual(suite[0].tag, "properties")
            properties = {item.get("name"): item.get("value") for item in suite[0]}
            self.assertEqual((properties["seed"], properties["ops"], properties["complete"]),
                             ("1", "20000", "true"))
            self.assertEqual(int(suite.get("tests")), len(cases))
            self.assertEqual(int(suite.get("failures")), len(suite.findall("testcase/failure")))
            self.assertEqual(int(suite.get("skipped")), len(suite.findall("testcase/skipped")))
            self.assertEqual(int(suite.get("errors")), 0)
            for case in cases:
                row = self.rows[case.get("classname"), case.get("name")]
                self.assertGreaterEqual(float(case.get("time")), 0)
                inner = [child.tag for child in case]
                expected = {"fail": ["failure"], "skip": ["skipped"], "deviation": ["system-out"],
                            "info": ["system-out"],
                            "pass": ["system-out"] if row["answer"] else []}
                self.assertEqual(inner, expected[row["verdict"]])
                if row["verdict"] in ("fail", "skip"):
                    self.assertEqual(case[0].get("message"), row["reason"])
                if row["verdict"] == "fail":
                    self.assertIn(row["again"], case[0].text)
                if row["verdict"] == "deviation":
                    self.assertIn(row["reason"], case[0].text)
        for key in ("tests", "failures", "skipped", "errors"):
            self.assertEqual(int(self.junit.get(key)),
                             sum(int(suite.get(key)) for suite in self.junit))

    def test_markdown(self):
        lines = self.markdown.splitlines()
        self.assertEqual(lines[0], "# Conformance of memory allocators")
        self.assertIn("pyallocbench check", self.markdown)
        self.assertIn("seed 1", self.markdown)
        notes = dict(re.findall(r"^\[\^(\d+)\]: (.*)$", self.markdown, re.MULTILINE))
        used = set(re.findall(r"\w\*{0,2}\[\^(\d+)\]", self.markdown))
        self.assertEqual(set(notes), used)
        self.assertEqual(len(set(notes.values())), len(notes))
        shown = {"pass": "pass", "deviation": "deviation", "fail": "**FAIL**", "skip": "skip",
                 "info": "i "}
        for line in lines:
            if line.startswith("| check |"):
                cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[4:-1]]
                self.assertEqual([re.sub(r"\\(.)", r"\1", cell) for cell in cells],
                                 list(self.specs))
        for check in MIXED.split(","):
            line = next(line for line in lines if line.startswith(f"| {check} |"))
            cells = re.split(r"(?<!\\)\|", line)[1:-1]
            self.assertEqual(len(cells), 3 + len(self.specs))
            for spec, cell in zip(self.specs, cells[3:]):
                row = self.rows[spec, check]
                self.assertIn(shown[row["verdict"]], cell)
                self.assertEqual("[^" in cell,
                                 row["verdict"] in ("deviation", "fail", "skip")
                                 or row["verdict"] == "pass" and row["answer"] != "")
        failed = self.rows[self.overlap, "PRE-001"]
        self.assertTrue(any("PRE-001" in note and failed["source"] in note
                            for note in notes.values()))

    def test_terminal(self):
        matrix = self.done.stdout[self.done.stdout.index("what did not pass everywhere:"):]
        self.assertRegex(matrix, r"\n  PRE-001 +FAIL +ok +ok\n")
        self.assertIn("3 backends, 15 checks: ", matrix)
        long_ones = [line for line in self.done.stdout.splitlines()
                     if len(line) > 80 and "see it again: " not in line
                     and not line.startswith(" " * 8)]
        self.assertEqual(long_ones, [])

    def test_largest_seed(self):
        seed = str(2**53 - 1)
        done = self.tool(*SMALL, "-b", "null", "--only", "PYM-01", "--seed", seed, *FILES)
        self.expect_exit(done, GOOD)
        self.assertEqual(self.document()["pyallocbench"]["seed"], int(seed))
        for name in ("out.md", "out.xml"):
            self.assertIn(seed, (self.dir / name).read_text(encoding="utf-8"))

    def test_own_files_are_replaced(self):
        for name in ("out.json", "out.md", "out.xml"):
            shutil.copy(self.folder / name, self.dir / name)
        done = self.tool(*SMALL, "-b", "null", "--only", "PYM-01", *FILES)
        self.expect_exit(done, GOOD)
        self.assertEqual(len(checks_of(self.document())), 1)
        self.assertNotIn("MAL-002", (self.dir / "out.md").read_text(encoding="utf-8"))
        self.assertEqual([suite.get("name") for suite
                          in xml.etree.ElementTree.parse(self.dir / "out.xml").getroot()], ["null"])


class ManyRowsTest(CliTest):
    ONLY = "MAL-00*,REA-001,REA-002,PYM-01,HRD-05,MAL-017,LNG-09*"

    def test_groups_then_what_did_not_pass(self):
        done = self.tool(*SMALL, "-b", "pymalloc", "--only", self.ONLY)
        self.expect_exit(done, GOOD)
        self.assertRegex(done.stdout, r"\n  MAL +10 checks   \d passed, \d skipped\n")
        self.assertRegex(done.stdout, r"\n  1 skipped: takes minutes or hours.*\n? +.*LNG-09\n")
        self.assertNotRegex(done.stdout, r"\n  \S+ +PASS ")
        self.assertNotRegex(done.stdout, r"\n  \S+ +INFO ")
        self.assertRegex(done.stdout, r"\n  1 told: .*HRD-05\n")
        verbose = self.tool(*SMALL, "-v", "-b", "pymalloc", "--only", self.ONLY)
        self.assertEqual(len(re.findall(r"\n  \S+ +(?:PASS|SKIP|INFO|DEVIATION) ", verbose.stdout)),
                         15)

    def test_side_by_side_as_one_by_one(self):
        found = []
        flags = {row["name"]: row["flags"] for row in
                 json.loads(self.tool("list", "checks", "--json").stdout)["checks"]}
        self.assertIn("alone", flags["MAL-017"])
        for jobs in ("1", "5"):
            self.expect_exit(self.tool(*SMALL, "-b", "system,null", "--only", self.ONLY, "--jobs",
                                       jobs, "-o", "out.json"), GOOD)
            found.append([{key: row[key] for key in ("backend", "check", "verdict", "reason")}
                          for row in self.document()["pyallocbench"]["conformance"]["checks"]])
        self.assertEqual(found[0], found[1])
        self.assertEqual(len(found[0]), 30)


class TroubleTest(CliTest):
    def start_hanging(self, timeout, *files):
        """PYM-01 is over and PRE-001 hangs."""
        process = subprocess.Popen(
            [TOOL, "check", "-b", f"library:{BROKEN / 'hang_late.so'}", "--only", "PYM-01,PRE-001",
             "--jobs", "2", "--timeout", timeout, *files], cwd=self.dir, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        line = process.stderr.readline()
        while "1 of 2 checks" not in line:
            self.assertNotEqual(line, "", "it ended before")
            line = process.stderr.readline()
        return process

    def test_interrupted(self):
        process = self.start_hanging("600", *FILES)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=HANG_SECONDS)
        self.assertEqual(process.returncode, 130, stderr)
        self.assertIn("PYM-01    PASS", stdout)
        self.assertNotIn("PRE-001", stdout)
        self.expect_valid(self.document())
        self.assertFalse(self.document()["pyallocbench"]["complete"])
        self.assertEqual([check for _, check in checks_of(self.document())], ["PYM-01"])
        self.assertIn("Not complete", (self.dir / "out.md").read_text(encoding="utf-8"))
        suite = xml.etree.ElementTree.parse(self.dir / "out.xml").getroot()[0]
        self.assertEqual([case.get("name") for case in suite.findall("testcase")],
                         ["complete", "PYM-01"])
        self.assertEqual(suite.find("testcase/error").get("type"), "interrupted")
        self.assertIn("INTERRUPTED: 1 passed", unwrapped(stdout))
        self.assertIn(("complete", "false"),
                      [(item.get("name"), item.get("value")) for item in suite[0]])

    def test_one_file_in_trouble_costs_no_other(self):
        (self.dir / "sub").mkdir()
        process = self.start_hanging("2", "-o", "out.json", "--md", "sub/out.md", "--junit",
                                     "out.xml")
        (self.dir / "sub").rmdir()
        _, stderr = process.communicate(timeout=HANG_SECONDS)
        self.assertEqual(process.returncode, IO_ERROR, stderr)
        self.assertIn("cannot write sub/out.md", stderr)
        self.assertEqual(len(checks_of(self.document())), 2)
        self.assertEqual(xml.etree.ElementTree.parse(self.dir / "out.xml").getroot().get("failures"),
                         "1")

    def test_a_backend_that_is_not_here(self):
        done = self.tool(*SMALL, "-b", "library:./none.so,null", "--only", "PYM-01", *FILES)
        self.expect_exit(done, BAD_CELL)
        self.expect_valid(self.document())
        suites = xml.etree.ElementTree.parse(self.dir / "out.xml").getroot()
        self.assertEqual([suite.get("errors") for suite in suites], ["1", "0"])
        self.assertIn("none.so", suites[0].find("testcase/error").get("message"))
        self.assertIn("| library:./none.so |", (self.dir / "out.md").read_text(encoding="utf-8"))


class ProgressTest(CliTest):
    def test_on_a_terminal(self):
        """One line that rewrites itself, and always says a time."""
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [TOOL, "check", "-b", "system", "--only", "PYM-01,MAL-002"], cwd=self.dir,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=slave,
            env={**os.environ, "TERM": "xterm"})
        os.close(slave)
        self.addCleanup(os.close, master)
        shown = b""
        try:
            while chunk := os.read(master, 4096):
                shown += chunk
        except OSError:
            pass  # the other end is closed
        self.assertEqual(process.wait(HANG_SECONDS), GOOD)
        self.assertIn(b"\r", shown)
        self.assertNotIn(b"--:--", shown)
        self.assertRegex(shown, rb"0/2\] \d+:\d\d (left|so far)")


if __name__ == "__main__":
    unittest.main()
