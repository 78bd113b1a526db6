"""`compare`: what it tells of one run and of two, to people and to other programs."""

import copy
import csv
import io
import json
import os
import pathlib
import pty
import shutil
import subprocess
import sys
import tempfile
import unittest

from support import (GOOD, HANG_SECONDS, IO_ERROR, NOT_COMPARABLE, ROOT, TOOL, USAGE, CliTest,
                     unwrapped)

WORDS = {"faster", "slower", "smaller", "larger", "better", "worse", "equal", "differs",
         "equivalent", "cannot tell", "not judged", "new", "gone", "failed"}
FAMILIES = {"time", "memory", "instructions", "structure", "description"}
TEXTS = ("workload", "backend", "host", "metric", "unit", "family", "verdict", "why")
COUNTS = ("workloads", "n_base", "n_head")
REALS = ("base", "head", "ratio", "lo", "hi", "p", "p_adjusted", "superiority", "detectable",
         "heterogeneity")
TRUTHS = ("paired", "advisory", "forced", "oversubscribed")


def slowed(document, backend, factor):
    """The document, as if another run had found `backend` that much slower."""
    changed = copy.deepcopy(document)
    run = changed["pyallocbench"]
    run["run_id"] = "another"
    run["control"] = []
    for sample in run["samples"]:
        if sample["backend"] == backend:
            for key in ("reps_cpu_ns", "reps_wall_ns"):
                sample[key] = [round(value * factor) for value in sample[key]]
    return changed


