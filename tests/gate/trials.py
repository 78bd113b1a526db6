#!/usr/bin/python3
"""Real gates by the hundred: how often one cries wolf, and what it finds.

    trials.py aa     STATE [--gates N]                   base and head are the same
    trials.py power  STATE --slow N [--gates N]          head is slower by N steps a call
    trials.py cut    STATE --long GATE --rounds N        gates made of one long gate's rounds
    trials.py report STATE... [--json FILE]              what came of them, with bounds

STATE is a file with one line of JSON a gate. It is appended to, so a collection may be interrupted
and go on, also while the machine does other work: each line says how loaded it was. `power` has the
decorator on both sides, so that its steps alone differ. `cut` takes the document of a long gate and
draws shorter ones from it, N rounds to measure and N to confirm, by blocks of neighbouring rounds:
what many gates of that length would have said of the same difference. The tool is
build/pyallocbench, or --tool.
"""
import argparse
import collections
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
REGRESSION, INCONCLUSIVE = 3, 5
JUDGED = (0, REGRESSION, INCONCLUSIVE)
LEVEL = 0.95
BLOCK = 25  # neighbouring rounds that stay together: longer than what makes neighbours alike


# --- one gate -------------------------------------------------------------------------------------

def dialled(backend, steps):
    return f"{backend}:slow={steps}"


def command(args, kind, seed, document):
    """The gate, as a user would type it."""
    steps = args.slow if kind == "power" else 0
    words = [args.tool, "gate", "--base-spec", dialled(args.backend, 0),
             "--head-spec", dialled(args.backend, steps), "--passes", "time", "--quiet",
             "--seed", str(seed), "-o", document, "-w", args.workloads]
    words += ["--budget", args.budget] if args.budget else ["--rounds", str(args.rounds)]
    return words


def was_flagged(finding):
    """Whether the first rounds called it slower, whatever the confirmation said of it."""
    return finding["family"] == "time" and (
        finding["finding"] in ("regression", "not confirmed") or
        finding.get("why", "").startswith("worse"))


def judged(words, kind, slow, seed):
    """Runs one gate; what it said. `words` end with the document."""
    began = time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    if done.returncode not in JUDGED:
        sys.exit(f"{' '.join(words)}: exit {done.returncode}: {done.stderr.strip()}")
    return {"kind": kind, "slow": slow, "seed": seed, "exit": done.returncode,
            "control_failed": "control failed" in " ".join(done.stdout.split()),
            "seconds": round(seconds, 1), "load": round(os.getloadavg()[0], 1)}


def one_gate(args, kind, seed):
    """A live gate: a line of STATE."""
    with tempfile.TemporaryDirectory() as folder:
        document = os.path.join(folder, "gate.json")
        line = judged(command(args, kind, seed, document), kind,
                      args.slow if kind == "power" else 0, seed)
        run = json.loads(pathlib.Path(document).read_text())["pyallocbench"]
    findings = run["gate"]["findings"]
    line.update(
        backend=args.backend, cells=len(run["workloads"]), rounds=run["gate"]["time_rounds"],
        flagged=sum(map(was_flagged, findings)),
        ratios={f["workload"]: round(f["ratio"], 5) for f in findings
                if f["family"] == "time" and f.get("ratio") and f.get("workload")},
        build=run["provenance"]["binary_build_id"])
    return line


# --- gates out of a long one ----------------------------------------------------------------------

def factor(run, effect):
    """What head's times are multiplied with, so that the long gate would have found this effect."""
    found = [f["ratio"] for f in run["gate"]["findings"]
             if f["metric"] == "cpu_ns_per_op" and f.get("workload")]
    return 1.0 if effect is None else (1 + effect / 100) / found[0]


def by_round(run, scale):
    """The pairs of a long gate: the rows, as text but for their round, of each that has both."""
    rows = collections.defaultdict(list)
    for sample in run["samples"]:
        if sample["pass"] == "time":
            if sample["backend"].endswith("@head"):
                sample["reps_cpu_ns"] = [scale * ns for ns in sample["reps_cpu_ns"]]
            rows[sample.pop("round")].append(json.dumps(sample)[1:])
    sides = 2 * len(run["workloads"])
    return [rows[number] for number in sorted(rows) if len(rows[number]) == sides]


def draw(rounds, count, rng):
    """So many rounds, by blocks."""
    drawn = []
    while len(drawn) < count:
        first = rng.randrange(len(rounds) - BLOCK + 1)
        drawn += rounds[first:first + BLOCK]
    return drawn[:count]


def cut_gate(args, run, rounds, seed):
    """One gate of drawn rounds, judged by the tool: a line of STATE."""
    drawn = draw(rounds, 2 * args.rounds, random.Random(seed))
    samples = ",".join(f'{{"round":{number},{row}' for number, rows in enumerate(drawn)
                       for row in rows)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(f'{{"pyallocbench":{json.dumps(run)[:-1]},"samples":[{samples}]}}}}')
        file.flush()
        line = judged([args.tool, "gate", file.name], "cut", args.slow, seed)
    line.update(backend=args.backend, cells=len(run["workloads"]), rounds=args.rounds, flagged=0,
                effect=args.effect, ratios={}, build=run["provenance"]["binary_build_id"])
    return line


