"""What the tests of plots/ share: where things are, and how the scripts are run."""

import copy
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLOTS = ROOT / "plots"
GOLDEN = ROOT / "tests" / "golden"
SKIPPED = 77

GOOD, IO, NOT_OURS, NEWER, NOTHING = 0, 1, 2, 6, 77

sys.path.insert(0, str(PLOTS))


def need(*modules):
    """Leaves with the status for a skip where a module is missing."""
    for module in modules:
        try:
            __import__(module)
        except ModuleNotFoundError:
            print(f"skipped: no {module} here")
            sys.exit(SKIPPED)


def script(name, *arguments, folder=PLOTS, **environment):
    return subprocess.run([sys.executable, folder / name, *map(str, arguments)], text=True,
                          capture_output=True, check=False, timeout=120,
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment})


def golden(name="mixed"):
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def changed(document, change):
    """A copy to which `change` was done."""
    document = copy.deepcopy(document)
    change(document)
    return document


def write(path, document):
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
