"""results/schema.json takes the sample documents and refuses what must never be in one."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from support import GOLDEN, ROOT, changed, golden, need

need("jsonschema")

import jsonschema

SCHEMA = json.loads((ROOT / "results" / "schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def first(document, part, **values):
    return next(row for row in document["pyallocbench"][part]
                if all(row[key] == value for key, value in values.items()))


# What is done to a good document, and where the schema must see it.
PLANTED = {
    "a section is gone": (lambda d: d["pyallocbench"].pop("failures"), "pyallocbench"),
    "another schema": (lambda d: d["pyallocbench"].update(schema="x/1"), "schema"),
    "bytes as a fraction": (
        lambda d: first(d, "samples", **{"pass": "memory"})["mem"].update(r0_bytes=1.5),
        "r0_bytes"),
    "nanoseconds as a fraction": (
        lambda d: first(d, "samples")["reps_cpu_ns"].append(0.5), "reps_cpu_ns"),
    "a negative count": (lambda d: first(d, "samples").update(minflt=-1), "minflt"),
    "a count beyond 2^53": (lambda d: d["pyallocbench"].update(seed=2 ** 53), "seed"),
    "a checksum as a number": (lambda d: first(d, "samples").update(checksum=170), "checksum"),
    "a checksum in capitals": (
        lambda d: first(d, "samples").update(checksum="00000000000000AA"), "checksum"),
    "a checksum too short": (lambda d: first(d, "samples").update(checksum="aa"), "checksum"),
    "a pass that is no word": (lambda d: first(d, "samples").update({"pass": "time 2"}), "pass"),
    "memory in the time pass": (
        lambda d: first(d, "samples").update(
            mem=first(d, "samples", **{"pass": "memory"})["mem"]), "mem"),
    "a time of day without a zone": (
        lambda d: d["pyallocbench"].update(started="2026-02-03T10:11:12"), "started"),
    "an unknown status": (lambda d: first(d, "backends").update(status="fine"), "status"),
    "unavailable, and nobody says why": (
        lambda d: first(d, "backends", status="unavailable").update(reason=None), "reason"),
    "measured, and nobody knows what": (
        lambda d: first(d, "backends", status="ok").update(identity=None), "identity"),
    "a ranked floor": (lambda d: first(d, "backends", kind="floor").update(ranked=True), "ranked"),
    "an unknown metric": (lambda d: first(d, "summary").update(metric="time"), "metric"),
    "a ratio of 0": (lambda d: first(d, "summary").update(ratio=0), "ratio"),
    "an interval of a memory metric": (
        lambda d: first(d, "summary", metric="peak_rss_bytes").update(lo=0.9), "lo"),
    "a median of nothing": (lambda d: first(d, "summary", n=0).update(median=1), "median"),
    "values without a median": (lambda d: first(d, "summary", n=7).update(median=None), "median"),
    "an unknown failure": (lambda d: first(d, "failures").update(kind="oops"), "kind"),
    "an unknown verdict": (
        lambda d: d["pyallocbench"]["conformance"]["checks"][0].update(verdict="ok"), "verdict"),
    "a failed cell for Google Benchmark": (lambda d: d["benchmarks"][0].update(cpu_time=0),
                                           "cpu_time"),
    "our version where Google's stands": (
        lambda d: d["context"].update(json_schema_version=2), "json_schema_version"),
}


class SchemaTest(unittest.TestCase):
    def test_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def test_takes_the_samples(self):
        for name in ("mixed", "one_round", "checks"):
            with self.subTest(name):
                errors = [f"{list(e.absolute_path)}: {e.message}"
                          for e in VALIDATOR.iter_errors(golden(name))]
                self.assertEqual(errors, [])

    def test_takes_the_references(self):
        for path in sorted((ROOT / "results" / "reference").glob("*.json")):
            with self.subTest(path.name):
                VALIDATOR.validate(json.loads(path.read_text(encoding="utf-8")))

    def test_takes_more_keys(self):
        VALIDATOR.validate(changed(golden(), lambda d: d["pyallocbench"].update(later=[1])))

    def test_refuses(self):
        for what, (plant, where) in PLANTED.items():
            with self.subTest(what):
                errors = list(VALIDATOR.iter_errors(changed(golden(), plant)))
                places = {str(step) for e in errors for step in e.absolute_path}
                self.assertIn(where, places)

    def test_samples_are_what_their_script_writes(self):
        with tempfile.TemporaryDirectory(prefix="pab-golden-") as folder:
            subprocess.run([sys.executable, GOLDEN / "make.py", folder], check=True)
            for path in pathlib.Path(folder).iterdir():
                self.assertEqual(path.read_bytes(), (GOLDEN / path.name).read_bytes(), path.name)


if __name__ == "__main__":
    unittest.main()
