"""An interrupted run keeps every finished sample, and --resume ends what it began."""

import contextlib
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import time
import unittest

from journal import (ENDLESS, QUICK, RUN, cut_short, document_samples, exact, journal_samples,
                     wait_for_samples)
from support import (BAD_CELL, BROKEN, GOOD, HANG_SECONDS, IO_ERROR, NOT_COMPARABLE, TOOL, USAGE,
                     CliTest, failures_of, good_cells, planned_cells)

LONG = (*RUN, *ENDLESS, "-o", "out.json")
SWAPPED = (*QUICK, "-b", "system,library:./mine.so", *ENDLESS, "-o", "out.json")


class InterruptTest(CliTest):
    def setUp(self):
        super().setUp()
        self.out = self.dir / "out.json"
        self.journal = self.dir / "out.json.partial"

    def expect_resumed(self, before):
        """The resumed document is whole, and each sample of `before` is in it to the letter."""
        cut_short(self.journal)
        done = self.tool("run", "--resume", "out.json")
        self.expect_exit(done, GOOD)
        document = self.document()
        self.assertTrue(document["pyallocbench"]["complete"])
        for backend in ("system", "null"):
            self.assertEqual(good_cells(document, backend), planned_cells(document, backend))
        after = document_samples(self.out)
        self.assertNotEqual(before, {})
        self.assertLess(len(before), len(after), "nothing was left to do")
        for cell, sample in before.items():
            self.assertEqual(after[cell], sample)
        self.assertFalse(self.journal.exists())

    def expect_partial_document(self):
        self.assertIs(exact(self.out.read_text())["pyallocbench"]["complete"], False)
        return document_samples(self.out)

    def interrupt(self, number, code):
        process = self.start(*LONG)
        wait_for_samples(self.journal, 8, process)
        process.send_signal(number)
        process.wait(HANG_SECONDS)
        self.assertEqual(process.returncode, code)
        lines = process.stderr.read().splitlines()
        self.assertEqual(len([line for line in lines if "--resume" in line]), 1, lines)
        self.expect_resumed(self.expect_partial_document())

    def test_control_c(self):
        self.interrupt(signal.SIGINT, 130)

    def test_terminate(self):
        self.interrupt(signal.SIGTERM, 143)

    def kill(self):
        process = self.start(*LONG)
        wait_for_samples(self.journal, 8, process)
        process.kill()
        process.wait(HANG_SECONDS)
        self.assertFalse(self.out.exists())

    def test_killed(self):
        self.kill()
        self.expect_resumed(journal_samples(self.journal))

    def test_killed_in_the_middle_of_a_line(self):
        self.kill()
        before = journal_samples(self.journal)
        whole = self.journal.read_bytes()
        whole = whole[:whole.rindex(b"\n") + 1]
        last = whole[:-1].rindex(b"\n") + 1
        self.journal.write_bytes(whole[:(last + len(whole)) // 2])
        self.expect_resumed({cell: before[cell] for cell in journal_samples(self.journal)})

    def test_interrupted_twice(self):
        process = self.start(*LONG)
        wait_for_samples(self.journal, 8, process)
        process.send_signal(signal.SIGINT)
        process.wait(HANG_SECONDS)
        first = self.expect_partial_document()
        process = self.start("run", "--resume", "out.json")
        wait_for_samples(self.journal, len(first) + 8, process)
        process.send_signal(signal.SIGINT)
        process.wait(HANG_SECONDS)
        self.assertEqual(process.returncode, 130)
        second = self.expect_partial_document()
        for cell, sample in first.items():
            self.assertEqual(second[cell], sample)
        self.expect_resumed(second)

    def stop_within_a_cell(self, process):
        """Stops the tool and, with it, the worker that it has by then."""
        deadline = time.monotonic() + HANG_SECONDS
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while time.monotonic() < deadline:
            process.send_signal(signal.SIGSTOP)
            workers = [int(pid) for pid in children.read_text(encoding="ascii").split()]
            if workers:
                for pid in workers:
                    os.kill(pid, signal.SIGSTOP)
                return workers
            process.send_signal(signal.SIGCONT)
            time.sleep(0.001)
        raise AssertionError("it never had a worker")

    def test_time_while_it_was_stopped_is_nobodys(self):
        """Ctrl-Z, and fg when the time-out has long passed."""
        process = self.start(*LONG, "--timeout", "1")
        wait_for_samples(self.journal, 8, process)
        stopped = [process.pid, *self.stop_within_a_cell(process)]
        before = len(journal_samples(self.journal))
        time.sleep(2)
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):  # a worker that was killed for it
                os.kill(pid, signal.SIGCONT)
            time.sleep(0.2)  # the tool wakes first, and must not judge what cannot move yet
        wait_for_samples(self.journal, before + 8, process)
        process.send_signal(signal.SIGINT)
        process.wait(HANG_SECONDS)
        self.assertEqual(exact(self.out.read_text())["pyallocbench"]["failures"], [])

    def test_two_runs_on_one_file(self):
        process = self.start(*LONG)
        wait_for_samples(self.journal, 8, process)
        self.expect_one_line(self.tool(*LONG), USAGE, "another run", "out.json.partial")
        self.expect_one_line(self.tool("run", "--resume", "out.json"), USAGE, "another run")
        process.send_signal(signal.SIGINT)
        process.wait(HANG_SECONDS)
        self.expect_resumed(self.expect_partial_document())

    def test_a_new_run_keeps_the_unfinished_one(self):
        self.kill()
        before = self.journal.read_bytes()
        done = self.tool(*RUN, "--rounds", "1", "-o", "out.json")
        self.expect_exit(done, GOOD)
        aside = self.dir / "out.json.partial.1.bak"
        self.assertEqual(aside.read_bytes(), before)
        self.assertIn(aside.name, done.stderr)

    def test_resume_takes_no_other_plan(self):
        self.kill()
        before = self.journal.read_bytes()
        done = self.tool("run", "--resume", "out.json", "-b", "null")
        self.expect_one_line(done, USAGE, "--resume", "plan")
        self.assertEqual(self.journal.read_bytes(), before)

    def test_a_library_swapped_in_the_middle(self):
        library = self.dir / "mine.so"
        shutil.copy(BROKEN / "bump.so", library)
        process = self.start(*SWAPPED)
        wait_for_samples(self.journal, 8, process)
        process.send_signal(signal.SIGINT)
        process.wait(HANG_SECONDS)
        cut_short(self.journal)
        library.unlink()
        shutil.copy(BROKEN / "bare.so", library)
        self.expect_exit(self.tool("run", "--resume", "out.json"), BAD_CELL)
        found = failures_of(self.document(), "library:./mine.so")
        self.assertEqual({failure["kind"] for failure in found}, {"identity"})

    def test_closed_streams_do_not_cost_the_journal(self):
        words = shlex.join([TOOL, *RUN, "--rounds", "1", "-o", "out.json"])
        done = subprocess.run(["sh", "-c", f"{words} <&- >&- 2>&-"], cwd=self.dir, check=False,
                              timeout=HANG_SECONDS)
        self.assertEqual(done.returncode, GOOD)
        self.assertIs(self.document()["pyallocbench"]["complete"], True)

    def test_complete_run_has_nothing_to_resume(self):
        self.expect_exit(self.tool(*RUN, "--rounds", "1", "-o", "out.json"), GOOD)
        before = self.out.read_bytes()
        done = self.tool("run", "--resume", "out.json")
        self.expect_one_line(done, USAGE, "nothing to resume", "out.json")
        self.assertEqual(self.out.read_bytes(), before)

    def test_damaged_journal(self):
        for text in ("", "precious\n", '{"mine": 1}\n', "[]\n", '{"header": 1}\n',
                     '{"header": {}}\n', "\0" * 100):
            with self.subTest(text=text):
                self.journal.write_text(text)
                done = self.tool("run", "--resume", "out.json")
                self.assertIn(done.returncode, (IO_ERROR, USAGE, NOT_COMPARABLE), done.stderr)
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertEqual(self.journal.read_text(), text)


def workers_in(folder):
    """Processes of this binary whose working directory is `folder`."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd") == str(folder):
                found.append(int(entry.name))
        except OSError:
            continue  # it ended meanwhile, or is another user's
    return found


class WorkerTest(CliTest):
    def test_no_worker_outlives_a_killed_parent(self):
        spec = f"library:{BROKEN / 'hang_load.so'}"
        process = self.start("run", "--preset", "smoke", "-b", f"{spec},system", "-o", "out.json",
                             "-w", "small_ints", "--timeout", "600")
        folder = self.dir.resolve()
        deadline = time.monotonic() + HANG_SECONDS
        while len(workers_in(folder)) < 2:
            self.assertIsNone(process.poll(), "it ended before it hung")
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        process.kill()
        process.wait()
        while workers_in(folder):
            self.assertLess(time.monotonic(), deadline, "a worker lives on alone")
            time.sleep(0.01)


if __name__ == "__main__":
    unittest.main()
