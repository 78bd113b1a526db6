#!/usr/bin/python3
"""Does a trace foretell what an allocator does to a program? Counts it, over real programs.

    tests/app/predict.py [--tool build/pyallocbench] [--rounds 10] [-b SPECS] [PROGRAM.py ...]

Runs `app --predict auto` on each program (default: those of workloads/traces) and holds what the
replay of its recording foretold against what happened, cell by cell. Two claims:

    CPU time   within 3 percentage points in at least 90 % of the cells
    peak RSS   rank correlation (Spearman) of foretold and true changes at least 0.9

Exit status: 0 both hold, 5 one of them does not, 1 a program could not be measured. It takes
minutes, and a quiet machine: a CPU time that its own control does not repeat foretells nothing.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from scipy import stats

ROOT = pathlib.Path(__file__).resolve().parents[2]
BACKENDS = "pymalloc,pymalloc+jemalloc,system,jemalloc,mimalloc"
# What each program that ships takes about 0.1 s of CPU time with: short enough for the runs of one
# round to meet the same machine, long enough for what it does to outweigh how it begins.
SIZES = {"command_lines": 20, "compiler": 1, "document_tree": 5, "exact_numbers": 9,
         "json_documents": 5, "request_loop": 2500, "table_reports": 4, "text_differences": 9}
POINTS = 3.0
SHARE = 0.9
RANK = 0.9


def measure(args, program, folder):
    """The document of one program, or None."""
    document = folder / f"{program.stem}.json"
    command = [args.tool, "app", "-q", "--rounds", str(args.rounds), "-b", args.backends,
               "--predict", "auto", "-o", document, "--", sys.executable, program,
               *([str(SIZES[program.stem])] if program.stem in SIZES else [])]
    environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0",
                   "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        print(f"{program.stem}: exit status {done.returncode}: {done.stderr.strip()}",
              file=sys.stderr)
    return json.loads(document.read_text())["pyallocbench"] if document.exists() else None


def percent(value):
    return f"{100 * value:+7.1f}" if value is not None else "      -"


def show(name, run, cells):
    """Prints the rows of one program and adds those that have both figures to `cells`."""
    control = (run["noise"]["control"] or {}).get("verdict", "none")
    seconds = next(row["median"] for row in run["summary"]
                   if row["workload"].startswith("app:") and row["backend"] == run["baseline"]
                   and row["metric"] == "cpu_ns_per_op") / 1e9
    print(f"{name}: {seconds:.3f} s of CPU time under {run['baseline']}, control {control}")
    rows = {(row["backend"], row["metric"]): row for row in run["app"]["prediction"]}
    for backend in dict.fromkeys(backend for backend, _ in rows):
        line = f"  {backend:18}"
        for metric in ("cpu_ns_per_op", "peak_rss_bytes"):
            row = rows[backend, metric]
            line += f" {percent(row['predicted'])} {percent(row['actual'])} {percent(row['error'])}"
            if metric == "cpu_ns_per_op":
                line += f"  [{percent(row['actual_lo'])}, {percent(row['actual_hi'])}]"
            if row["error"] is not None:
                cells[metric].append((f"{name} {backend}", row))
        print(line)


def judge(cells):
    """Prints both claims; True where both hold."""
    times = cells["cpu_ns_per_op"]
    near = [row for _, row in times if abs(row["error"]) * 100 <= POINTS]
    sizes = [row for _, row in cells["peak_rss_bytes"]]
    rank = stats.spearmanr([row["predicted"] for row in sizes],
                           [row["actual"] for row in sizes]).statistic
    close = [row for row in sizes if abs(row["error"]) * 100 <= POINTS]
    print(f"\nCPU time: within {POINTS:.0f} points in {len(near)} of {len(times)} cells "
          f"({100 * len(near) / len(times):.0f} %)")
    print(f"peak RSS: rank correlation {rank:.3f}; within {POINTS:.0f} points in {len(close)} of "
          f"{len(sizes)} cells")
    for cell, row in sorted(times, key=lambda item: -abs(item[1]["error"])):
        if abs(row["error"]) * 100 > POINTS:
            within = (row["actual_lo"] is not None
                      and row["actual_lo"] <= row["predicted"] <= row["actual_hi"])
            print(f"  off: {cell}: {percent(row['error'])} points"
                  + (", yet within the interval of the truth" if within else ""))
    return len(near) >= SHARE * len(times) and rank >= RANK


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", default=str(ROOT / "build/pyallocbench"))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("-b", "--backends", default=BACKENDS)
    parser.add_argument("--keep", type=pathlib.Path, help="leave documents and recordings there")
    parser.add_argument("programs", nargs="*", type=pathlib.Path)
    args = parser.parse_args()
    args.tool = os.path.abspath(args.tool)
    programs = [program.resolve() for program in args.programs]
    programs = programs or sorted((ROOT / "workloads/traces").glob("*.py"))
    cells = {"cpu_ns_per_op": [], "peak_rss_bytes": []}
    is_broken = False
    print(f"  {'':18} {'CPU: foretold, true, error, interval of the truth':44} "
          f"peak RSS: foretold, true, error   (%)")
    with tempfile.TemporaryDirectory(prefix="pab-predict-") as scratch:
        folder = args.keep.resolve() if args.keep else pathlib.Path(scratch)
        for program in programs:
            run = measure(args, program, folder)
            is_broken |= run is None or not run["app"]["prediction"]
            if run is not None and run["app"]["prediction"]:
                show(program.stem, run, cells)
                sys.stdout.flush()
    if not cells["cpu_ns_per_op"] or is_broken:
        return 1
    return 0 if judge(cells) else 5


if __name__ == "__main__":
    sys.exit(main())
