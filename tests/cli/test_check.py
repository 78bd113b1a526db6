"""`check`: verdicts, what is compared with a real CPython, and every way to ask wrongly."""

import json
import os
import re
import shutil
import signal
import struct
import subprocess
import unittest

from support import (BAD_CELL, BROKEN, GOOD, IO_ERROR, TOOL, UNAVAILABLE, USAGE, CliTest,
                     unwrapped)

ORACLE = "libpython3.11.so.1.0"
LDCONFIG = shutil.which("ldconfig", path="/usr/sbin:/sbin:/usr/bin")
HAS_ORACLE = LDCONFIG is not None and ORACLE in subprocess.run(
    [LDCONFIG, "-p"], capture_output=True, text=True, check=True).stdout
SMALL = ("check", "-q", "--ops", "20000")


def verdicts_of(text):
    """{check: verdict} of the table."""
    return dict(re.findall(r"^  (\S+) +(PASS|FAIL|SKIP|DEVIATION|INFO) ", text, re.MULTILINE))


class SelectionTest(CliTest):
    def test_one_check_of_one_backend(self):
        done = self.tool(*SMALL, "-b", "system", "--only", "PYM-01")
        self.expect_exit(done, GOOD)
        self.assertEqual(verdicts_of(done.stdout), {"PYM-01": "PASS"})
        self.assertIn("system: PASS: 1 passed", done.stdout)
        self.assertIn("detector: 5 of 5 read right", done.stdout)
        self.assertEqual(done.stderr, "")

    def test_globs_in_any_case(self):
        done = self.tool(*SMALL, "-b", "null", "--only", "p?e-*1,pym-01")
        self.assertEqual(sorted(verdicts_of(done.stdout)), ["PRE-001", "PYM-01"])

    def test_words_that_match_nothing(self):
        for word, near in (("PYM-O1", "'PYM-01'"), ("pym-1", "'PYM-01'"), ("mal", "'MAL-*'"),
                           ("prx", "'PRE-*'"), ("PYM-01,DIF-001", "'DIFF-001'"),
                           ("qqqqqqqq", "list checks")):
            with self.subTest(word):
                done = self.tool("check", "--only", word)
                self.expect_one_line(done, USAGE, word.split(",")[-1], near)

    def test_no_words(self):
        self.expect_one_line(self.tool("check", "--only", ","), USAGE, "--only")

    def test_unknown_backend(self):
        self.expect_one_line(self.tool("check", "-b", "jemaloc"), USAGE, "'jemalloc'")

    def test_what_takes_long(self):
        done = self.tool(*SMALL, "-b", "system", "--only", "LNG-09*")
        self.expect_exit(done, UNAVAILABLE)
        self.assertEqual(verdicts_of(done.stdout), {"LNG-09": "SKIP"})
        self.assertIn("--long", done.stdout)


class UsageTest(CliTest):
    """A bad option is told in one line, before anything is run or written."""

    def test_numbers_out_of_range(self):
        for option, words in (("seed", ("-1", "x", "", "9007199254740992", "1.5")),
                              ("ops", ("0", "-1", "x", "1000000000001")),
                              ("jobs", ("0", "65", "x", "-2")),
                              ("timeout", ("0", "-1", "x", "nan", "1e9"))):
            for word in words:
                with self.subTest(option=option, word=word):
                    done = self.tool("check", f"--{option}", word)
                    self.expect_one_line(done, USAGE, f"--{option} {word}", "..")

    def test_files(self):
        (self.dir / "notes").write_text("mine")
        (self.dir / "folder").mkdir()
        for words, code, says in (
                (("--replay", "gone"), USAGE, "--replay gone: No such file"),
                (("--replay", "notes"), USAGE, "notes"),
                (("--replay", "folder"), USAGE, "--replay folder: it is a folder"),
                (("--corpus", "gone"), USAGE, "--corpus gone: No such file"),
                (("--corpus", "notes"), USAGE, "--corpus notes: it is no folder"),
                (("--only", "PYM-01", "--replay", "notes"), USAGE, "none of the chosen checks"),
                (("--only", "PYM-01", "--corpus", "folder"), USAGE, "none of the chosen checks"),
                (("-o", "notes"), USAGE, "-o notes"), (("-o", "-"), USAGE, "-o needs"),
                (("--md", "notes"), USAGE, "--md notes"), (("--md", ""), USAGE, "--md needs"),
                (("--junit", "notes"), USAGE, "--junit notes"),
                (("--md", "x", "--junit", "x"), USAGE, "a file each"),
                (("-o", "no/such/x"), IO_ERROR, "no/such/x"),
                (("--md", "no/such/x"), IO_ERROR, "no/such/x"),
                (("--junit", "folder"), IO_ERROR, "folder")):
            with self.subTest(words=words):
                done = self.tool("check", "-b", "system", *words)
                self.expect_one_line(done, code, says)
                self.assertEqual(done.stdout, "")
        self.assertEqual(sorted(path.name for path in self.dir.iterdir()), ["folder", "notes"])
        self.assertEqual((self.dir / "notes").read_text(), "mine")

    def test_a_word_too_many(self):
        self.expect_one_line(self.tool("check", "system"), USAGE, "'system'")


