"""Rounds of one experiment spread over several runs: who runs what, and that nothing is lost."""

import pathlib
import re
import shutil
import signal
import subprocess
import unittest

import yaml

from journal import ENDLESS, QUICK, cut_short, wait_for_samples
from support import GOOD, HANG_SECONDS, ROOT, TOOL, USAGE, CliTest

RUN = (*QUICK, "-b", "system,null", "-q")
TIME = (*RUN, "--passes", "time")
RECIPES = ROOT / "harness" / "shards"


def cells(document):
    """{what: where it stood}: two runs of one plan agree in both. Pads are part of the order."""
    run = document["pyallocbench"]
    rows = [(row, False) for row in run["samples"]] + [(row, True) for row in run["control"]]
    found = {(row["workload"], row["backend"], row["pass"], row["round"], is_control):
             (row["position"], row["env_bytes"]) for row, is_control in rows}
    assert len(found) == len(rows), "a cell stands there twice"
    return found


class ShardTest(CliTest):
    def run_to(self, name, *words):
        done = self.tool(*words, "-o", name)
        self.expect_exit(done, GOOD)
        return self.document(name), done

    def expect_union(self, whole, parts):
        together = {}
        for part in parts:
            self.assertEqual(set(together) & set(part), set())
            together |= part
        self.assertEqual(together, whole)

    def test_one_of_one_is_the_whole(self):
        whole, _ = self.run_to("whole.json", *RUN, "--rounds", "2")
        lone, _ = self.run_to("lone.json", *RUN, "--rounds", "2", "--shard", "1/1")
        self.assertEqual(cells(lone), cells(whole))
        self.assertIsNone(whole["pyallocbench"]["shard"])
        self.assertEqual(lone["pyallocbench"]["shard"], {"index": 1, "count": 1})

    def test_union_is_the_whole_in_the_same_order(self):
        whole, _ = self.run_to("whole.json", *RUN, "--rounds", "5")
        parts = []
        for index in (1, 2, 3):
            part, done = self.run_to(f"{index}.json", *RUN, "--rounds", "5", "--shard",
                                     f"{index}/3")
            run = part["pyallocbench"]
            self.assertEqual(run["shard"], {"index": index, "count": 3})
            self.assertEqual((run["rounds"], run["complete"]), (5, True))
            self.assertEqual({sample["round"] % 3 for sample in run["samples"]}, {index - 1})
            self.assertNotIn("rounds only", done.stdout)
            parts.append(cells(part))
        self.expect_union(cells(whole), parts)

    def test_as_many_as_rounds(self):
        last, _ = self.run_to("last.json", *TIME, "--rounds", "3", "--shard", "3/3")
        self.assertEqual({cell[3] for cell in cells(last)}, {2})

    def test_more_than_rounds(self):
        done = self.tool(*TIME, "--rounds", "3", "--shard", "4/4")
        self.expect_one_line(done, USAGE, "--shard 4/4", "are only 3 rounds")
        self.assertEqual(list(self.dir.iterdir()), [])

    def test_words_that_are_no_shard(self):
        for word in ("0/3", "4/3", "1/0", "x", "", "1", "1/", "/2", "1/2/3", "-1/2", "+1/2",
                     "1 /2", "1/2 ", "1.5/2", "1/99999999999999999999", "99999999999999999999/2"):
            with self.subTest(word=word):
                self.expect_one_line(self.tool(*TIME, "--shard", word), USAGE, "--shard")

    def test_part_without_a_round_of_memory(self):
        done = self.tool(*RUN, "--rounds", "2", "--passes", "memory", "--shard", "2/2", "-o",
                         "none.json")
        self.expect_one_line(done, USAGE, "--shard 2/2", "is only 1 round ")

    def test_resumed(self):
        words = (*TIME, *ENDLESS, "--shard", "2/3")
        process = self.start(*words, "-o", "out.json")
        wait_for_samples(self.dir / "out.json.partial", 4, process)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(HANG_SECONDS), 130)
        before = cells(self.document())
        self.expect_one_line(self.tool("run", "--resume", "out.json", "--shard", "2/3"), USAGE,
                             "--resume")
        cut_short(self.dir / "out.json.partial", 6)
        self.expect_exit(self.tool("run", "--resume", "out.json", "-q"), GOOD)
        after = cells(self.document())
        rounds = self.document()["pyallocbench"]["rounds"]
        self.assertEqual({cell[3] for cell in after}, set(range(1, rounds, 3)))
        self.assertEqual({cell: after[cell] for cell in before}, before)
        self.assertLess(len(before), len(after))
        started = [sample["started_ms"] for sample in self.document()["pyallocbench"]["samples"]]
        self.assertEqual(started, sorted(started), "the clock of the run began anew")

    def test_budget(self):
        part, _ = self.run_to("out.json", *TIME, "--budget", "2s", "--shard", "2/4")
        rounds = sorted({cell[3] for cell in cells(part)})
        self.assertGreater(len(rounds), 0)
        self.assertEqual(rounds, list(range(1, rounds[-1] + 1, 4)))

    def test_budget_makes_no_cell_twice(self):
        whole, _ = self.run_to("whole.json", *RUN, "--budget", "1s")
        made = [cell for cell in cells(whole) if cell[2] == "memory"]
        self.assertEqual(len(made), 2, "one round of memory on two backends")

    def test_budget_keeps_room_for_the_part_s_other_passes(self):
        """They go first, also where the whole's first round of them is another part's."""
        part, _ = self.run_to("out.json", "run", "-b", "null", "-w", "small_ints", "-q", "-p",
                              "small_ints.live=2000", "-p", "small_ints.steps=9000", "--passes",
                              "time,latency", "--budget", "1s", "--shard", "2/2")
        samples = part["pyallocbench"]["samples"]
        self.assertEqual([sample["round"] for sample in samples if sample["pass"] == "latency"],
                         [1])
        self.assertEqual(samples[0]["pass"], "latency")
        self.assertGreater(len(samples), 1)


