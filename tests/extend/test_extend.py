"""One more backend is one file and one line, and so is one more workload.

Each is added to a copy of the tree in just that way. `harness/bench` then builds the copy, as its
author would, and the newcomers must be listed, run, recorded and drawn like the others, though no
other file knows of them. Only the optimizer is off: it is no part of this, and most of the time.
"""

import filecmp
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LEFT_OUT = shutil.ignore_patterns(".git", "build", "build-*", "latest*", "__pycache__")


def files_of(tree):
    return {path.relative_to(tree) for path in tree.rglob("*") if path.is_file()}


def changed_files(before, after):
    """Files that only one tree has, or that differ."""
    both = files_of(before) & files_of(after)
    alone = files_of(before) ^ files_of(after)
    return alone | {path for path in both
                    if not filecmp.cmp(before / path, after / path, shallow=False)}


def add_line(path, like, line):
    """Puts `line` behind the last line that starts with `like`."""
    lines = path.read_text(encoding="utf-8").splitlines()
    last = max(number for number, text in enumerate(lines) if text.startswith(like))
    lines.insert(last + 1, line)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


class ExtendTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="pab-extend-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.trees = [cls.dir / name for name in ("as-it-is", "backend", "both")]
        for tree in cls.trees:
            shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
        for tree in cls.trees[1:]:
            shutil.copy(HERE / "arcade.c", tree / "allocators/arcade.c")
            add_line(tree / "allocators/CMakeLists.txt", "pab_add_backend",
                     "pab_add_backend(arcade)")
        shutil.copy(HERE / "ladder.c", cls.trees[2] / "workloads/ladder.c")
        add_line(cls.trees[2] / "workloads/CMakeLists.txt", "pab_add_workload",
                 "pab_add_workload(ladder)")
        cls.changes = [changed_files(*pair) for pair in itertools.pairwise(cls.trees)]
        subprocess.run(["cmake", "-S", cls.trees[2], "--preset", "release", "-D", "PAB_LTO=OFF",
                        "-D", "CMAKE_C_FLAGS_RELWITHDEBINFO=-O0",
                        "-D", "CMAKE_CXX_FLAGS_RELWITHDEBINFO=-O0"],
                       check=True, stdout=subprocess.DEVNULL)
        cls.elsewhere = cls.dir / "elsewhere"
        cls.elsewhere.mkdir()
        cls.done = cls.bench("--preset", "smoke", "-b", "arcade,pymalloc,pymalloc:pool=4K", "-w",
                             "ladder,small_ints", "-p", "ladder.steps=100", "-o", "out.json")
        if cls.done.returncode != 0:
            raise AssertionError(cls.done.stdout[-2000:] + cls.done.stderr[-4000:])
        cls.tool = cls.trees[2] / "build/pyallocbench"

    @classmethod
    def bench(cls, *words):
        """harness/bench from another directory, with a python3 in PATH that is good for nothing."""
        useless = cls.dir / "bin/python3"
        useless.parent.mkdir(exist_ok=True)
        useless.write_text("#!/bin/sh\necho wrong python >&2\nexit 1\n", encoding="utf-8")
        useless.chmod(0o755)
        return subprocess.run(
            ["bash", cls.trees[2] / "harness/bench", "--no-install", *words], cwd=cls.elsewhere,
            env={**os.environ, "PATH": f"{useless.parent}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def output(self, *words):
        done = subprocess.run([self.tool, *words], capture_output=True, text=True, check=False,
                              cwd=self.dir)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_two_files_each(self):
        self.assertEqual(self.changes, [
            {pathlib.Path("allocators/arcade.c"), pathlib.Path("allocators/CMakeLists.txt")},
            {pathlib.Path("workloads/ladder.c"), pathlib.Path("workloads/CMakeLists.txt")}])

    def test_they_are_listed(self):
        for kind, name in (("backends", "arcade"), ("workloads", "ladder")):
            entries = json.loads(self.output("list", kind, "--json"))[kind]
            self.assertIn(name, {entry["name"] for entry in entries})
            self.assertIn(name, self.output("list", kind))

    def test_they_are_run_and_recorded(self):
        document = json.loads((self.elsewhere / "out.json").read_text(encoding="utf-8"))
        run = document["pyallocbench"]
        self.assertTrue(run["complete"])
        self.assertEqual(run["failures"], [])
        cells = {(sample["workload"], sample["backend"]) for sample in run["samples"]
                 if sample["exit"] == 0 and sample["signal"] == 0}
        for backend in ("arcade", "pymalloc", "pymalloc:pool=4K"):
            self.assertIn(("ladder", backend), cells)
        self.assertIn("ladder/backend:arcade", {row["name"] for row in document["benchmarks"]})

    def test_bench_draws_and_says_where(self):
        self.assertNotEqual(list((self.elsewhere / "out").glob("*.png")), [])
        self.assertIn("out.json", self.done.stdout)
        self.assertIn(str(self.tool), self.done.stdout)

    def test_bench_passes_mistakes_through(self):
        done = self.bench("-b", "arcad")
        self.assertEqual(done.returncode, 2)
        self.assertIn("arcade", done.stderr)

    def test_bench_shows_why_a_build_fails(self):
        source = self.trees[2] / "workloads/ladder.c"
        good = source.read_text(encoding="utf-8")
        self.addCleanup(source.write_text, good, encoding="utf-8")
        source.write_text(good + "#error planted\n", encoding="utf-8")
        done = self.bench("--preset", "smoke")
        self.assertEqual(done.returncode, 1)
        self.assertIn("planted", done.stderr)


if __name__ == "__main__":
    unittest.main()
