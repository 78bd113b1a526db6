"""One planted bug, tried: who had to find it, and what came of it."""
import dataclasses
import json
import os
import pathlib
import subprocess
import tempfile

import planting

HANG_S = 300  # an alarm, no measure: a planted bug may loop for ever
CANNOT_RUN = 77

# What comes of a finder. A crash or a hang of a *proof* is a find only of a mutant that says
# `may_crash = true`: any accident does the same, so it shows nothing of what the proof compares.
# A *check* runs in a process of its own, where a crash is a verdict like any other.
FOUND, SURVIVED, CRASHED, HUNG, CANNOT = "found", "SURVIVED", "crashed", "hung", "cannot run"

CHECKER = "tests/mutants/pab_checker"
SHIM = "tests/mutants/libpab_evil.so"


@dataclasses.dataclass
class Row:
    """A line of the table."""
    mutant: str
    where: str
    finder: str
    verdict: str
    ops: str
    how: str


def short(file):
    """A source file in the table: its last two parts."""
    return "/".join(pathlib.PurePath(file).parts[-2:])


class Proofs:
    """Mutants whose finders are programs of ours: `found_by`, and tables [proof.NAME]."""

    def __init__(self, build, root, proofs):
        self.build, self.root, self.proofs = build, root, proofs

    def control(self, jobs):
        """jobs: {(proof, file)}. Returns what failed, and why a proof cannot run here."""
        failed, cannot = [], {}
        for proof, file in sorted(jobs):
            verdict, how = self._plant(proof, file, (self.root / file).read_text())
            if verdict == CANNOT:
                cannot[proof] = how
            elif how != "passes":
                failed.append(f"{proof} with {file} unchanged: {how}")
        return failed, cannot

    def rows(self, name, mutant, cannot):
        text = planting.mutate(self.root, name, mutant)
        for proof in mutant["found_by"]:
            if proof in cannot:
                yield Row(name, short(mutant["file"]), proof, CANNOT, "", cannot[proof])
                continue
            verdict, how = self._plant(proof, mutant["file"], text)
            if verdict in (CRASHED, HUNG) and not mutant.get("may_crash", False):
                verdict = SURVIVED
            yield Row(name, short(mutant["file"]), proof, verdict, "", how)

    def _plant(self, proof, file, text):
        with tempfile.TemporaryDirectory() as scratch:
            program = self.build.plant(file, text, self.proofs[proof]["target"],
                                       pathlib.Path(scratch))
            return self._run(self.proofs[proof], program)

    def _run(self, proof, program):
        known = {"program": program, "build": self.build.folder, "root": self.root}
        words = [word.format(**known) for word in proof["command"]]
        try:
            result = subprocess.run(words, capture_output=True, text=True, errors="replace",
                                    timeout=HANG_S, check=False)
        except subprocess.TimeoutExpired:
            return HUNG, f"no end within {HANG_S} s"
        code = result.returncode
        lines = (result.stderr + result.stdout).strip().splitlines()
        if code == CANNOT_RUN:
            return CANNOT, lines[-1] if lines else "cannot run here"
        if code < 0:
            return CRASHED, f"dies of signal {-code}"
        if code == 0:
            return SURVIVED, "passes"
        told = [line for line in lines if proof.get("tells", "") in line]
        if code != proof.get("exit", 4) or not told:
            return SURVIVED, f"exit {code}: {lines[-1] if lines else ''}"
        return FOUND, told[0].strip()