class CompareTest(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.kept = pathlib.Path(tempfile.mkdtemp(prefix="pab-compare-"))
        cls.addClassCleanup(shutil.rmtree, cls.kept)
        cls.run_file = cls.kept / "run.json"
        done = subprocess.run(
            [TOOL, "run", "-q", "--preset", "smoke", "-b", "system,pymalloc,null",
             "-w", "small_ints", "--rounds", "10", "-o", cls.run_file],
            capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
        if done.returncode != GOOD:
            raise AssertionError(f"run failed: {done.returncode}\n{done.stderr}")
        cls.made = json.loads(cls.run_file.read_text(encoding="utf-8"))

    def put(self, name, document):
        (self.dir / name).write_text(json.dumps(document), encoding="utf-8")
        return name

    def compare(self, *words, code=GOOD, **options):
        done = self.tool("compare", *words, **options)
        self.expect_exit(done, code)
        return done.stdout

    def rows(self, *words):
        return json.loads(self.compare(*words, "--format", "json"))["rows"]

    def row(self, rows, workload, backend, metric):
        found = [row for row in rows if (row["workload"], row["backend"], row["metric"]) ==
                 (workload, backend, metric)]
        self.assertEqual(len(found), 1)
        return found[0]

    # --- what it says -------------------------------------------------------------------------

    def test_table(self):
        text = self.compare(self.run_file)
        lines = text.splitlines()
        self.assertIn(str(self.run_file), lines[0])
        self.assertIn("against system", lines[0])
        for words in ("small_ints", "cpu_ns_per_op", "peak_rss_bytes", "the baseline",
                      "a floor, not an allocator", "cannot tell is not equal"):
            self.assertIn(words, text)
        self.assertNotIn("all workloads", text, "one workload has no mean beside it")
        self.assertNotIn("\033", text)
        self.assertNotIn("wall_ns_per_op", text)
        self.assertIn("wall_ns_per_op", self.compare(self.run_file, "--all"))

    def renamed(self, name, backend):
        """The run, its pymalloc under another name."""
        text = json.dumps(self.made).replace('"pymalloc"', json.dumps(backend))
        (self.dir / name).write_text(text, encoding="utf-8")
        return name

    def test_lines_fit(self):
        long = "mimalloc:purge=0:arena=1G+jemalloc:narenas=1"
        old = self.put("old.json", self.made)
        new = self.put("new.json", slowed(self.made, "pymalloc", 3))
        for words in ((old,), (old, "--all"), (old, new, "--all"),
                      (self.renamed("long.json", long), "--all")):
            lines = self.compare(*words).splitlines()
            for line in lines:
                self.assertLessEqual(len(line), 80)
                self.assertEqual(line, line.rstrip())
            self.assertEqual(words[0] == "long.json", f"    {long}" in lines)
        heads = {}  # each figure stands under its own head
        for line in self.compare(old, "--metrics", "*_ns_per_op,peak*").splitlines():
            if line.endswith("  ratio"):
                heads[len(line)] = line
            elif line.startswith("    ") and line[4] != " ":
                end = max(heads)
                self.assertRegex(line[:end], r"  [0-9.]+\Z")
        self.assertEqual(len(heads), 1, heads)

    def test_names_are_no_markup(self):
        name = 'a|b_c*d~e<f>`g`[h](i)_j_ "k", l'
        document = self.renamed("odd.json", name)
        page = self.compare(document, "--format", "md")
        self.assertIn(r'a\|b_c\*d\~e\<f>\`g\`\[h\](i)\_j\_ "k", l', page)
        cells = {len(line.replace(r"\|", "").split("|"))
                 for line in page.splitlines() if line.startswith("|")}
        self.assertEqual(len(cells), 1, page)
        table = csv.DictReader(io.StringIO(self.compare(document, "--format", "csv"), newline=""),
                               strict=True)
        self.assertIn(name, {row["backend"] for row in table})

    def test_name_that_is_not_utf_8(self):
        name = os.fsdecode(b"r\xe9sultats.json")
        shutil.copy(self.run_file, self.dir / name)
        document = json.loads(self.compare(name, "--format", "json"))
        self.assertEqual(document["base"]["file"], "r?sultats.json")

    def test_ratios_are_those_of_the_summary(self):
        rows = self.rows(self.run_file)
        compared = 0
        for known in self.made["pyallocbench"]["summary"]:
            if known["n"] > 0 and known["metric"].endswith("_ns_per_op"):
                row = self.row(rows, known["workload"], known["backend"], known["metric"])
                for key in ("ratio", "lo", "hi"):
                    self.assertAlmostEqual(row[key], known[key], delta=1e-9)
                self.assertEqual(row["n_head"], known["n"])
                compared += 1
        self.assertEqual(compared, 9)

    def test_another_baseline_turns_the_ratio_over(self):
        ours = self.row(self.rows(self.run_file), "small_ints", "pymalloc", "cpu_ns_per_op")
        theirs = self.row(self.rows(self.run_file, "--baseline", "pymalloc"), "small_ints",
                          "system", "cpu_ns_per_op")
        self.assertAlmostEqual(ours["ratio"] * theirs["ratio"], 1)
        self.assertAlmostEqual(ours["p"], theirs["p"])

    def test_old_and_new(self):
        old = self.put("old.json", self.made)
        new = self.put("new.json", slowed(self.made, "pymalloc", 3))
        rows = self.rows(old, new)
        self.assertEqual(self.row(rows, "small_ints", "pymalloc", "cpu_ns_per_op")["verdict"],
                         "slower")
        same = self.row(rows, "small_ints", "system", "cpu_ns_per_op")
        self.assertIn(same["verdict"], ("equivalent", "cannot tell"))
        self.assertFalse(same["paired"])
        back = self.rows(new, old)
        self.assertEqual(self.row(back, "small_ints", "pymalloc", "cpu_ns_per_op")["verdict"],
                         "faster")
        self.assertIn("**slower**", self.compare(old, new, "--format", "md"))

    def test_same_file_twice(self):
        rows = self.rows(self.run_file, self.run_file)
        self.assertLessEqual({row["verdict"] for row in rows},
                             {"equivalent", "equal", "not judged"})
        self.assertIn("the same run", self.compare(self.run_file, self.run_file))

    def test_failed_control_stands_beside_every_time(self):
        document = copy.deepcopy(self.made)
        control = document["pyallocbench"]["control"]
        self.assertGreater(len(control), 0)
        for sample in control:
            sample["reps_cpu_ns"] = [value * 4 for value in sample["reps_cpu_ns"]]
        name = self.put("bad.json", document)
        rows = self.rows(name)
        for row in rows:
            self.assertEqual(row["advisory"], row["family"] == "time", row)
        self.assertIn("A/A control failed", self.compare(name))
        self.assertIn("(advisory)", self.compare(name))
        self.assertIn("A/A control failed", self.compare(name, "--format", "md"))
        self.assertNotIn("(advisory)", self.compare(self.run_file))

    # --- for other programs -------------------------------------------------------------------

    def test_csv(self):
        text = self.compare(self.run_file, "--format", "csv")
        table = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        self.assertEqual(set(table[0]), {*TEXTS, *COUNTS, *REALS, *TRUTHS})
        for row in table:
            self.assertNotIn(None, row)
            self.assertIn(row["verdict"], WORDS)
            self.assertIn(row["family"], FAMILIES)
            for key in COUNTS:
                self.assertGreaterEqual(int(row[key]), 0)
            for key in REALS:
                self.assertTrue(row[key] == "" or abs(float(row[key])) < 1e15, row)
            for key in TRUTHS:
                self.assertIn(row[key], ("true", "false"))
        for row, same in zip(table, self.rows(self.run_file), strict=True):
            self.assertEqual(row["workload"], same["workload"] or "")
            self.assertEqual(row["why"], same["why"])
            for key in REALS:
                if same[key] is None:
                    self.assertEqual(row[key], "")
                else:
                    self.assertAlmostEqual(float(row[key]) / (same[key] or 1),
                                           1 if same[key] else 0)

    def test_json(self):
        told = json.loads(self.compare(self.run_file, "--format", "json"))
        self.assertEqual(told["schema"], "pyallocbench-compare/1")
        self.assertEqual(told["baseline"], "system")
        self.assertIs(told["forced"], False)
        self.assertEqual(told["head"]["run_id"], self.made["pyallocbench"]["run_id"])
        self.assertEqual(told["rules"]["floor"]["time"], 0.03)
        for row in told["rows"]:
            self.assertEqual(set(row), {*TEXTS, *COUNTS, *REALS, "paired", "advisory",
                                        "oversubscribed"})

    def test_pyperf(self):
        """What pyperf 2's loader demands of version 1.0."""
        suite = json.loads(self.compare(self.run_file, "--format", "pyperf"))
        self.assertEqual(suite["version"], "1.0")
        metadata = suite["metadata"]
        self.assertEqual(metadata["unit"], "second")
        self.assertRegex(metadata["date"], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
        for value in metadata.values():
            self.assertIsInstance(value, (str, int, float))
            self.assertTrue(str(value).strip() and "\n" not in str(value))
        names = [bench["metadata"]["name"] for bench in suite["benchmarks"]]
        self.assertEqual(names, ["small_ints/system", "small_ints/pymalloc", "small_ints/null"])
        for bench, backend in zip(suite["benchmarks"], ("system", "pymalloc", "null"),
                                  strict=True):
            values = [value for run in bench["runs"] for value in run["values"]]
            self.assertEqual(len(values), 10)
            self.assertTrue(all(isinstance(value, float) and 0 < value < 1e-3
                                for value in values))
            known = next(row for row in self.made["pyallocbench"]["summary"]
                         if row["backend"] == backend and row["metric"] == "cpu_ns_per_op")
            middle = sorted(values)[4:6]
            self.assertAlmostEqual(sum(middle) / 2 * 1e9, known["median"])

    def test_fields_that_ci_actions_read(self):
        """The google-benchmark reader of the usual GitHub action takes these of each row."""
        self.assertGreater(len(self.made["benchmarks"]), 0)
        self.assertIsInstance(self.made["context"]["date"], str)
        for row in self.made["benchmarks"]:
            self.assertIsInstance(row["name"], str)
            self.assertIsInstance(row["iterations"], int)
            self.assertIsInstance(row["threads"], int)
            self.assertEqual(row["time_unit"], "ns")
            for key in ("real_time", "cpu_time"):
                self.assertIsInstance(row[key], (int, float))
                self.assertGreater(row[key], 0)

    def merged(self):
        """The run, and the same as from a machine that takes twice as long, in one document."""
        other = slowed(self.made, "nobody", 1)
        other["context"]["host_name"] += "-2"
        other["pyallocbench"]["control"] = copy.deepcopy(self.made["pyallocbench"]["control"])
        for array in ("samples", "control"):
            for sample in other["pyallocbench"][array]:
                for key in ("reps_cpu_ns", "reps_wall_ns"):
                    sample[key] = [2 * value for value in sample[key]]
        self.put("one.json", self.made)
        self.put("two.json", other)
        self.expect_exit(self.tool("merge", "one.json", "two.json", "-o", "both.json"), GOOD)
        return "both.json"

    def test_merged(self):
        name = self.merged()
        ours = self.row(self.rows(name), "small_ints", "pymalloc", "cpu_ns_per_op")
        alone = self.row(self.rows("one.json"), "small_ints", "pymalloc", "cpu_ns_per_op")
        self.assertAlmostEqual(ours["ratio"], alone["ratio"])  # twice as long, both of them
        self.assertEqual(ours["n_head"], 2 * alone["n_head"])
        self.assertIsNone(ours["base"])
        self.refuse(USAGE, name, "--format", "pyperf", says=["2 hosts"])
        self.refuse(NOT_COMPARABLE, "one.json", name, says=["hosts 1 against 2"])
        rows = self.document(name)["benchmarks"]
        self.assertEqual(len(rows), 2 * len(self.made["benchmarks"]))
        self.assertEqual(len({row["name"] for row in rows}), 6)

    def test_noise_is_of_its_machine(self):
        self.made = copy.deepcopy(self.made)  # this test's own
        self.made["pyallocbench"]["noise"]["warnings"] = ["busy (load 7.5): wait"]
        name = self.merged()
        notes = json.loads(self.compare(name, "--format", "json"))["notes"]
        own = self.made["context"]["host_name"]
        self.assertEqual([note for note in notes if "busy" in note], [
            f"host 0 ({own}): busy (load 7.5): wait", f"host 1 ({own}-2): busy (load 7.5): wait"])
        third = slowed(self.made, "nobody", 1)  # the first machine once more
        for array in ("samples", "control", "timelines"):
            for row in third["pyallocbench"][array]:
                row["round"] += 100
        third["pyallocbench"]["run_id"] = "third"
        third["pyallocbench"]["noise"]["warnings"] = ["busy (load 9.5): wait", "hot"]
        self.expect_exit(self.tool("merge", name, self.put("three.json", third),
                                   "-o", "all.json"), GOOD)
        notes = json.loads(self.compare("all.json", "--format", "json"))["notes"]
        self.assertEqual([note for note in notes if "busy" in note or "hot" in note], [
            f"host 0 ({own}): busy (load 7.5): wait (in 2 of 2 parts)",
            f"host 0 ({own}): hot (in 1 of 2 parts)", f"host 1 ({own}-2): busy (load 7.5): wait"])

    def test_pass_that_one_side_has_not(self):
        def without(name, kind):
            document = slowed(self.made, "nobody", 1)
            run = document["pyallocbench"]
            run["run_id"] = name
            run["shard"] = {"index": 2, "count": 3}
            run["samples"] = [row for row in run["samples"] if row["pass"] != kind]
            return self.put(name, document)
        old, new = self.put("old.json", self.made), without("new.json", "memory")
        rows = self.rows(old, new)
        gone = [row for row in rows if row["verdict"] == "gone"]
        self.assertGreater(len(gone), 10)
        self.assertEqual({row["why"] for row in gone}, {"no memory pass in head"})
        for words in ((old, new), (old, new, "--all")):
            table = self.compare(*words)
            self.assertIn(f"note: no memory pass in new.json: {len(gone)} figures have nothing "
                          "beside them; it is shard 2 of 3: `pyallocbench merge` joins them",
                          unwrapped(table))
            self.assertEqual(table.count("memory pass"), 1)
            self.assertNotIn("gone", table)
        self.assertIn("no memory pass in new.json", unwrapped(self.compare(new, old)))
        self.assertIn("gone", self.compare(old, new, "--metrics", "peak*"))
        self.refuse(NOT_COMPARABLE, new, without("rest.json", "time"), says=["of other passes"])
        failed = copy.deepcopy(self.made)  # a pass that failed was run
        failed["pyallocbench"]["run_id"] = "failed"
        failed["pyallocbench"]["samples"] = [
            row for row in failed["pyallocbench"]["samples"] if row["pass"] != "memory"]
        failed["pyallocbench"]["failures"] = [{
            "workload": "small_ints", "backend": "system", "pass": "memory", "round": 0,
            "kind": "crashed", "message": "signal 11"}]
        table = self.compare(old, self.put("failed.json", failed))
        self.assertIn("failed", table)
        self.assertNotIn("memory pass", table)

    def test_google_benchmarks_own_tool_reads_merged_documents(self):
        names = sorted({row["name"] for row in self.document(self.merged())["benchmarks"]})
        system = [name for name in names if "/backend:system" in name]
        self.assertEqual(len(system), 2)
        done = subprocess.run(
            [sys.executable, "/usr/share/benchmark/compare.py", "filters", self.dir / "both.json",
             system[0], system[1]], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, GOOD, done.stderr)
        self.assertIn("+1.0", done.stdout)  # the second machine takes twice as long

    # --- files --------------------------------------------------------------------------------

    def test_output_file(self):
        for form, begin in (("table", "pyallocbench compare"), ("md", "<!-- pyallocbench"),
                            ("csv", "workload,"), ("json", "{"), ("pyperf", "{")):
            with self.subTest(form=form):
                for _ in range(2):  # its own file may be written over
                    done = self.tool("compare", self.run_file, "--format", form, "-o", "out")
                    self.expect_exit(done, GOOD)
                self.assertEqual(done.stdout, "")
                text = (self.dir / "out").read_text(encoding="utf-8")
                self.assertTrue(text.startswith(begin))
                self.assertEqual(len(list(self.dir.iterdir())), 1)
                (self.dir / "out").unlink()

    def test_no_results_are_written_over(self):
        name = self.put("run.json", self.made)
        before = (self.dir / name).read_bytes()
        for form in ("table", "json", "pyperf"):
            done = self.tool("compare", name, "--format", form, "-o", name)
            self.expect_one_line(done, USAGE, name, "none of ours")
        self.assertEqual((self.dir / name).read_bytes(), before)

    def test_colour_is_for_terminals(self):
        def told(**environment):
            leader, follower = pty.openpty()
            try:
                subprocess.run([TOOL, "compare", self.put("new.json", self.made),
                                "--baseline", "null"], stdout=follower, check=True,
                               timeout=HANG_SECONDS,
                               cwd=self.dir, env={**os.environ, "TERM": "xterm", **environment})
                os.set_blocking(leader, False)
                return os.read(leader, 1 << 16).decode()
            finally:
                os.close(leader)
                os.close(follower)
        self.assertIn("\033[3", told(NO_COLOR=""))
        self.assertNotIn("\033", told(NO_COLOR="1"))
        self.assertNotIn("\033", told(NO_COLOR="", TERM="dumb"))

    # --- what is refused ----------------------------------------------------------------------

    def refuse(self, code, *words, says):
        self.expect_one_line(self.tool("compare", *words), code, *says)

    def test_usage(self):
        run = self.put("run.json", self.made)
        self.refuse(USAGE, says=["FILE"])
        self.refuse(USAGE, run, run, run, says=["two FILEs"])
        self.refuse(USAGE, run, run, "--baseline", "system", says=["--baseline"])
        self.refuse(USAGE, run, "--baseline", "sytem", says=["sytem", "system, pymalloc"])
        self.refuse(USAGE, run, "--format", "jsn", says=["jsn", "json"])
        self.refuse(USAGE, run, "--metrics", "nothing*", says=["nothing*", "--all"])
        self.refuse(USAGE, run, "--alpha", "2", says=["--alpha 2"])
        self.refuse(USAGE, run, "--floor", "-1", says=["--floor -1"])
        self.refuse(USAGE, run, run, "--format", "pyperf", says=["one FILE"])

    def test_files_that_cannot_be_compared(self):
        run = self.put("run.json", self.made)
        text = (self.dir / run).read_text(encoding="utf-8")
        (self.dir / "cut.json").write_text(text[:len(text) // 2], encoding="utf-8")
        self.refuse(IO_ERROR, "nowhere.json", says=["nowhere.json"])
        self.refuse(USAGE, "cut.json", says=["cut.json"])
        self.refuse(USAGE, run, "cut.json", says=["cut.json"])
        checks = ROOT / "tests/golden/checks.json"
        self.refuse(USAGE, checks, says=["no measurements"])
        newer = copy.deepcopy(self.made)
        newer["pyallocbench"]["schema"] = "pyallocbench-results/2"
        self.refuse(NOT_COMPARABLE, self.put("newer.json", newer), says=["newer.json"])

    def test_unlike_machines(self):
        old = self.put("old.json", self.made)
        document = slowed(self.made, "system", 1)
        document["pyallocbench"]["provenance"]["cpu_model"] = "Another"
        document["pyallocbench"]["provenance"]["cflags"] = "-O0"
        new = self.put("new.json", document)
        self.refuse(NOT_COMPARABLE, old, new,
                    says=["cpu_model", "Another", "cflags", "--force"])
        for form in ("table", "md"):
            self.assertIn("orced", self.compare(old, new, "--force", "--format", form))
        told = json.loads(self.compare(old, new, "--force", "--format", "json"))
        self.assertIs(told["forced"], True)
        self.assertIn("cpu_model", " ".join(told["notes"]))
        table = csv.DictReader(io.StringIO(self.compare(old, new, "--force", "--format", "csv")))
        self.assertEqual({row["forced"] for row in table}, {"true"})

    def test_nothing_in_common(self):
        old = self.put("old.json", self.made)
        document = slowed(self.made, "system", 1)
        text = json.dumps(document).replace("small_ints", "other_ints")
        (self.dir / "new.json").write_text(text, encoding="utf-8")
        self.refuse(NOT_COMPARABLE, old, "new.json",
                    says=["no cell in common", "small_ints", "other_ints"])
        alone = copy.deepcopy(self.made)
        run = alone["pyallocbench"]
        run["backends"] = run["backends"][:1]
        for array in ("samples", "control", "timelines", "failures", "summary", "suite"):
            run[array] = [row for row in run[array] if row["backend"] == "system"]
        self.refuse(NOT_COMPARABLE, self.put("alone.json", alone), says=["holds system alone"])


if __name__ == "__main__":
    unittest.main()
