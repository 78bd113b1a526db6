"""`gate` as it measures: what is found by counts alone, sides that are not there, interruptions.

Times decide nothing here: test_gate.py has the verdicts on them.
"""

import shutil
import signal
import time
import unittest

from gates import INCONCLUSIVE, MEMORY_ROUNDS, REGRESSION, SMALL, run_gate, sentence
from journal import wait_for_samples
from support import (BAD_CELL, BROKEN, GOOD, HANG_SECONDS, NOT_COMPARABLE, TOOL, UNAVAILABLE,
                     USAGE, CliTest)


class LiveTest(CliTest):
    def test_more_instructions(self):
        """Three more a call are found, always: no clock takes part."""
        if shutil.which("valgrind") is None:
            self.skipTest("no valgrind")
        done = run_gate(self.dir, "--base-spec", "pymalloc:slow=0", "--head-spec",
                        "pymalloc:slow=1", "--passes", "instructions", "-o", "out.json")
        self.expect_exit(done, REGRESSION)
        self.assertIn("instructions.per_op", sentence(done))
        run = self.document()["pyallocbench"]
        self.expect_valid(self.document())
        self.assertEqual(run["gate"]["result"], "REGRESSION")
        self.assertEqual({row["family"] for row in run["gate"]["findings"]}, {"instructions"})

    def test_another_pool_size(self):
        done = run_gate(self.dir, "--base-spec", "pymalloc", "--head-spec", "pymalloc:pool=4K",
                        "--passes", "memory", "-o", "out.json")
        self.expect_exit(done, REGRESSION)
        self.assertIn("structure.", sentence(done))
        label = "pymalloc -> pymalloc:pool=4K"
        self.assertEqual({row["label"] for row in self.document()["pyallocbench"]["backends"]},
                         {label})
        done = self.tool("gate", "out.json", "--structure", "show")
        self.expect_exit(done, GOOD)

    def test_a_leak_is_confirmed(self):
        """Of 0.8 MiB in 8: several times what peaks of one and the same allocator differ by."""
        done = run_gate(self.dir, "--base-spec", "system", "--head-spec", "system:leak=2",
                        "--passes", "memory", "-p", "small_ints.live=100000", "-o", "out.json")
        self.expect_exit(done, REGRESSION)
        self.assertIn("again", sentence(done))
        rounds = {(row["backend"], row["round"]) for row in
                  self.document()["pyallocbench"]["samples"]}
        self.assertEqual(rounds, {(arm, number) for arm in ("system@base", "system:leak=2@head")
                                  for number in range(3 * MEMORY_ROUNDS)})

    def test_a_side_is_not_there(self):
        """Before anything is measured, and without a document."""
        (self.dir / "text.so").write_text("text", encoding="ascii")
        there, gone, none = "system", "library:./none.so", "library:./text.so"
        for base, head, code, words in (
                (there, gone, USAGE, "./none.so: No such file or directory"),
                (gone, there, USAGE, "./none.so: No such file or directory"),
                (there, f"pymalloc+{gone}", USAGE, "./none.so: No such file or directory"),
                (there, none, BAD_CELL, "text.so@head is unavailable"),
                (none, there, BAD_CELL, "text.so@base is unavailable"),
                (none, none, UNAVAILABLE, "none of the backends asked for")):
            done = run_gate(self.dir, "--base-spec", base, "--head-spec", head, "-o", "out.json")
            self.expect_one_line(done, code, words)
            self.assertFalse((self.dir / "out.json").exists())
            self.assertFalse((self.dir / "out.json.partial").exists())

    def test_a_copy_of_itself(self):
        shutil.copy(TOOL, self.dir / "copy")
        done = run_gate(self.dir, "--base-bin", "./copy", "--passes", "memory", "-o", "out.json")
        self.assertIn("one and the same", sentence(done))
        self.assertNotIn("note:", done.stdout)
        self.assertTrue(self.document()["pyallocbench"]["gate"]["one_program"])
        with open(self.dir / "copy", "ab") as file:
            file.write(b"another")
        done = run_gate(self.dir, "--base-bin", "./copy", "--passes", "memory", "-o", "out.json")
        self.assertNotIn("one and the same", sentence(done))

    def test_a_side_crashes(self):
        broken = f"library:{BROKEN / 'crash_late.so'}"
        quick = ("--rounds", "2", "--passes", "time")
        done = run_gate(self.dir, "--base-spec", "system", "--head-spec", broken, *quick)
        self.expect_exit(done, BAD_CELL)
        self.assertIn("BROKEN", sentence(done))
        done = run_gate(self.dir, "--base-spec", broken, "--head-spec", "system", *quick)
        self.expect_exit(done, NOT_COMPARABLE)
        self.assertIn("base has no figure", done.stderr.splitlines()[-1])

    def test_one_round(self):
        done = run_gate(self.dir, "--base-spec", "system", "--head-spec", "system", "--rounds",
                        "1", "--passes", "time")
        self.expect_exit(done, INCONCLUSIVE)
        self.assertIn("too few", sentence(done))

    def test_interrupted_before_anything_was_measured(self):
        hanging, journal = f"library:{BROKEN / 'hang_late.so'}", self.dir / "out.json.partial"
        process = self.start(*SMALL, "--base-spec", hanging, "--head-spec", hanging, "--rounds",
                             "2", "--passes", "time", "--timeout", "600", "-o", "out.json")
        while not (journal.exists() and b'"backends"' in journal.read_bytes()):
            self.assertIsNone(process.poll(), "it ended before it measured")
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(HANG_SECONDS), 130)
        self.assertEqual(process.stderr.read().splitlines(),
                         ["pyallocbench: nothing was measured yet, so nothing is kept"])
        self.assertEqual(list(self.dir.glob("out.json*")), [])

    def test_interrupted(self):
        process = self.start(*SMALL, "--base-spec", "system", "--head-spec", "system", "--rounds",
                             "20000", "--passes", "time", "-o", "out.json", "--md", "out.md")
        wait_for_samples(self.dir / "out.json.partial", 8, process)
        with open(self.dir / "out.json.partial", "rb") as file:
            journal = file.read()
        process.send_signal(signal.SIGINT)
        process.wait(HANG_SECONDS)
        self.assertEqual(process.returncode, 130)
        lines = process.stderr.read().splitlines()
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("kept in out.json, and not judged; `compare` shows it", lines[0])
        document = self.document()
        self.expect_valid(document)
        self.assertFalse(document["pyallocbench"]["complete"])
        self.assertNotIn("result", document["pyallocbench"]["gate"])
        self.assertGreaterEqual(len(document["pyallocbench"]["samples"]), 8)
        self.assertFalse((self.dir / "out.md").exists())
        self.expect_one_line(self.tool("gate", "out.json"), INCONCLUSIVE, "interrupted")
        (self.dir / "dead.json.partial").write_bytes(journal)  # as SIGKILL would leave it
        done = self.tool("run", "--resume", "dead.json")
        self.expect_one_line(done, USAGE, "of a gate", "run it again")


