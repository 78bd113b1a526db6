"""The model tester as a user meets it: what is found, cut down, kept, and made again."""

import re
import shutil
import subprocess
import unittest

from support import BAD_CELL, BROKEN, GOOD, USAGE, CliTest

RARE = f"library:{BROKEN / 'rare_overlap.so'}"
HEAD = "pyallocbench trace 1\nprofile py\nseed 1\nthreads 1\n"
COMPILER = shutil.which("cc") or shutil.which("gcc")


class FindingTest(CliTest):
    """One block in 100,000 overlaps the next one."""

    found = None  # row, name and text of the trace: looked for once

    def setUp(self):
        super().setUp()
        kept = self.dir / "kept"
        kept.mkdir()
        if FindingTest.found is None:
            self.expect_exit(self.find("-o", "out.json"), BAD_CELL)
            row = self.document()["pyallocbench"]["conformance"]["checks"][0]
            files = list(kept.iterdir())
            self.assertEqual(len(files), 1)
            FindingTest.found = row, files[0].name, files[0].read_text()
        self.row, name, text = FindingTest.found
        self.trace = kept / name
        self.trace.write_text(text)

    def find(self, *words):
        return self.tool("check", "-q", "-b", RARE, "--only", "MOD-003", "--ops", "1000000",
                         "--corpus", "kept", *words)

    def test_found_cut_down_and_kept(self):
        self.assertEqual(self.row["verdict"], "fail")
        self.assertIn("MAL-009", self.row["reason"])
        self.assertIn("overlap", self.row["reason"])
        self.assertRegex(self.trace.name, r"rare_overlap\.so-MOD-003-1\.trace$")
        self.assertLess(len(self.trace.read_text().splitlines()), 30)

    def test_kept_trace_is_made_again(self):
        done = self.tool("check", "-q", "-b", RARE, "--replay", self.trace)
        self.expect_exit(done, BAD_CELL)
        self.assertIn("MAL-009", done.stdout)
        self.expect_exit(self.tool("check", "-q", "-b", "system", "--replay", self.trace), GOOD)

    def test_kept_traces_run_first(self):
        done = self.tool("check", "-q", "-b", RARE, "--only", "MOD-001", "--corpus", "kept")
        self.expect_exit(done, BAD_CELL)
        self.assertIn("MAL-009", done.stdout)

    def test_an_old_trace_is_not_overwritten(self):
        self.trace.write_text(HEAD + "malloc 0 1\nend\n")
        self.find()
        self.assertEqual(self.trace.read_text(), HEAD + "malloc 0 1\nend\n")
        self.assertEqual(len(list((self.dir / "kept").iterdir())), 2)

    @unittest.skipIf(COMPILER is None, "no C compiler")
    def test_program_shows_it_without_us(self):
        program = re.search(r"/\* MAL-009.*^}$", self.row["detail"], re.DOTALL | re.MULTILINE)
        self.assertIsNotNone(program, self.row["detail"])
        self.assertLess(len(program.group().splitlines()), 30)
        (self.dir / "shows.c").write_text(program.group())
        subprocess.run([COMPILER, "-D_GNU_SOURCE", "-O0", "-fno-builtin", "-o", "shows", "shows.c"],
                       cwd=self.dir, check=True, capture_output=True, text=True)
        for preload, said in (("", "nothing found"), (BROKEN / "rare_overlap.so", "changed")):
            done = subprocess.run(["./shows"], cwd=self.dir, env={"LD_PRELOAD": str(preload)},
                                  capture_output=True, text=True, check=False, timeout=60)
            self.assertIn(said, done.stdout)


class ReplayTest(CliTest):
    def replay(self, text):
        (self.dir / "calls.trace").write_text(text)
        return self.tool("check", "-q", "-b", "system", "--replay", "calls.trace")

    def test_good_trace(self):
        done = self.replay(HEAD + "malloc 0 48\nrealloc 0 500\nburst 100 16 fifo\nfree 0\nend\n")
        self.expect_exit(done, GOOD)

    def test_damaged_traces(self):
        for text, word in ((HEAD + "malloc 0 48\n", "cut off"),
                           (HEAD + "mallok 0 48\nend\n", "line 5"),
                           (HEAD + "malloc 0 99999999999999999999\nend\n", "line 5"),
                           (HEAD.replace("profile py", "profile perl") + "end\n", "'perl'"),
                           ("int main(void)\n", "line 1"),
                           ("", "line 1")):
            self.expect_one_line(self.replay(text), USAGE, "calls.trace", word)

    def test_binary_file(self):
        shutil.copy(BROKEN / "rare_overlap.so", self.dir / "calls.trace")
        done = self.tool("check", "-q", "-b", "system", "--replay", "calls.trace")
        self.expect_one_line(done, USAGE, "calls.trace")

    def test_damaged_trace_in_a_corpus(self):
        (self.dir / "kept").mkdir()
        (self.dir / "kept" / "bad.trace").write_text("malloc 0 1\n")
        (self.dir / "kept" / "notes.txt").write_text("not a trace, and not read")
        done = self.tool("check", "-q", "-b", "system", "--only", "MOD-001", "--corpus", "kept")
        self.expect_one_line(done, USAGE, "bad.trace")


class SeedTest(CliTest):
    def test_a_seed_decides_every_call(self):
        def figures(seed):
            done = self.tool("check", "-q", "-v", "-b", "pymalloc", "--only", "MOD-006", "--ops",
                             "50000", "--seed", seed)
            self.expect_exit(done, GOOD)
            return re.search(r"\d+\s+calls,.*?live", done.stdout, re.DOTALL).group()
        self.assertEqual(figures(3), figures(3))
        self.assertNotEqual(figures(3), figures(4))


if __name__ == "__main__":
    unittest.main()