class ListTest(CliTest):
    def test_people_see_every_field(self):
        rows = json.loads(self.tool("list", "checks", "--json").stdout)["checks"]
        done = self.tool("list", "checks")
        shown = unwrapped(done.stdout)
        self.assertEqual([line for line in done.stdout.splitlines() if len(line) > 80], [])
        for row in rows:
            self.assertIn(f"{row['name']} {row['class']} S{row['severity']} ", shown)
            for key in ("summary", "source", "not_applicable"):
                if row[key] is not None:
                    self.assertIn(" ".join(row[key].split()), shown)
        self.assertEqual(len({row["name"] for row in rows}), len(rows))

    def test_what_a_check_calls(self):
        rows = json.loads(self.tool("list", "checks", "--json").stdout)["checks"]
        uses = {row["name"]: row["uses"] for row in rows}
        self.assertIn("realloc", uses["REA-001"])
        self.assertIn("calloc", uses["CAL-001"])


class OracleTest(CliTest):
    """Files that are no oracle: one line that says what they are."""

    def expect_refused(self, file, *says):
        done = self.tool(*SMALL, "-b", "pymalloc", "--only", "DIFF-001", "--oracle", file)
        self.expect_one_line(done, USAGE, *says)

    def test_no_file(self):
        self.expect_refused("none.so", "none.so", "No such file")

    def test_before_anything_is_printed(self):
        for backends in ("system,pymalloc", "system"):
            with self.subTest(backends):
                done = self.tool(*SMALL, "-b", backends, "--oracle", "none.so")
                self.expect_one_line(done, USAGE, "none.so", "No such file")

    def test_for_no_check(self):
        done = self.tool(*SMALL, "-b", "pymalloc", "--only", "PRE-001", "--oracle", ORACLE)
        self.expect_one_line(done, USAGE, ORACLE, "none of the chosen checks")

    def test_folder(self):
        self.expect_refused(".", "cannot be read")

    def test_text(self):
        (self.dir / "text.so").write_text("no library, but long enough to be one " * 9)
        self.expect_refused("text.so", "no ELF")

    def test_empty(self):
        (self.dir / "empty.so").touch()
        self.expect_refused("empty.so", "no ELF")

    def test_no_python(self):
        self.expect_refused(BROKEN / "bump.so", "no libpython", "Py_GetVersion")

    def test_other_machine(self):
        head = bytearray((BROKEN / "bump.so").read_bytes())
        struct.pack_into("<H", head, 18, 8)  # e_machine: MIPS
        (self.dir / "mips.so").write_bytes(head)
        self.expect_refused("mips.so", "another architecture")

    def test_cut_off(self):
        whole = (BROKEN / "bump.so").read_bytes()
        for length in (200, 5000):  # within the table of segments; within a segment
            with self.subTest(length):
                (self.dir / "cut.so").write_bytes(whole[:length])
                self.expect_refused("cut.so", "damaged")

    def test_pipe(self):
        os.mkfifo(self.dir / "pipe")
        self.expect_refused("pipe", "no ELF")

    def pretend(self, version, *extra):
        """A library that only says that it is a CPython."""
        source = self.dir / "fake.c"
        source.write_text(
            f'const char *Py_GetVersion(void) {{ return "{version} (main) [GCC]"; }}\n'
            'static char bytes[64];\n'
            'void *PyObject_Malloc(unsigned long n) { (void)n; return bytes; }\n' + "".join(extra))
        subprocess.run(["cc", "-shared", "-fPIC", "-o", self.dir / "fake.so", source], check=True)
        return "fake.so"

    def test_too_old(self):
        self.expect_refused(self.pretend("2.6.9"), "2.6.9", "2.7 and 3.6 to 3.15")

    def test_between(self):
        self.expect_refused(self.pretend("3.4.10"), "3.4.10", "2.7 and 3.6 to 3.15")

    def test_too_new(self):
        self.expect_refused(self.pretend("3.16.0"), "3.16.0", "2.7 and 3.6 to 3.15")

    def test_free_threaded(self):
        self.expect_refused(self.pretend("3.13.0 experimental free-threading build"),
                            "free-threaded")

    def test_debug_build(self):
        self.expect_refused(self.pretend("3.11.2", "void _Py_NegativeRefcount(void) {}\n"),
                            "debug build")

    def test_without_pymalloc(self):
        self.expect_refused(self.pretend("3.11.2"), "not come from pymalloc")


