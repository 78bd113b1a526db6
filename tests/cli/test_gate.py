"""`gate`: what it says of faults that were planted, in every report, and of what it cannot judge.

Times of real runs decide nothing here: where a verdict depends on them, the document's are written
by hand.
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

from gates import (INCONCLUSIVE, MEMORY_ROUNDS, REGRESSION, ROUNDS, Planted, real_gate,
                   sentence)
from support import (BAD_CELL, GOOD, HANG_SECONDS, IO_ERROR, NOT_COMPARABLE, TOOL, USAGE, CliTest)


class JudgeTest(Planted):
    def test_the_real_one(self):
        self.assertIn(self.made.returncode, (GOOD, REGRESSION, INCONCLUSIVE), self.made.stderr)
        whole = json.loads(real_gate()[1])
        self.expect_valid(whole)
        run = whole["pyallocbench"]
        self.assertTrue(run["complete"])
        self.assertEqual([(row["id"], row["label"], row["role"]) for row in run["backends"]],
                         [("pymalloc@base", "pymalloc", "base"),
                          ("pymalloc@head", "pymalloc", "head")])
        self.assertEqual(run["backends"][0]["binary"], os.path.realpath(TOOL))
        self.assertEqual(run["backends"][1]["binary"], "")
        self.assertEqual(run["gate"]["time_rounds"], ROUNDS)
        self.assertEqual(len(self.samples("time", "base")), ROUNDS)
        self.assertEqual(len(self.samples("time", "head")), ROUNDS)
        self.assertEqual(len(self.samples("memory")), 2 * MEMORY_ROUNDS)
        self.assertTrue(run["control"])
        self.assertEqual({row["backend"] for row in run["control"]}, {"pymalloc@base"})

    def test_the_same_twice(self):
        """One program against itself: what it would have found is beside the point."""
        done = self.expect(GOOD, "GOOD: nothing of", "Base and head are one and the same")
        self.assertNotIn("Of 100 gates", sentence(done))
        self.assertEqual(self.judge().stdout, done.stdout)
        self.run_part["gate"]["one_program"] = False
        done = self.expect(GOOD, "Of 100 gates, 90 would find")
        self.assertNotIn("the same", sentence(done))

    def test_the_same_is_a_false_alarm(self):
        self.set_head(1.05, 1.05)
        self.expect(REGRESSION, "one and the same: this is a false alarm")
        for row in self.run_part["backends"]:
            if row["role"] == "head":
                row["identity"]["build_id"] = "another"
        self.assertNotIn("false alarm", sentence(self.expect(REGRESSION)))

    def rename(self, **names):
        """Of both arms: what stands before "@base" and "@head"."""
        text = json.dumps(self.whole)
        for role, name in names.items():
            text = text.replace(f'"pymalloc@{role}"', f'"{name}@{role}"')
        self.whole = json.loads(text)
        self.run_part = self.whole["pyallocbench"]
        for row in self.run_part["backends"]:
            row["name"] = names["base"].partition(":")[0].partition("+")[0]

    def test_the_same_below_a_path_with_an_at(self):
        text = json.dumps(self.whole)
        for base, head, is_same in (
                ("library:/lib@1/a.so", "library:/lib@2/b.so", True),
                ("library:/lib@1/a.so:hooks=debug", "library:/lib@2/b.so:hooks=debug", True),
                ("library:/lib@1/a.so:hooks=debug", "library:/lib@2/b.so", False),
                ("pymalloc+library:/lib@1/a.so", "pymalloc+library:/lib@2/b.so", False)):
            self.whole = json.loads(text)
            self.rename(base=base, head=head)
            with self.subTest(base=base, head=head):
                check = self.assertIn if is_same else self.assertNotIn
                check("one and the same", sentence(self.expect(GOOD)))

    def test_lines_fit(self):
        self.set_head(1.05, 1.05)
        for row in self.run_part["backends"]:
            row["label"] = "-> ".join(["pymalloc:pool=4K "] * 6)
        for sample in self.samples("memory", "head"):
            sample["mem"]["structure"]["arenas_ever"] += 1
        for words in ((), ("-v",), ("--alpha", "0.0000001")):
            for line in self.judge(*words).stdout.splitlines():
                self.assertLessEqual(len(line), 80, line)

    def test_scattering_memory(self):
        """What memory may hide is told by its own figures, not by --detect of times."""
        for sample in self.samples("memory", "head"):
            sample["mem"]["peak_rss_bytes"] = 100 * 2**20
        for sample in self.samples("memory", "base"):
            sample["mem"]["peak_rss_bytes"] = (100 + sample["round"]) * 2**20
        for sample in self.samples("memory", "head")[:1]:
            sample["mem"]["peak_rss_bytes"] = 102 * 2**20
        done = self.judge("-v")
        self.assertIn("at most +2.0 % from any round to any other", " ".join(done.stdout.split()))
        self.assertNotIn("no change above 3 %", done.stdout)

    def test_notes_on_times_are_for_times(self):
        self.run_part["control"] = []
        self.run_part["noise"]["warnings"] = ["the machine is busy"]
        done = self.judge()
        self.assertIn("no A/A control was run", done.stdout)
        self.assertIn("the machine is busy", done.stdout)
        done = self.judge("--passes", "memory")
        self.assertNotIn("note:", done.stdout)

    def test_slower_and_confirmed(self):
        self.set_head(1.05, 1.06)
        self.expect(REGRESSION, "REGRESSION", "small_ints cpu_ns_per_op +6",
                    "slower: +5.0 % at first, and again")
        self.run_part["gate"]["one_program"] = False
        self.expect(REGRESSION, "slower (by the first look; intervals of what was looked at again "
                    "are the second's), and at most 1 would")
        self.set_head(1.0)
        self.assertNotIn("first look", sentence(self.judge()))

    def test_slower_at_first_only(self):
        self.set_head(1.05, 1.0)
        self.expect(GOOD, "looked worse at first, and not again")

    def test_slower_without_confirmation(self):
        self.set_head(1.05)
        self.expect(INCONCLUSIVE, "no rounds to confirm it")
        self.run_part["gate"]["rules"]["confirm_rounds"] = 0
        self.expect(REGRESSION, "cpu_ns_per_op +5")

    def test_faster(self):
        self.set_head(1 / 1.05, 1.05)
        self.expect(GOOD, "got better")

    def test_below_the_floor(self):
        self.set_head(1.008, 1.008)
        self.expect(GOOD)
        done = self.judge("--time-floor", "0.3")
        self.expect_exit(done, REGRESSION)

    def test_failed_control(self):
        self.quiet_control(1.2)
        self.expect(INCONCLUSIVE, "the A/A control failed")
        done = self.judge("--inconclusive", "pass")
        self.expect_exit(done, GOOD)
        self.assertIn("INCONCLUSIVE", done.stdout)

    def test_blind(self):
        """Noise that hides 3 % is no good gate."""
        for number, sample in enumerate(self.samples("time", "head")):
            sample["reps_cpu_ns"] = [round(1e6 * (1 + 0.3 * (number % 5 - 2)))]
        self.expect(INCONCLUSIVE, "would probably be missed")

    def test_larger(self):
        for sample in self.samples("memory", "head"):
            sample["mem"]["peak_rss_bytes"] *= 2
        self.expect(INCONCLUSIVE, "no rounds to confirm it")
        first = self.samples("memory")
        for sample in first:
            self.run_part["samples"].append(dict(sample, round=sample["round"] + MEMORY_ROUNDS))
        self.expect(REGRESSION, "peak_rss_bytes +100", "larger")
        self.expect(GOOD, options=("--memory-limit", "120"))

    def test_larger_at_first_only(self):
        """The rounds that confirm are no part of the first look, though time has more of them."""
        first = self.samples("memory")
        for sample in first:
            self.run_part["samples"].append(json.loads(json.dumps(
                dict(sample, round=sample["round"] + MEMORY_ROUNDS))))
        for sample in first:
            sample["mem"]["peak_rss_bytes"] *= 2 if sample["backend"].endswith("@head") else 1
        self.expect(GOOD, "looked worse at first, and not again")

    def test_a_pass_without_a_sample(self):
        """Nobody failed, and nobody has a figure: that is a hole in the gate, not a good one."""
        self.run_part["passes"].append("instructions")
        self.expect(INCONCLUSIVE, "all instructions, was asked for")
        self.run_part["passes"].remove("instructions")
        self.expect(GOOD, "Not judged: instructions.")
        self.expect(INCONCLUSIVE, "was asked for", options=("--passes", "time,instructions"))

    def test_another_structure(self):
        for sample in self.samples("memory", "head"):
            sample["mem"]["structure"]["arenas_ever"] += 1
        self.expect(REGRESSION, "structure.arenas_ever")
        self.expect(GOOD, options=("--structure", "show"))
        self.expect(GOOD, options=("--passes", "time"))

    def test_crashed_among_good_rounds(self):
        self.run_part["failures"].append({
            "workload": "small_ints", "backend": "pymalloc@head", "pass": "time", "round": 7,
            "kind": "crashed", "message": "killed by signal 11"})
        done = self.expect(BAD_CELL, "BROKEN", "killed by signal 11")
        self.assertNotIn("Of 100 gates", sentence(done))
        self.run_part["failures"][0]["backend"] = "pymalloc@base"
        self.expect(GOOD)

    def test_cells_that_are_not_there(self):
        self.run_part["samples"] = [sample for sample in self.run_part["samples"]
                                    if sample["pass"] != "time"
                                    or sample["backend"] == "pymalloc@base"]
        self.expect(INCONCLUSIVE, "gone: head has none")
        self.expect(GOOD, options=("--allow-gone",))

    def test_interrupted_is_not_judged(self):
        self.run_part["complete"] = False
        done = self.judge()
        self.expect_one_line(done, INCONCLUSIVE, "interrupted", "not judged")

    def test_large_document(self):
        """10^5 samples, and each figure is still told."""
        base = self.samples("time")
        for step in range(1, 100000 // len(base) + 1):
            self.run_part["samples"] += [dict(sample, round=sample["round"] + step * ROUNDS)
                                         for sample in base]
        self.run_part["gate"]["time_rounds"] = 10**6
        self.expect(GOOD, "nothing of")


class ReportTest(Planted):
    """All reports of one verdict: a slowdown, another structure, names as hostile as can be."""

    LABEL = "a|b<c>\"d`*%e,f:g"

    def setUp(self):
        super().setUp()
        self.set_head(1.05, 1.05)
        for sample in self.samples("memory", "head"):
            sample["mem"]["structure"]["arenas_ever"] += 1
        for row in self.run_part["backends"]:
            row["label"] = self.LABEL
        self.run_part["started"] = "a\"<b>&c"
        self.summary = self.dir / "summary.md"
        self.summary.write_text("before\n", encoding="utf-8")
        (self.dir / "gate.json").write_text(json.dumps(self.whole), encoding="utf-8")
        self.done = self.tool("gate", "gate.json", "--md", "out.md", "--junit", "out.xml",
                              "--github",
                              env={**os.environ, "GITHUB_STEP_SUMMARY": str(self.summary)})
        self.markdown = (self.dir / "out.md").read_text(encoding="utf-8")

    def test_junit(self):
        self.expect_exit(self.done, REGRESSION)
        root = xml.etree.ElementTree.parse(self.dir / "out.xml").getroot()
        suite = root.find("testsuite")
        self.assertEqual(suite.get("name"), self.LABEL)
        self.assertEqual(suite.get("timestamp"), self.run_part["started"])
        cases = {case.get("name"): case for case in suite.findall("testcase")}
        expected = {"small_ints time": "failure", "small_ints memory": "system-out",
                    "small_ints structure": "failure"}
        self.assertEqual({name: case[0].tag for name, case in cases.items()}, expected)
        self.assertIn("cpu_ns_per_op", cases["small_ints time"].find("failure").get("message"))
        for level in (root, suite):
            self.assertEqual(int(level.get("tests")), len(cases))
            self.assertEqual(int(level.get("failures")), len(suite.findall("testcase/failure")))
            self.assertEqual((level.get("errors"), level.get("skipped")), ("0", "0"))

    def test_markdown(self):
        lines = self.markdown.splitlines()
        self.assertEqual(lines[0], "<!-- pyallocbench gate -->")
        self.assertTrue(lines[3].startswith("REGRESSION: 2 regressions: small_ints"), lines[3])
        rows = [line for line in lines if line.startswith("| small_ints | cpu_ns_per_op")]
        self.assertEqual(len(rows), 2, "above the fold, and in it")
        self.assertIn("**slower: +5", rows[0])
        self.assertEqual(self.markdown.count("<details>"), self.markdown.count("</details>"))
        self.assertIn("`pyallocbench gate ", self.markdown)
        self.assertIn("\\|b\\<c>", lines[1])

    def test_annotations(self):
        lines = [line for line in self.done.stdout.splitlines() if line.startswith("::")]
        self.assertTrue(lines[0].startswith("::error title=pyallocbench gate::REGRESSION"))
        self.assertEqual(len([line for line in lines if line.startswith("::error")]), 3)
        self.assertTrue(any("structure.arenas_ever 1 -> 2" in line for line in lines), lines)
        self.assertTrue(any("a|b<c>\"d`*%25e,f:g" in line for line in lines), lines)
        for line in lines:
            self.assertNotRegex(line.replace("%25", "").replace("%0A", ""), "%")

    def test_step_summary(self):
        """Others write there, too: it grows."""
        text = self.summary.read_text(encoding="utf-8")
        self.assertEqual(text, "before\n" + self.markdown)

    def test_files_of_others(self):
        (self.dir / "mine.md").write_text("# Mine\n", encoding="utf-8")
        done = self.tool("gate", "gate.json", "--md", "mine.md")
        self.expect_one_line(done, USAGE, "mine.md", "none of ours")
        done = self.tool("gate", "gate.json", "--md", "x", "--junit", "x")
        self.expect_one_line(done, USAGE, "a file each")
        done = self.tool("gate", "gate.json", "--md", "no/folder.md")
        self.expect_one_line(done, IO_ERROR, "cannot write no/folder.md")


class DocumentTest(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="pab-cli-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        for name, backends in (("a", "system,null"), ("b", "system,null"), ("c", "pymalloc")):
            subprocess.run([TOOL, "run", "-q", "--preset", "smoke", "--rounds", "10", "-w",
                            "small_ints", "-b", backends, "-o", f"{name}.json"], cwd=cls.folder,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True,
                           timeout=HANG_SECONDS)

    def gate(self, *words):
        for name in "abc":
            shutil.copy(self.folder / f"{name}.json", self.dir)
        return self.tool("gate", *words)

    def change(self, name, edit):
        whole = json.loads((self.folder / name).read_text(encoding="utf-8"))
        edit(whole["pyallocbench"])
        (self.dir / "changed.json").write_text(json.dumps(whole), encoding="utf-8")

    def test_base_equal_to_head(self):
        done = self.gate("--base", "a.json", "--head", "a.json")
        self.expect_exit(done, GOOD)
        self.assertIn("hold the same run: nothing can differ", sentence(done))
        self.assertNotIn("Of 100 gates", sentence(done))

    def test_two_runs_only_advise_on_time(self):
        def slow(run):
            run["run_id"] = "another"
            for sample in run["samples"]:
                sample["reps_cpu_ns"] = [3 * ns for ns in sample["reps_cpu_ns"]]
        self.change("a.json", slow)
        done = self.gate("--base", "a.json", "--head", "changed.json")
        self.expect_exit(done, INCONCLUSIVE)
        self.assertIn("ran apart", sentence(done))
        done = self.gate("--base", "a.json", "--head", "changed.json", "--passes", "memory")
        self.expect_exit(done, GOOD)

    def test_larger(self):
        def grow(run):
            for sample in run["samples"]:
                if sample["mem"]:
                    sample["mem"]["peak_rss_bytes"] *= 3
        def repeat(run):
            run["samples"] += [dict(sample, round=1) for sample in run["samples"] if sample["mem"]]
        self.change("a.json", grow)
        for pair in (("a.json", "changed.json"), ("changed.json", "a.json")):
            done = self.gate("--base", pair[0], "--head", pair[1])
            self.expect_exit(done, INCONCLUSIVE)
            self.assertIn("one memory round has no range", sentence(done))
        self.change("a.json", repeat)
        (self.dir / "changed.json").rename(self.dir / "twice.json")
        self.change("a.json", lambda run: (grow(run), repeat(run)))
        done = self.gate("--base", "twice.json", "--head", "changed.json")
        self.expect_exit(done, REGRESSION)
        done = self.gate("--base", "changed.json", "--head", "twice.json")
        self.expect_exit(done, GOOD)

    def test_another_machine(self):
        self.change("b.json", lambda run: run["provenance"].update(cpu_model="Z80"))
        both = ("--base", "a.json", "--head", "changed.json", "--passes", "memory")
        self.expect_one_line(self.gate(*both), NOT_COMPARABLE, "Z80", "--force")
        done = self.gate(*both, "--force", "--md", "out.md")
        self.assertIn(done.returncode, (GOOD, REGRESSION, INCONCLUSIVE))
        self.assertIn("forced", sentence(done))
        self.assertIn("forced", (self.dir / "out.md").read_text(encoding="utf-8"))

    def test_interrupted(self):
        """What half a base has not measured would else be new, and good."""
        self.change("a.json", lambda run: run.update(complete=False))
        for pair in (("a.json", "changed.json"), ("changed.json", "a.json")):
            done = self.gate("--base", pair[0], "--head", pair[1])
            self.expect_one_line(done, INCONCLUSIVE, "changed.json was interrupted")

    def test_no_common_cells(self):
        done = self.gate("--base", "a.json", "--head", "c.json")
        self.expect_one_line(done, NOT_COMPARABLE, "no cell in common", "pymalloc")

    def test_what_is_no_document(self):
        shutil.copy(self.folder / "a.json", self.dir)
        text = (self.dir / "a.json").read_text(encoding="utf-8")
        for name, bad, code in (("cut.json", text[:-900], USAGE),
                                ("other.json", '{"pyallocbench": {"schema": "other/1"}}', USAGE),
                                ("newer.json", text.replace("-results/1", "-results/2"),
                                 NOT_COMPARABLE),
                                ("nan.json", text.replace('"cold_ns":', '"cold_ns":-'), USAGE),
                                ("empty.json", "", USAGE)):
            (self.dir / name).write_text(bad, encoding="utf-8")
            for words in (("--base", "a.json", "--head", name), ("--base", name, "--head",
                                                                 "a.json"), (name,)):
                done = self.tool("gate", *words)
                self.expect_one_line(done, code, name)
        self.expect_one_line(self.tool("gate", "none.json"), IO_ERROR, "none.json")
        self.expect_one_line(self.tool("gate", "a.json"), USAGE, "no document of a live gate")


class UsageTest(CliTest):
    def test_words(self):
        spec = ("--base-spec", "system", "--head-spec", "system")
        for words, said in (
                ((), "what is compared?"),
                (("--base", "a.json"), "belong together"),
                (("--base-spec", "system"), "belong together"),
                ((*spec, "-b", "pymalloc"), "one or the other"),
                ((*spec, "--rounds", "2", "--budget", "1m"), "one or the other"),
                ((*spec, "--passes", "latency"), "time, memory and instructions"),
                ((*spec, "--passes", "tme"), "no pass is named 'tme'"),
                ((*spec, "-w", "strngs"), "did you mean 'strings'"),
                (("--base-spec", "system,null", "--head-spec", "system"), "name one backend"),
                (("--base-spec", "sytem", "--head-spec", "system"), "did you mean 'system'"),
                (("a.json", "--rounds", "3"), "nothing is measured"),
                (("a.json", "-o", "b.json"), "nothing is measured"),
                (("a.json", "--force"), "--force is for"),
                (("a.json", "--base", "b.json", "--head", "c.json"), "one or the other"),
                (("a.json", "--passes", "latency"), "time, memory and instructions"),
                ((*spec, "--alpha", "0"), "--alpha 0"),
                ((*spec, "--detect", "nan"), "--detect nan"),
                ((*spec, "--structure", "maybe"), "fail or show"),
                ((*spec, "--inconclusive", "perhaps"), "fail or pass"),
                (("a.json", "b.json"), "one FILE"),
        ):
            self.expect_one_line(self.tool("gate", *words), USAGE, said)


if __name__ == "__main__":
    unittest.main()
