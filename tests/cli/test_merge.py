"""Parts of one experiment become one document, and nothing else does."""

import copy
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from support import (GOOD, HANG_SECONDS, IO_ERROR, NOT_COMPARABLE, ROOT, TOOL, USAGE, CliTest)

RUN = ("run", "--preset", "smoke", "--seed", 11, "--rounds", 6, "-b", "system,pymalloc",
       "-w", "small_ints", "--quiet")
SHARDS = ("one.json", "two.json", "three.json")


def cells(document, array="samples"):
    return sorted((row.get("host", 0), row["pass"], row["round"], row["workload"], row["backend"])
                  for row in document["pyallocbench"][array])


class MergeTest(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.made = pathlib.Path(tempfile.mkdtemp(prefix="pab-merge-"))
        cls.addClassCleanup(shutil.rmtree, cls.made, ignore_errors=True)
        for number, name in enumerate(SHARDS, 1):
            cls.run_tool("--shard", f"{number}/3", "-o", name)
        cls.run_tool("-o", "whole.json")

    @classmethod
    def run_tool(cls, *words):
        subprocess.run([TOOL, *map(str, RUN + words)], cwd=cls.made, capture_output=True,
                       check=True, timeout=HANG_SECONDS)

    def setUp(self):
        super().setUp()
        for name in SHARDS + ("whole.json",):
            shutil.copy(self.made / name, self.dir / name)

    def merged(self, *files, name="all.json"):
        self.expect_exit(self.tool("merge", *files, "-o", name), GOOD)
        return self.document(name)

    def change(self, name, edit, to="changed.json"):
        """A copy of a document in which `edit` changed something, as of another run."""
        document = copy.deepcopy(self.document(name))
        document["pyallocbench"]["run_id"] += "-again"
        edit(document)
        (self.dir / to).write_text(json.dumps(document), encoding="utf-8")
        return to

    def elsewhere(self, name, to="elsewhere.json"):
        """The same as from another machine, where everything takes twice as long."""
        def move(document):
            document["context"]["host_name"] += "-2"
            for row in document["pyallocbench"]["samples"]:
                row["reps_cpu_ns"] = [2 * ns for ns in row["reps_cpu_ns"]]
        return self.change(name, move, to)

    def agrees_with_its_samples(self, name):
        done = subprocess.run([sys.executable, ROOT / "plots/recompute.py", self.dir / name],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (GOOD, ""))

    def test_shards_are_the_whole(self):
        document, whole = self.merged(*SHARDS), self.document("whole.json")
        run = document["pyallocbench"]
        self.assertEqual(cells(document), cells(whole))
        self.assertEqual(cells(document, "control"), cells(whole, "control"))
        self.assertTrue(cells(document, "control"))
        self.assertTrue(run["complete"])
        self.assertIsNone(run["shard"])
        self.assertEqual(len(run["hosts"]), 1)
        self.assertEqual([part["shard"]["index"] for part in run["hosts"][0]["parts"]], [1, 2, 3])
        self.assertEqual([row["name"] for row in document["benchmarks"]
                          if "/host:" in row["name"]], [])
        rows = [(r["workload"], r["backend"], r["metric"]) for r in run["summary"]]
        self.assertEqual(len(rows), len(set(rows)))
        self.assertEqual(next(r["n"] for r in run["summary"] if r["metric"] == "cpu_ns_per_op"), 6)
        self.agrees_with_its_samples("all.json")
        self.expect_exit(self.tool("compare", "all.json"), GOOD)

    def test_order_and_steps_do_not_matter(self):
        self.merged(*SHARDS)
        self.merged(*reversed(SHARDS), name="reversed.json")
        self.assertEqual((self.dir / "all.json").read_bytes(),
                         (self.dir / "reversed.json").read_bytes())
        self.merged(*SHARDS[1:], name="two_of_them.json")
        stepwise = self.merged("two_of_them.json", SHARDS[0], name="stepwise.json")
        document = self.document("all.json")
        self.assertEqual(cells(stepwise), cells(document))
        for key in ("run_id", "complete", "summary"):
            self.assertEqual(stepwise["pyallocbench"][key], document["pyallocbench"][key])

    def test_missing_shard_is_said(self):
        done = self.tool("merge", *SHARDS[:2], "-o", "all.json")
        self.expect_exit(done, GOOD)
        self.assertIn("incomplete: some rounds are missing", done.stdout)
        self.assertFalse(self.document("all.json")["pyallocbench"]["complete"])

    def test_shards_of_a_budget_are_as_long_as_they_had_room(self):
        def spent(document):
            run = document["pyallocbench"]
            run["budget_s"] = 9.0
            last = 2 if run["shard"]["index"] == 1 else 5
            for array in ("samples", "control"):
                run[array] = [row for row in run[array] if row["round"] <= last]
            run["rounds"] = last + 1
        names = [self.change(name, spent, f"spent_{name}") for name in SHARDS]
        done = self.tool("merge", *names, "-o", "all.json")
        self.expect_exit(done, GOOD)
        self.assertIn("; complete\n", done.stdout)
        self.assertTrue(self.document("all.json")["pyallocbench"]["complete"])
        two = self.merged(*names[:2], name="two_of_them.json")
        self.assertFalse(two["pyallocbench"]["complete"])
        self.assertTrue(self.merged("two_of_them.json", names[2])["pyallocbench"]["complete"])

    def test_document_of_a_gate_is_no_part(self):
        def of_gate(document):
            document["pyallocbench"]["gate"] = {"time_rounds": 3}
        self.refused(USAGE, ["changed.json: is of `gate`", "judge it with `gate FILE`"],
                     "one.json", self.change("two.json", of_gate))

    def test_interrupted_shard_is_said(self):
        def interrupt(document):
            document["pyallocbench"]["complete"] = False
        document = self.merged(*SHARDS[:2], self.change(SHARDS[2], interrupt))
        self.assertFalse(document["pyallocbench"]["complete"])

    def test_machines_are_kept_apart(self):
        document = self.merged("whole.json", self.elsewhere("whole.json"))
        run = document["pyallocbench"]
        own, twice = self.document("whole.json"), 2 * len(cells(self.document("whole.json")))
        self.assertEqual((len(run["hosts"]), len(run["samples"])), (2, twice))
        self.assertEqual({row["name"].rpartition("/")[2] for row in document["benchmarks"]},
                         {"host:0", "host:1"})
        for host in (0, 1):
            mine = [row for row in run["samples"] if row["host"] == host]
            self.assertEqual(len(mine), len(own["pyallocbench"]["samples"]))
        medians = {(r["host"], r["backend"]): r["median"] for r in run["summary"]
                   if r["metric"] == "cpu_ns_per_op"}
        self.assertAlmostEqual(medians[1, "system"] / medians[0, "system"], 2)
        self.assertIn("verdict", run["hosts"][1]["noise"]["control"])
        self.agrees_with_its_samples("all.json")
        self.expect_exit(self.tool("compare", "all.json"), GOOD)

    def test_failure_stays_with_its_machine(self):
        def fail(document):
            document["context"]["host_name"] = "other"
            document["pyallocbench"]["failures"].append({
                "workload": None, "backend": "pymalloc", "pass": None, "round": None,
                "kind": "crashed", "message": "signal 11"})
        document = self.merged("whole.json", self.change("whole.json", fail))
        counts = {r["host"]: r["n"] for r in document["pyallocbench"]["summary"]
                  if (r["backend"], r["metric"]) == ("pymalloc", "cpu_ns_per_op")}
        self.assertEqual(sorted(counts.values()), [0, 6])

    def test_result_keeps_to_the_schema(self):
        self.expect_valid(self.merged(*SHARDS))
        self.expect_valid(self.merged("whole.json", self.elsewhere("whole.json")))

    def refused(self, code, words, *files):
        """And nothing is left behind."""
        self.expect_one_line(self.tool("merge", *files, "-o", "x.json"), code, *words)
        self.assertFalse((self.dir / "x.json").exists())

    def test_what_is_no_part(self):
        self.refused(USAGE, ["hold the same run", "one.json"], "one.json", "one.json")
        shutil.copy(self.dir / "one.json", self.dir / "copy.json")
        self.refused(USAGE, ["hold the same run", "copy.json"], "one.json", "copy.json")
        self.refused(USAGE, ["both hold round", "--shard"], "one.json", "whole.json")
        self.refused(USAGE, ["both hold round"], "whole.json",
                     self.change("whole.json", lambda document: None))
        self.refused(IO_ERROR, ["cannot read none.json"], "one.json", "none.json")
        text = (self.dir / "two.json").read_text(encoding="utf-8")
        (self.dir / "cut.json").write_text(text[:len(text) // 2], encoding="utf-8")
        self.refused(USAGE, ["cut.json: is cut short"], "one.json", "cut.json")
        shutil.copy(ROOT / "tests/golden/checks.json", self.dir)
        self.refused(USAGE, ["checks.json: holds no measurements"], "one.json", "checks.json")

    def test_parts_of_unknown_machines(self):
        def without(*keys):
            def edit(document):
                for key in keys[:-1]:
                    document = document[key]
                del document[keys[-1]]
            return edit

        def numbered_pass(document):
            document["pyallocbench"]["passes"] = [1]

        for edit, lacks in ((without("context"), "context"), (numbered_pass, "passes"),
                            (without("pyallocbench", "provenance"), "provenance")):
            changed = [self.change(name, edit, f"changed_{name}") for name in SHARDS[:2]]
            self.refused(USAGE, ["changed_one.json: has no", lacks], *changed)

    def test_other_plans_and_builds(self):
        def run_key(key, value):
            return lambda document: document["pyallocbench"].update({key: value})

        def backend_version(document):
            document["pyallocbench"]["backends"][0]["identity"]["version"] = "glibc 9"

        def params(document):
            document["pyallocbench"]["workloads"][0]["params"]["another"] = 7

        def checksum(document):
            document["pyallocbench"]["workloads"][0]["checksum"] = "0" * 16

        def build(document):
            document["pyallocbench"]["provenance"]["binary_build_id"] = "abc"

        def fewer(document):
            run = document["pyallocbench"]
            gone = run["backends"].pop()["id"]
            for array in ("samples", "control", "timelines"):
                run[array] = [row for row in run[array] if row["backend"] != gone]

        def many(document):
            run = document["pyallocbench"]
            run["provenance"]["cflags"] += " -a-flag-of-its-own" + " -and-more" * 20
            for number, backend in enumerate(run["backends"]):
                backend["identity"]["version"] = f"an allocator of a long name {number}" * 3
            run["seed"] = 12
        name, other = "one.json", "changed.json"
        for edit, words in ((run_key("seed", 12), ["seed is 11 in the first and 12 in the second"]),
                            (run_key("rounds", 7), ["rounds is 6 in the first and 7 in"]),
                            (run_key("passes", ["time"]), ['passes is ["time","memory"] in the']),
                            (backend_version, ["system version is", "glibc 9"]),
                            (params, ["small_ints params.another is none in the first and 7 in"]),
                            (checksum, ["small_ints gc=700,10,10 checksum"]),
                            (build, ["binary_build_id is", "abc"]),
                            (many, ["seed is 11 in the first", "-a-flag-of-its-own -and-more",
                                    ", and 2 more: run all with the same options and build"]),
                            (fewer, ["pymalloc id is", "none in the second"])):
            with self.subTest(words=words):
                self.refused(NOT_COMPARABLE, [f"{name} and {other} are no parts of one experiment",
                                              *words], name, self.change("two.json", edit))

    def test_long_paths_keep_their_end(self):
        folder = self.dir / "a_folder_of_a_long_name" / "and_another_one_of_a_long_name" / "third"
        folder.mkdir(parents=True)
        shutil.copy(self.dir / "one.json", folder)
        self.refused(USAGE, ["and .../and_another_one_of_a_long_name/third/one.json hold the same"],
                     "one.json", folder / "one.json")

    def test_command_line(self):
        self.expect_exit(self.tool("merge", "one.json", "-o", "x.json"), USAGE)
        self.expect_exit(self.tool("merge", "one.json", "two.json"), USAGE)
        self.expect_one_line(self.tool("merge", "one.json", "two.json", "-o", "two.json"), USAGE,
                             "is one of the parts")
        (self.dir / "notes.txt").write_text("mine", encoding="utf-8")
        self.expect_one_line(self.tool("merge", "one.json", "two.json", "-o", "notes.txt"), USAGE,
                             "no results document")
        self.expect_one_line(self.tool("merge", "one.json", "two.json", "-o", "no/x.json"),
                             IO_ERROR, "no/x.json")


if __name__ == "__main__":
    unittest.main()
