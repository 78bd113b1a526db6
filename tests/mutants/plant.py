#!/usr/bin/env python3
"""Plants bugs in copies of our sources and shows which proof finds each.

    tests/mutants/plant.py [--build FOLDER] [--list] [MUTANT...]

mutants.toml holds the mutants: a file, the text to replace, the text to put there, and the proofs
that must fail. For each pair the one file is compiled again with the change, the proof's program is
linked again with that object in front of the libraries, and the proof is run. Nothing in the
source tree or in the build folder changes. Before them, every proof runs once with its file
compiled from an unchanged copy: it must pass, or its failures would mean nothing.

Exit status: 0 every mutant was found, 1 one survived or a control failed, 2 usage, 77 a proof
cannot run here.
"""
import argparse
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = pathlib.Path(__file__).with_name("mutants.toml")
HANG_S = 300  # an alarm, no measure: a planted bug may loop for ever
CANNOT_RUN = 77

# What a proof may come to. A crash or a hang is a find only of a mutant with `may_crash = true`:
# any accident does the same, so it shows nothing of what the proof compares.
FOUND, SURVIVED, CRASHED, HUNG, CANNOT = "found", "SURVIVED", "crashed", "hung", "cannot run"


class Problem(Exception):
    """What the user has to put right."""


def compile_commands(build):
    """Yields (source path, folder to compile in, object path in it, argument list)."""
    path = build / "compile_commands.json"
    if not path.exists():
        raise Problem(f"{path} is missing: configure and build first (cmake --preset release)")
    for entry in json.loads(path.read_text()):
        words = shlex.split(entry["command"])
        yield (pathlib.Path(entry["file"]), pathlib.Path(entry["directory"]),
               words[words.index("-o") + 1], words)


def link_command(build, target):
    """The command that links `target` (a path relative to `build`), run from `build`."""
    if (build / "build.ninja").exists():
        result = subprocess.run(["ninja", "-C", str(build), "-t", "commands", target],
                                capture_output=True, text=True, check=False)
        lines = [line for line in result.stdout.splitlines() if f" -o {target} " in line + " "]
        if not lines:
            raise Problem(f"no rule links {target} in {build}")
        words = shlex.split(lines[-1].replace(": && ", "").replace(" && :", ""))
        return build, words
    name = pathlib.PurePath(target).name
    bare = name.removesuffix(".so").removeprefix("lib") if name.endswith(".so") else name
    found = list(build.glob(f"**/CMakeFiles/{bare}.dir/link.txt"))
    if len(found) != 1:
        raise Problem(f"{len(found)} rules link {target} in {build}, not one")
    return found[0].parents[2], shlex.split(found[0].read_text())


def is_linked(folder, words, object_folder, object_path):
    """Whether the link command takes an object file, itself or within its target's archive."""
    if str((object_folder / object_path).resolve()) in linked_files(folder, words):
        return True
    parts = pathlib.PurePath(object_path).parts
    archive = "lib" + parts[parts.index("CMakeFiles") + 1].removesuffix(".dir") + ".a"
    return any(pathlib.PurePath(word).name == archive for word in words)


def linked_files(folder, words):
    return {str((folder / word).resolve()) for word in words if word.endswith(".o")}


def build_step(words, folder, complaint):
    result = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise Problem(complaint + "\n" + result.stderr)


def relink(build, source, text, target, scratch):
    """Compiles `text` in place of `source`, links `target` with it. Returns the new program."""
    folder, link = link_command(build, target)
    for file, object_folder, object_path, words in compile_commands(build):
        if file == source and is_linked(folder, link, object_folder, object_path):
            break
    else:
        raise Problem(f"{target} does not contain {source}")
    copy = scratch / source.name
    copy.write_text(text)
    planted = scratch / (source.name + ".o")
    words = list(words)
    words[words.index("-o") + 1] = str(planted)
    words[words.index("-c") + 1] = str(copy)
    words = [word for word in words if word != "-Werror"]
    build_step(words, object_folder, f"{source} does not compile with the planted bug")

    program = scratch / pathlib.PurePath(target).name
    original = str((object_folder / object_path).resolve())
    link = [word for word in link if str((folder / word).resolve()) != original]
    at = link.index("-o")
    link[at + 1] = str(program)
    link.insert(at + 2, str(planted))
    build_step(link, folder, f"{target} does not link: is the build complete?")
    return program