class RecipeTest(CliTest):
    """The commands of harness/shards/README.md, as they stand there."""

    def blocks(self):
        page = (RECIPES / "README.md").read_text(encoding="utf-8")
        return re.findall(r"```bash\n(.*?)```", page, re.DOTALL)

    def test_workflow(self):
        """A matrix of as many parts as they are told they are; no more than reading is granted."""
        workflow = yaml.safe_load((RECIPES / "github-matrix.yml").read_text(encoding="utf-8"))
        self.assertEqual(workflow["permissions"], {"contents": "read"})
        shards = workflow["jobs"]["part"]["strategy"]["matrix"]["shard"]
        self.assertEqual(shards, list(range(1, workflow["env"]["SHARDS"] + 1)))
        for job in workflow["jobs"].values():
            for step in job["steps"]:
                self.assertEqual(len({"run", "uses"} & set(step)), 1, step)

    def test_every_recipe_is_a_script(self):
        scripts = self.blocks() + [path.read_text(encoding="utf-8")
                                   for path in sorted(RECIPES.glob("*.sh"))]
        self.assertGreater(len(scripts), 2)
        for script in scripts:
            done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True,
                                  check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), script)

    @unittest.skipUnless(shutil.which("parallel"), "GNU parallel is not installed")
    def test_parallel(self):
        command = next(block for block in self.blocks() if "parallel" in block)
        (self.dir / "build").mkdir()
        (self.dir / "build" / "pyallocbench").symlink_to(pathlib.Path(TOOL).resolve())
        command = command.replace("--preset default", " ".join((*RUN[1:], "--rounds", "5")))
        done = subprocess.run(["bash", "-euc", command], cwd=self.dir, text=True,
                              capture_output=True, check=False, timeout=HANG_SECONDS)
        self.assertEqual(done.returncode, GOOD, done.stdout + done.stderr)
        whole, _ = ShardTest.run_to(self, "whole.json", *RUN, "--rounds", "5")
        parts = [cells(self.document(path)) for path in sorted(self.dir.glob("part-*.json"))]
        self.assertEqual(len(parts), 4)
        ShardTest.expect_union(self, cells(whole), parts)
        self.assertEqual(cells(self.document("whole-run.json")), cells(whole))

    def test_slurm_script_runs_its_part(self):
        """As the scheduler would, with a scheduler's variables."""
        (self.dir / "build").mkdir()
        (self.dir / "build" / "pyallocbench").symlink_to(pathlib.Path(TOOL).resolve())
        for index in (1, 2):
            done = subprocess.run(
                ["bash", RECIPES / "slurm-array.sh", *RUN[1:], "--rounds", "2", "--passes", "time"],
                cwd=self.dir, text=True, capture_output=True, check=False, timeout=HANG_SECONDS,
                env={"PATH": "/usr/bin:/bin", "SLURM_ARRAY_TASK_ID": str(index),
                     "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_ARRAY_JOB_ID": "77"})
            self.assertEqual(done.returncode, GOOD, done.stderr)
        parts = [self.document(f"part-77-{index}.json") for index in (1, 2)]
        self.assertEqual([part["pyallocbench"]["shard"]["index"] for part in parts], [1, 2])


if __name__ == "__main__":
    unittest.main()
