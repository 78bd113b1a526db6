"""A file that cannot be used gets one line (what, why, what to do) and the right exit status."""

import json
import pathlib
import tempfile
import unittest

from support import (GOLDEN, IO, NEWER, NOT_OURS, NOTHING, PLOTS, changed, golden, need, script,
                     write)

need("matplotlib")

import load


def run_of(document):
    return document["pyallocbench"]


class RefusalTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="pab-load-")
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)
        self.file = self.dir / "document.json"

    def refused(self, status, *words, file=None, more=()):
        """Holds draw.py, table.py and recompute.py to the same answer."""
        file = file or self.file
        runs = [script("draw.py", file, "-o", self.dir / "out", *more)]
        if not more:
            runs += [script("table.py", file), script("recompute.py", file)]
        for done in runs:
            with self.subTest(done.args[1].name):
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertRegex(done.stderr, r"\A[^\n]+\n\Z")
                for word in words:
                    self.assertIn(word, done.stderr)

    def test_cut_short(self):
        text = (GOLDEN / "mixed.json").read_text(encoding="utf-8")
        for share in (0.999, 0.5, 0.01, 0):
            self.file.write_text(text[:int(len(text) * share)], encoding="utf-8")
            self.refused(NOT_OURS, "is cut short", "line", "pyallocbench run")

    def test_not_json(self):
        self.file.write_text("name,time\nsmall_ints,3\n", encoding="utf-8")
        self.refused(NOT_OURS, "is not JSON", "line 1")

    def test_nested_too_deep(self):
        self.file.write_text("[" * 200000 + "]" * 200000, encoding="utf-8")
        self.refused(NOT_OURS, "nested too deep")

    def test_not_text(self):
        self.file.write_bytes(bytes(range(128, 256)))
        self.refused(NOT_OURS, "is not text")

    def test_not_a_number(self):
        for word in ("NaN", "Infinity", "-Infinity"):
            text = (GOLDEN / "mixed.json").read_text(encoding="utf-8")
            self.file.write_text(text.replace('"duration_s": 2.5', f'"duration_s": {word}'),
                                 encoding="utf-8")
            self.refused(NOT_OURS, f"holds {word}")

    def test_google_benchmark_of_others(self):
        write(self.file, changed(golden(), lambda d: d.pop("pyallocbench")))
        self.refused(NOT_OURS, "Google Benchmark", "pyallocbench run")

    def test_other_json(self):
        for value in ([], 3, None, {"a": 1}, {"pyallocbench": []}, {"pyallocbench": {"schema": 1}}):
            write(self.file, value)
            self.refused(NOT_OURS, "not a pyallocbench document")

    def test_newer_schema(self):
        write(self.file, changed(golden(), lambda d: run_of(d).update(
            schema="pyallocbench-results/2")))
        self.refused(NEWER, "pyallocbench-results/2", "newer")

    def test_unknown_schema(self):
        for name in ("pyallocbench-results/x", "pyallocbench-results/", "pyallocbench-results/0"):
            write(self.file, changed(golden(), lambda d: run_of(d).update(schema=name)))
            self.refused(NOT_OURS, "unknown schema")

    def test_lost_key(self):
        for key in ("backends", "summary", "samples", "baseline"):
            write(self.file, changed(golden(), lambda d: run_of(d).pop(key)))
            self.refused(NOT_OURS, key, "results/schema.json")

    def test_wrong_shape(self):
        write(self.file, changed(golden(), lambda d: run_of(d).update(workloads=3)))
        self.refused(NOT_OURS, "results/schema.json")

    def test_names_that_it_does_not_have(self):
        for array in ("samples", "summary", "timelines", "suite"):
            write(self.file, changed(golden(), lambda d: run_of(d)[array][0].update(backend="who")))
            self.refused(NOT_OURS, f"'who' of {array}[0] is none of", *(
                row["id"] for row in golden()["pyallocbench"]["backends"]))
        write(self.file, changed(golden(), lambda d: run_of(d)["samples"][1].update(workload="w")))
        self.refused(NOT_OURS, "the workload 'w' of samples[1] is none of")
        write(self.file, changed(golden(), lambda d: run_of(d).update(baseline="who")))
        self.refused(NOT_OURS, "the baseline 'who' is none of")

    def test_figures_that_are_none(self):
        def expect(key, value, edit):
            write(self.file, changed(golden(), edit))
            with self.subTest(key=key, value=value), self.assertRaises(load.Refused) as refused:
                load.load(self.file)
            self.assertIn(f"{key} holds {json.dumps(value)}: ", str(refused.exception))

        for array, key, value in (("samples", "reps_cpu_ns", "1"), ("samples", "reps_cpu_ns", -1),
                                  ("samples", "ops", True), ("samples", "cold_ns", -1),
                                  ("timelines", "rss_bytes", {}), ("summary", "median", "1"),
                                  ("suite", "geomean_ratio", {})):
            is_list = isinstance(run_of(golden())[array][0][key], list)
            expect(key, value, lambda d: run_of(d)[array][0].update(
                {key: [value] if is_list else value}))
        for key in ("peak_rss_bytes", "f_peak"):
            expect(key, "much", lambda d: next(row["mem"] for row in run_of(d)["samples"]
                                               if row["mem"]).update({key: "much"}))

    def test_sample_that_stands_twice(self):
        for array in ("samples", "control"):
            document = golden()
            row = run_of(document)["samples"][0]
            rows = run_of(document).setdefault(array, [])
            rows += [dict(row, position=number) for number in range(2 - bool(rows))]
            last = len(rows) - 1
            write(self.file, document)
            self.refused(NOT_OURS, f"{array}[{last}] is a second sample of {row['workload']}, "
                         f"{row['backend']}, round {row['round']} of pass {row['pass']}")

    def test_curve_of_two_lengths(self):
        write(self.file, changed(golden(), lambda d: run_of(d)["timelines"][0]["calls"].pop()))
        self.refused(NOT_OURS, "6 calls and 7 values")

    def test_not_there(self):
        self.refused(IO, "No such file")

    def test_directory(self):
        self.refused(IO, "Is a directory", file=self.dir)

    def test_keys_of_a_later_minor_are_ignored(self):
        def add(document):
            run_of(document)["later"] = {"x": 1}
            run_of(document)["samples"][0]["later"] = 1
            run_of(document)["summary"].append(
                dict(run_of(document)["summary"][0], metric="later_metric"))
        write(self.file, changed(golden(), add))
        done = script("recompute.py", self.file)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_unknown_workload(self):
        self.refused(NOT_OURS, "no workload 'nobody'", file=GOLDEN / "mixed.json",
                     more=("--workloads", "nobody"))

    def test_part_of_the_workloads_keeps_the_means(self):
        whole = load.load(GOLDEN / "mixed.json")
        first, *others = [workload.id for workload in whole.workloads]
        part = whole.showing(first)
        self.assertTrue(others)
        self.assertEqual([workload.id for workload in part.workloads], [first])
        self.assertEqual({row.workload for row in part.samples + part.summary}, {first})
        self.assertEqual((part.suite, part.mean_size), (whole.suite, len(whole.workloads)))

    def test_unknown_picture(self):
        self.refused(NOT_OURS, "did you mean pareto", file=GOLDEN / "mixed.json",
                     more=("--only", "paretto"))

    def test_place_that_cannot_be_made(self):
        self.file.write_text("in the way", encoding="utf-8")
        done = script("draw.py", GOLDEN / "mixed.json", "-o", self.file / "out")
        self.assertEqual(done.returncode, IO)
        self.assertRegex(done.stderr, r"\A[^\n]*Not a directory[^\n]*\n\Z")

    def test_nothing_to_draw(self):
        def empty(document):
            for key in ("samples", "summary", "suite", "timelines"):
                run_of(document)[key] = []
        write(self.file, changed(golden(), empty))
        done = script("draw.py", self.file, "-o", self.dir / "out")
        self.assertEqual((done.returncode, done.stdout), (NOTHING, ""))
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertIn("has no memory and no time pass: run again with `pyallocbench run --passes "
                      "time,memory -o FILE`", done.stderr)


class ProgramTest(unittest.TestCase):
    def test_commit_stands_where_it_is_known(self):
        import load
        run = golden()["pyallocbench"]
        for commit, said in (("0123456789ab", " (0123456)"), ("unknown", ""), ("", ""), (None, ""),
                             ("0123456789ab-dirty", " (0123456-dirty)")):
            run["provenance"]["git_commit"] = commit
            self.assertEqual(load.document("sample", run).program(), "pyallocbench 0.1.0" + said)


if __name__ == "__main__":
    unittest.main()
