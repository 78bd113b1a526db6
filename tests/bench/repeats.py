#!/usr/bin/python3
"""Do the counts of structure repeat? Runs the memory pass again and again, at any addresses that
the system gives, and compares arenas, pools and collections of every cell.

    repeats.py [--tool PROGRAM] [--runs N] [-b SPECS] [-w WORKLOADS] [--preset NAME]

Prints a line. Exit: 0 all runs agree, 4 a count differs (with its values), 1 a run failed.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

BUILT = pathlib.Path(__file__).resolve().parents[2] / "build/pyallocbench"
DIFFERS = 4


def arguments():
    parser = argparse.ArgumentParser(description="Do the counts of structure repeat?")
    parser.add_argument("--tool", default=BUILT, help="pyallocbench (default: build/pyallocbench)")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("-b", dest="backends", default="system,pymalloc,pymalloc:profile=3.9")
    parser.add_argument("-w", dest="workloads", default="*")
    parser.add_argument("--preset", default="smoke")
    options = parser.parse_args()
    options.tool = shutil.which(os.path.abspath(options.tool)) or parser.error(
        f"--tool {options.tool}: no program; name a built pyallocbench")
    if options.runs < 2:
        parser.error(f"--runs {options.runs}: two at least can differ")
    return options


def structures(options, folder):
    """{(workload, backend, count): value} of one run."""
    path = pathlib.Path(folder) / "run.json"
    path.unlink(missing_ok=True)
    subprocess.run([options.tool, "run", "-q", "--preset", options.preset, "--passes", "memory",
                    "-b", options.backends, "-w", options.workloads, "-o", path], check=True,
                   cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    samples = json.loads(path.read_text(encoding="utf-8"))["pyallocbench"]["samples"]
    return {(sample["workload"], sample["backend"], name): value for sample in samples
            for name, value in sample["mem"]["structure"].items()}


def main():
    options = arguments()
    seen = {}
    with tempfile.TemporaryDirectory(prefix="pab-repeats-") as folder:
        for _ in range(options.runs):
            try:
                found = structures(options, folder)
            except subprocess.CalledProcessError as error:
                print(f"repeats: a run ended with {error.returncode}: {error.stderr.strip()}")
                return 1
            for cell, value in found.items():
                seen.setdefault(cell, []).append(value)
    bad = {cell: values for cell, values in seen.items()
           if len(values) < options.runs or len(set(values)) > 1}
    for (workload, backend, name), values in sorted(bad.items()):
        print(f"repeats: {workload} on {backend}: {name} was {sorted(set(values))} in "
              f"{len(values)} runs")
    print(f"repeats: {len(seen)} counts, {options.runs} runs, {len(bad)} differ")
    return DIFFERS if bad or not seen else 0


if __name__ == "__main__":
    sys.exit(main())