def mutate(mutant, name):
    source = ROOT / mutant["file"]
    text = source.read_text()
    if text.count(mutant["old"]) != 1:
        raise Problem(f"{name}: its `old` text occurs {text.count(mutant['old'])} times in "
                      f"{mutant['file']}, not once: bring mutants.toml up to date")
    return text.replace(mutant["old"], mutant["new"])


def run_proof(proof, program, build):
    """Returns (verdict, how): the verdict is one of the words above."""
    words = [word.format(program=program, build=build, root=ROOT) for word in proof["command"]]
    environment = dict(os.environ, **{key: value.format(program=program, build=build)
                                      for key, value in proof.get("environment", {}).items()})
    try:
        result = subprocess.run(words, capture_output=True, text=True, errors="replace",
                                timeout=HANG_S, check=False, env=environment)
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


def relink_and_run(proof, source, text, build):
    with tempfile.TemporaryDirectory() as scratch:
        program = relink(build, source, text, proof["target"], pathlib.Path(scratch))
        return run_proof(proof, program, build)


def controls(table, names, build):
    """Every (proof, file) of the chosen mutants with an unchanged copy. Returns what failed."""
    pairs = sorted({(proof, table["mutant"][name]["file"])
                    for name in names for proof in table["mutant"][name]["found_by"]})
    failed = []
    cannot = {}
    for proof, file in pairs:
        source = ROOT / file
        verdict, how = relink_and_run(table["proof"][proof], source, source.read_text(), build)
        if verdict == CANNOT:
            cannot[proof] = how
        elif how != "passes":
            failed.append(f"{proof} with {file} unchanged: {how}")
    return failed, cannot


def plant_all(table, names, build, cannot):
    survived = []
    for name in names:
        mutant = table["mutant"][name]
        text = mutate(mutant, name)
        for proof in mutant["found_by"]:
            if proof in cannot:
                continue
            verdict, how = relink_and_run(table["proof"][proof], ROOT / mutant["file"], text, build)
            print(f"{name:<24} {proof:<12} {verdict:<9} {how}", flush=True)
            accident = verdict in (CRASHED, HUNG) and mutant.get("may_crash", False)
            if verdict != FOUND and not accident:
                survived.append(name)
    return survived


def parse_arguments(table):
    parser = argparse.ArgumentParser(description="Plants bugs and shows which proof finds each.")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build",
                        help="a release build (default: build)")
    parser.add_argument("--list", action="store_true", help="show the mutants and end")
    parser.add_argument("mutants", nargs="*", metavar="MUTANT", help="default: all")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.mutants if name not in table["mutant"]]
    if unknown:
        parser.error(f"no mutant is named {unknown[0]}; --list shows all")
    return arguments


def main():
    table = tomllib.loads(TABLE.read_text())
    arguments = parse_arguments(table)
    if arguments.list:
        for name, mutant in table["mutant"].items():
            print(f"{name:<24} {', '.join(mutant['found_by']):<22} {mutant['what']}")
        return 0
    names = arguments.mutants or list(table["mutant"])
    build = arguments.build.resolve()
    try:
        failed, cannot = controls(table, names, build)
        survived = plant_all(table, names, build, cannot) if not failed else []
    except Problem as problem:
        print(f"plant.py: {problem}", file=sys.stderr)
        return 1
    for line in failed:
        print(f"control: {line}")
    for proof, reason in cannot.items():
        print(f"not run: {proof}: {reason}")
    if not failed:
        print(f"{len(names) - len(set(survived))} mutants found, {len(set(survived))} survived")
    if failed or survived:
        return 1
    return CANNOT_RUN if cannot else 0


if __name__ == "__main__":
    sys.exit(main())
