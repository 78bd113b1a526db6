"""Watches the journal (FILE.partial) of a run in flight, and compares samples to the letter."""

import json
import time

from support import HANG_SECONDS

RUN = ("run", "--preset", "smoke", "-b", "system,null", "-w", "small_ints", "--seed", "7")


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