class Checks:
    """Mutants whose finders are checks of the product."""

    def __init__(self, build, root, seeds, ops):
        self.build, self.root, self.seeds, self.ops = build, root, seeds, ops
        self.known = set()

    def shim_spec(self):
        return f"library:{self.build.folder / SHIM}"

    def run(self, program, backend, checks, seed, environment=None):
        """{check: its row of the document}, or a Problem where there is no document."""
        with tempfile.TemporaryDirectory() as scratch:
            document = pathlib.Path(scratch) / "verdicts.json"
            words = [str(program), "check", "-q", "-b", backend, "--only", ",".join(checks),
                     "--seed", str(seed), "-o", str(document)]
            words += ["--ops", str(self.ops)] if self.ops else []
            try:
                result = subprocess.run(words, capture_output=True, text=True, errors="replace",
                                        timeout=HANG_S, check=False,
                                        env=dict(os.environ, **(environment or {})))
            except subprocess.TimeoutExpired as hung:
                raise planting.Problem(f"{' '.join(words)}\nno end within {HANG_S} s: the product "
                                       "must end what hangs in a check") from hung
            if not document.exists():
                lines = (result.stdout + result.stderr).strip().splitlines()
                raise planting.Problem(f"{' '.join(words)}\nexit {result.returncode}: "
                                       f"{lines[-1] if lines else ''}")
            own = json.loads(document.read_text())["pyallocbench"]
            if own["conformance"]["checks"]:
                return {row["check"]: row for row in own["conformance"]["checks"]}
            told = [failure["message"] for failure in own.get("failures", [])]
            return {check: {"verdict": "CRASH", "reason": told[0] if told else "no verdict"}
                    for check in checks}

    def find_known(self):
        """The ids that the product has."""
        program = self.build.folder / CHECKER
        listed = subprocess.run([str(program), "list", "checks", "--json"], capture_output=True,
                                text=True, check=False) if program.exists() else None
        if listed is None or listed.returncode != 0:
            raise planting.Problem(f"{program} does not run: is the build complete, with tests?")
        self.known = {check.get("id", check.get("name"))
                      for check in json.loads(listed.stdout)["checks"]}

    def control(self, backend, checks, environment=None):
        """What each check says where nothing is planted: {check: (verdict, reason)}."""
        program = self.build.folder / CHECKER
        said = {}
        checks = [check for check in checks if check in self.known]
        for seed in self.seeds if checks else []:
            for check, row in self.run(program, backend, checks, seed, environment).items():
                if said.get(check, ("PASS", ""))[0] == "PASS":
                    said[check] = (row["verdict"].upper(), row.get("reason", ""))
        return said

    def source_rows(self, name, mutant, control):
        text = planting.mutate(self.root, name, mutant)
        backend = mutant.get("backend", "pymalloc")
        with tempfile.TemporaryDirectory() as scratch:
            program = self.build.plant(mutant["file"], text, CHECKER, pathlib.Path(scratch))
            yield from self._try(name, short(mutant["file"]), mutant["checks"], control,
                                 lambda checks, seed: self.run(program, backend, checks, seed))

    def shim_rows(self, name, mutant, under, control):
        environment = {"PAB_EVIL": mutant["evil"], "PAB_EVIL_UNDER": under[1]}
        program = self.build.folder / CHECKER
        yield from self._try(name, f"shim over {under[0]}", mutant["checks"], control,
                             lambda checks, seed: self.run(program, self.shim_spec(), checks, seed,
                                                           environment))

    def _try(self, name, where, checks, control, run):
        sound = [check for check in checks if control.get(check, ("", ""))[0] == "PASS"]
        runs = [run(sound, seed) for seed in self.seeds] if sound else []
        for check in checks:
            if check not in sound:
                verdict, reason = control.get(check, ("ABSENT", "no such check"))
                yield Row(name, where, check, SURVIVED if verdict == "ABSENT" else CANNOT, "",
                          f"{verdict} with nothing planted: {reason}")
                continue
            rows = [said[check] for said in runs if check in said]
            kills = [row for row in rows if row["verdict"].upper() in ("FAIL", "DEVIATION",
                                                                       "CRASH")]
            verdict = FOUND if kills and len(kills) == len(self.seeds) else SURVIVED
            if len(self.seeds) > 1:
                verdict += f" {len(kills)}/{len(self.seeds)}"
            ops = sorted(row.get("ops") or 0 for row in kills)
            how = kills[0].get("reason", "") if kills else rows[0].get("reason", "passes")
            yield Row(name, where, check, verdict, str(ops[len(ops) // 2]) if ops else "", how)