@unittest.skipUnless(HAS_ORACLE, f"no {ORACLE} here")
class DiffTest(CliTest):
    def test_same(self):
        done = self.tool("check", "-b", "pymalloc", "--only", "DIFF-*", "--ops", "100000", "-o",
                         "out.json")
        self.expect_exit(done, GOOD)
        self.assertIn("100 % (5 of 5 checks), 0:00 left", done.stderr)
        self.assertEqual(set(verdicts_of(done.stdout).values()), {"PASS"})
        self.assertEqual(len(verdicts_of(done.stdout)), 5)
        run = self.document()["pyallocbench"]
        for row in run["conformance"]["checks"]:
            self.assertRegex(row["compared"],
                             r"CPython 3\.11\.\d+: 100000 operations; \d+ addresses")
        self.assertEqual(run["conformance"]["verdicts"][0]["passed"], 5)
        self.assertTrue(run["complete"])
        self.expect_valid(self.document())

    def test_no_refusal_proves_nothing_about_refusals(self):
        done = self.tool(*SMALL, "-b", "pymalloc", "--only", "DIFF-003,DIFF-001")
        self.expect_exit(done, GOOD)
        self.assertEqual(verdicts_of(done.stdout), {"DIFF-001": "PASS", "DIFF-003": "SKIP"})
        self.assertIn("too few operations", unwrapped(done.stdout))

    def test_other_rule_differs_and_is_cut_down(self):
        done = self.tool(*SMALL, "-b", "pymalloc:tail=release", "--only", "DIFF-001", "-o",
                         "out.json")
        self.expect_exit(done, BAD_CELL)
        row = self.document()["pyallocbench"]["conformance"]["checks"][0]
        self.assertEqual(row["verdict"], "fail")
        self.assertIn("seed 1", row["reason"])
        calls = [line for line in row["detail"].splitlines()
                 if re.match(r"(malloc|calloc|realloc|free) ", line)]
        self.assertEqual(len(calls), 2, row["detail"])  # one block taken, and given back

    def test_every_other_geometry_differs(self):
        for key in ("align=8", "pool=8K", "arena=512K", "threshold=256"):
            with self.subTest(key):
                done = self.tool(*SMALL, "-b", f"pymalloc:{key}", "--only", "DIFF-001")
                self.expect_exit(done, BAD_CELL)
                self.assertIn("and ours differ", unwrapped(done.stdout))

    def test_other_profile_is_a_mistake_where_the_oracle_was_named(self):
        words = (*SMALL, "-b", "pymalloc:profile=3.9", "--only", "DIFF-001")
        self.expect_one_line(self.tool(*words, "--oracle", ORACLE), USAGE, "pymalloc:profile=3.9",
                             "pymalloc:profile=3.11 would be")
        done = self.tool(*words)
        self.expect_exit(done, UNAVAILABLE)
        self.assertEqual(verdicts_of(done.stdout), {"DIFF-001": "SKIP"})
        self.assertIn("pymalloc:profile=3.11 would be", unwrapped(done.stdout))

    def test_same_geometry_by_another_name(self):
        done = self.tool(*SMALL, "-b", "pymalloc:profile=3.13", "--only", "DIFF-001")
        self.expect_exit(done, GOOD)

    def test_other_backends_have_nothing_to_compare(self):
        done = self.tool(*SMALL, "-b", "system", "--only", "DIFF-*")
        self.expect_exit(done, UNAVAILABLE)
        self.assertEqual(set(verdicts_of(done.stdout).values()), {"SKIP"})

    def test_hooks_are_not_what_is_compared(self):
        done = self.tool(*SMALL, "-b", "pymalloc:hooks=debug", "--only", "DIFF-001")
        self.expect_exit(done, UNAVAILABLE)
        self.assertEqual(verdicts_of(done.stdout), {"DIFF-001": "SKIP"})
        self.assertEqual(verdicts_of(self.tool(*SMALL, "-b", "pymalloc:hooks=none", "--only",
                                               "DIFF-001").stdout), {"DIFF-001": "PASS"})

    def test_interrupted(self):
        with subprocess.Popen([TOOL, "check", "-q", "-b", "pymalloc", "--only", "DIFF-001", "--ops",
                               "100000000000", "-o", "out.json"], cwd=self.dir, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            self.assertIn("pymalloc", process.stdout.readline())
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(timeout=60), 130)
        self.assertFalse(self.document()["pyallocbench"]["complete"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
