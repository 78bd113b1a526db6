"""A disk that fills up: one line, exit 1, and no finished sample is lost."""

import os
import resource
import subprocess
import unittest

from journal import (ENDLESS, RUN, cut_short, document_samples, journal_samples,
                     wait_for_samples)
from support import GOOD, HANG_SECONDS, IO_ERROR, ROOT, TOOL, USAGE, CliTest

LIMIT_BYTES = 40_000
MANY = (*RUN, *ENDLESS, "-o")


class DiskTest(CliTest):
    def expect_stopped(self, code, stderr):
        """One line says what could not be written and why, one how to go on."""
        self.assertEqual(code, IO_ERROR, stderr)
        lines = [line for line in stderr.splitlines() if "out.json" in line]
        self.assertEqual(["cannot" in line for line in lines], [True, False], stderr)
        self.assertRegex(lines[0], "File too large|No space left")
        self.assertIn("--resume", lines[1])

    def expect_resumed(self, folder):
        """Once there is room again, the run goes on from the last sample that was written."""
        cut_short(folder / "out.json.partial")
        kept = journal_samples(folder / "out.json.partial")
        done = self.tool("run", "--resume", folder / "out.json")
        self.expect_exit(done, GOOD)
        samples = document_samples(folder / "out.json")
        self.assertGreater(len(samples), len(kept))
        for cell, sample in kept.items():
            self.assertEqual(samples[cell], sample)
        return kept

    def test_file_size_limit(self):
        # Python ignores SIGXFSZ, and so does what it starts: the write itself fails.
        done = self.tool(*MANY, "out.json", restore_signals=False,
                         preexec_fn=lambda: resource.setrlimit(
                             resource.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES)))
        self.expect_stopped(done.returncode, done.stderr)
        self.expect_resumed(self.dir)

    def test_file_size_limit_with_its_signal(self):
        done = self.tool(*MANY, "out.json", preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES)))
        self.expect_stopped(done.returncode, done.stderr)
        self.expect_resumed(self.dir)

    def test_full_filesystem(self):
        small = self.dir / "small"
        small.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8M", "none",
                                  small], check=False, capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("mounting is not permitted here; the limits above stand for it")
        self.addCleanup(subprocess.run, ["umount", small], check=True)
        process = self.start(*MANY, small / "out.json")
        wait_for_samples(small / "out.json.partial", 8, process)
        self.fill(small)
        stderr = process.communicate(timeout=HANG_SECONDS)[1]
        self.expect_stopped(process.returncode, stderr)
        (small / "filler").unlink()
        self.assertGreaterEqual(len(self.expect_resumed(small)), 8)

    def fill(self, folder):
        with open(folder / "filler", "wb", buffering=0) as filler, self.assertRaises(OSError):
            while True:
                filler.write(bytes(4096))

    def test_gate(self):
        """Why, before what is kept: nothing goes on with a gate's journal, so its room is given up
        for the document."""
        words = ("gate", "-q", "--base-spec", "null", "--head-spec", "null", "--passes", "time",
                 "--rounds", "3000", "-w", "small_ints", "-p", "small_ints.live=1000", "-p",
                 "small_ints.steps=1000", "-o", "gate.json")
        done = self.tool(*words, restore_signals=False, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES)))
        self.assertEqual(done.returncode, IO_ERROR, done.stderr)
        lines = done.stderr.splitlines()
        self.assertRegex(lines[0], "cannot .*gate.json.partial: (File too large|No space left)")
        self.assertRegex(lines[-1], "is kept")
        self.assertEqual("nothing is kept" not in lines[-1], (self.dir / "gate.json").exists())
        self.assertFalse((self.dir / "gate.json.partial").exists())

    def test_full_stdout(self):
        for words in (("list",), ("list", "backends", "--json"), ("--version",), ("doctor",)):
            with self.subTest(words=words), open("/dev/full", "wb") as full:
                done = subprocess.run([TOOL, *words], stdout=full, stderr=subprocess.PIPE,
                                      text=True, check=False)
                self.assertEqual(done.returncode, IO_ERROR)
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_reader_that_goes_away(self):
        read_end, write_end = os.pipe()
        os.close(read_end)
        done = subprocess.run([TOOL, "list"], stdout=write_end, stderr=subprocess.PIPE, text=True,
                              check=False)
        os.close(write_end)
        self.assertNotEqual(done.returncode, GOOD)
        self.assertLessEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_output_is_no_plain_file(self):
        """Renaming would put a file in its place. The device's own reason is the better one."""
        golden = ROOT / "tests/golden/rounds.json"
        verbs = ((*RUN, "--rounds", "1", "-o"), ("compare", golden, "-o"), ("check", "-o"),
                 ("check", "--md"), ("merge", golden, golden, "-o"),
                 ("gate", "--base-spec", "null", "--head-spec", "null", "-o"),
                 ("gate", "--base", golden, "--head", golden, "--md"),
                 ("gate", "--base", golden, "--head", golden, "--junit"))
        for words in verbs:
            with self.subTest(words=words):
                self.expect_one_line(self.tool(*words, "/dev/full"), IO_ERROR,
                                     "cannot write /dev/full: No space left on device")
                self.expect_one_line(self.tool(*words, "/dev/null"), IO_ERROR,
                                     "cannot write /dev/null: it is no plain file")
                self.expect_one_line(self.tool(*words, "."), IO_ERROR,
                                     "cannot write .: Is a directory")
        self.assertEqual(list(self.dir.iterdir()), [])

    def test_two_outputs_to_one_file(self):
        golden = ROOT / "tests/golden/rounds.json"
        (self.dir / "folder").mkdir()
        for words in (("check",), ("gate", "--base", golden, "--head", golden)):
            for first, second in (("x", "./x"), ("x", "folder/../x"), ("x", self.dir / "x")):
                with self.subTest(words=words, second=second):
                    done = self.tool(*words, "--md", first, "--junit", second)
                    self.expect_one_line(done, USAGE, "need a file each")
                    (self.dir / "x").touch()  # also where it is there
        self.expect_one_line(self.tool("merge", golden, "none.json", "-o", golden), USAGE,
                             "is one of the parts")


if __name__ == "__main__":
    unittest.main()
