"""Watches the journal (FILE.partial) of a run in flight, and compares samples to the letter.

A run that is to be interrupted has far more rounds than are ever made: however late the test gets
a CPU, it is not over. Then its plan is cut short, so that it can be ended.
"""

import json
import time

from support import HANG_SECONDS

QUICK = ("run", "--preset", "sprint", "-w", "small_ints", "-p", "small_ints.live=2000", "-p",
         "small_ints.steps=2000", "--seed", "7")
RUN = (*QUICK, "-b", "system,null")
ENDLESS = ("--rounds", "10000")


def exact(text):
    """JSON with every real number as it is spelt."""
    return json.loads(text, parse_float=str)


def by_cell(samples):
    cells = {(sample["workload"], sample["backend"], sample["pass"], sample["round"]): sample
             for sample in samples}
    assert len(cells) == len(samples), "a cell stands there twice"
    return cells


def document_samples(path):
    return by_cell(exact(path.read_text(encoding="utf-8"))["pyallocbench"]["samples"])


def journal_lines(path):
    """The whole lines of a journal; a torn last one is left out."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    return [exact(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def journal_samples(path):
    return by_cell([line["samples"] for line in journal_lines(path) if "samples" in line])


def wait_for_samples(path, count, process):
    """Waits until the journal holds `count` samples."""
    deadline = time.monotonic() + HANG_SECONDS
    while len(journal_samples(path)) < count:
        if process.poll() is not None:
            raise AssertionError(f"it ended before: {process.stderr.read()}")
        if time.monotonic() > deadline:
            raise AssertionError(f"{path} never had {count} samples")
        time.sleep(0.01)


def cut_short(path, more=3):
    """Leaves `more` rounds to make behind the last one that the journal knows."""
    begun = max(cell[3] for cell in journal_samples(path))
    first, rest = path.read_bytes().split(b"\n", 1)
    header = json.loads(first)
    header["header"]["plan"]["rounds"] = begun + 1 + more
    path.write_bytes(json.dumps(header).encode() + b"\n" + rest)
