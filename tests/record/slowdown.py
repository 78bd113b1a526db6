#!/usr/bin/python3
"""How much slower programs run while they are recorded: pairs of runs, in turn.

    tests/record/slowdown.py [--tool FILE] [--pairs N] [--python FILE]...

wall: of the whole command. cpu: of the program itself, user and system, as it finds it at its end.
Ratios are medians over the pairs, with the quarters around them. Exit status 1: a median of wall is
over 1.5.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT = 1.5
# Rounds for a second or so of work: at a program's start there is little to see.
ROUNDS = {"command_lines": 150, "compiler": 12, "document_tree": 40, "exact_numbers": 60,
          "json_documents": 30, "request_loop": 30000, "table_reports": 40, "text_differences": 80}
TIMED = ("import atexit, os, runpy, sys, time\n"
         "atexit.register(lambda: open(os.environ['CPU_FILE'], 'w').write(repr(time.process_time())))\n"
         "sys.argv = sys.argv[1:]\n"
         "runpy.run_path(sys.argv[0], run_name='__main__')\n")


def run(python, program, tool, folder):
    """(wall, cpu) of one run, recorded if there is a tool; and the events, if so."""
    cpu_file = folder / "cpu"
    command = [python, "-c", TIMED, str(ROOT / "workloads" / "traces" / f"{program}.py"),
               str(ROUNDS[program])]
    if tool:
        command = [tool, "record", "-o", str(folder / "x.pabtrace"), "--", *command]
    begun = time.monotonic()
    done = subprocess.run(command, env=dict(os.environ, CPU_FILE=str(cpu_file), PYTHONHASHSEED="0"),
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    wall = time.monotonic() - begun
    if done.returncode:
        sys.exit(f"{program}: {done.stderr}")
    events = int(done.stderr.split()[1].replace(",", "")) if tool else 0
    return wall, float(cpu_file.read_text()), events


def middle(values):
    """Median and quarters, as text."""
    low, mid, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return mid, f"{mid:5.2f} [{low:.2f}, {high:.2f}]"


def measure(python, program, tool, pairs):
    wall, cpu, rates, size = [], [], [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for _ in range(pairs):
            plain = run(python, program, None, folder)
            recorded = run(python, program, tool, folder)
            wall.append(recorded[0] / plain[0])
            cpu.append(recorded[1] / plain[1])
            rates.append(recorded[2] / plain[1] / 1e6)
            size = (folder / "x.pabtrace").stat().st_size / recorded[2]
    mid, text = middle(wall)
    print(f"{program:17} {recorded[2]:11,} {statistics.median(rates):6.1f} {size:6.2f}  "
          f"{text}  {middle(cpu)[1]}", flush=True)
    return mid


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", default=str(ROOT / "build" / "pyallocbench"))
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--python", action="append")
    parser.add_argument("--only", action="append", choices=sorted(ROUNDS))
    options = parser.parse_args()
    worst = 0
    for python in options.python or ["/usr/bin/python3"]:
        version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True)
        print(f"{python}: {version.stdout.strip()}")
        print("program                events    M/s  bytes  wall                cpu")
        for program in options.only or sorted(ROUNDS):
            worst = max(worst, measure(python, program, options.tool, options.pairs))
    return 1 if worst > LIMIT else 0


sys.exit(main())