class BinaryTest(CliTest):
    def script(self, *lines):
        path = self.dir / "build"
        path.write_text("\n".join(("#!/bin/sh", *lines, "")), encoding="ascii")
        path.chmod(0o755)
        return self.tool(*SMALL, "--base-bin", "./build", "--passes", "memory")

    def test_what_is_no_build(self):
        for lines in (["exit 0"], ["kill -SEGV $$"], ["echo hello"], ["cat"],
                      ["yes | head -c 100000"]):
            self.expect_one_line(self.script(*lines), USAGE, "no build of pyallocbench")
        for path, word in (("./none", "No such file"), (".", "no build"), ("/dev/null", "")):
            self.expect_one_line(self.tool(*SMALL, "--base-bin", path), USAGE, word)

    def test_one_that_hangs(self):
        self.expect_one_line(self.script("sleep 1000"), USAGE, "no build of pyallocbench")

    def test_another_protocol(self):
        done = self.script("echo pyallocbench worker protocol 4096")
        self.expect_one_line(done, NOT_COMPARABLE, "4096", "another protocol")
        done = self.script("printf 'pyallocbench worker protocol 9\\033[31m'")
        self.expect_one_line(done, NOT_COMPARABLE, "9?[31m", "another protocol")

    def test_one_whose_workers_crash(self):
        done = self.script(f'[ "$1" != --worker ] || kill -SEGV $$; exec {TOOL} "$@"')
        self.expect_exit(done, NOT_COMPARABLE)
        self.assertIn("base has no figure", done.stderr.splitlines()[-1])


if __name__ == "__main__":
    unittest.main()