def cut(args):
    run = json.loads(pathlib.Path(args.long).read_text())["pyallocbench"]
    rounds = by_round(run, factor(run, args.effect))
    for key in ("samples", "benchmarks", "summary", "suite", "timelines"):
        run.pop(key, None)
    run["control"] = []
    run["gate"] = {"time_rounds": args.rounds, "memory_rounds": 0,
                   "rules": dict(run["gate"]["rules"], confirm_rounds=None)}
    with pathlib.Path(args.state[0]).open("a") as file:
        for seed in range(args.seed, args.seed + args.gates):
            print(json.dumps(cut_gate(args, run, rounds, seed)), file=file, flush=True)


def collect(args, kind):
    """Appends gates to the state until it has as many of this kind as asked."""
    state = pathlib.Path(args.state[0])
    have = sum(line["kind"] == kind and line["slow"] == (args.slow if kind == "power" else 0)
               for line in read(state))
    for seed in range(args.seed + have, args.seed + args.gates):
        line = one_gate(args, kind, seed)
        with state.open("a") as file:
            print(json.dumps(line), file=file)


def read(state):
    """Whole lines: the last one of an interrupted collection may be half."""
    lines = state.read_text().split("\n")[:-1] if state.exists() else []
    return [json.loads(line) for line in lines]


# --- what came of them ----------------------------------------------------------------------------

def at_most(k, n, p):
    """P(K <= k) of a binomial variable."""
    return math.fsum(math.comb(n, i) * p**i * (1 - p)**(n - i) for i in range(k + 1))


def solve(falling):
    """Where a falling function of p changes its sign."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return low


def bounds(k, n):
    """Clopper and Pearson's interval of a rate of which k in n were seen."""
    tail = (1 - LEVEL) / 2
    low = 0.0 if k == 0 else solve(lambda p: tail - (1 - at_most(k - 1, n, p)))
    high = 1.0 if k == n else solve(lambda p: at_most(k, n, p) - tail)
    return low, high


def rate(k, n):
    low, high = bounds(k, n)
    return {"count": k, "of": n, "low": round(low, 4), "high": round(high, 4)}


def summarize(lines):
    """One row for each kind, dial and size of gate."""
    groups = collections.defaultdict(list)
    for line in lines:
        size = line["rounds"] if line["kind"] == "cut" else 0
        groups[line["kind"], line["slow"], line["backend"], line["cells"], size,
               line.get("effect") or 0].append(line)
    for (kind, slow, backend, cells, _, effect), group in sorted(groups.items()):
        found = sum(line["exit"] == REGRESSION for line in group)
        loads = sorted(line["load"] for line in group)
        rounds = sorted(line["rounds"] for line in group)
        ratios = sorted(ratio for line in group for ratio in line["ratios"].values())
        yield {
            "kind": kind, "slow": slow, "effect_percent": effect or None,
            "backend": backend, "cells": cells,
            "rounds": [rounds[0], rounds[-1]], "load": [loads[0], loads[-1]],
            "seconds": round(sum(line["seconds"] for line in group)),
            "median_ratio": ratios[len(ratios) // 2] if ratios else None,
            "regression": rate(found, len(group)),
            "flagged_first": rate(sum(line["flagged"] > 0 for line in group), len(group)),
            "control_failed": sum(line["control_failed"] for line in group),
        }


def tell(row):
    """A row in words."""
    share, first = row["regression"], row["flagged_first"]
    what = "A/A: false alarms" if row["kind"] == "aa" else f"slow={row['slow']}: found"
    if row["kind"] == "cut":
        scaled = f", scaled to {row['effect_percent']} %" if row["effect_percent"] else ""
        what = f"cut from a long gate{scaled}, {what}"
    elif row["kind"] == "power":
        what = f"{what} (median ratio {row['median_ratio']:.4f})"
    print(f"{what} {share['count']} of {share['of']} gates, rate {100 * share['low']:.1f} to "
          f"{100 * share['high']:.1f} % ({100 * LEVEL:.0f} % interval); flagged before "
          f"confirmation: {first['count']}; {row['backend']}, {row['cells']} cells, "
          f"{row['rounds'][0]} to {row['rounds'][1]} rounds, {row['seconds']} s in all, load "
          f"{row['load'][0]} to {row['load'][1]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("aa", "power", "cut", "report"))
    parser.add_argument("state", nargs="+")
    parser.add_argument("--tool", default=str(ROOT / "build/pyallocbench"))
    parser.add_argument("--gates", type=int, default=200)
    parser.add_argument("--slow", type=int, default=1, help="steps a call more in head")
    parser.add_argument("--backend", default="pymalloc")
    parser.add_argument("--workloads", default="*")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--budget", help="of time, in place of rounds: 2m")
    parser.add_argument("--seed", type=int, default=1, help="of the first gate")
    parser.add_argument("--long", help="of cut: the document of a long gate")
    parser.add_argument("--effect", type=float,
                        help="of cut: head's times scaled, so that the long gate shows this change "
                             "in per cent")
    parser.add_argument("--json", help="the rows of the report, as a file")
    args = parser.parse_args()
    if args.what == "cut":
        cut(args)
    elif args.what != "report":
        collect(args, args.what)
    rows = list(summarize([line for state in args.state for line in read(pathlib.Path(state))]))
    for row in rows:
        tell(row)
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps({"level": LEVEL, "rows": rows}, indent=1) +
                                           "\n")


if __name__ == "__main__":
    main()
