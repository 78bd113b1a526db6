"""Smoke runs of every backend: is a document what results/README.md promises?"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from support import (CliTest, GOOD, HANG_SECONDS, ROOT, TOOL, good_cells, planned_cells,
                     samples_of, schema_faults)

LIBRARIES = ("system", "jemalloc", "tcmalloc", "mimalloc")
BACKENDS = (*LIBRARIES, "pymalloc", "pymalloc+jemalloc", "libpython", "cpython", "null")
COMPARE = pathlib.Path("/usr/share/benchmark/compare.py")
# One of each kind: of one thread, with classes, two clocks, left out on some backends, recorded.
SOME = "small_ints,cyclic_graphs,threads_gil,threads_larson,trace:command_lines"
# Making a class asks for memory on CPython.
WITH_CLASSES = ("attributes", "cyclic_graphs", "full_collection", "nesting", "server", "weak_caches")


class SmokeTest(unittest.TestCase):
    """One run of every backend serves all tests of a class."""

    words = ()

    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="pab-document-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.file = cls.dir / "out.json"
        cls.done = subprocess.run(
            [TOOL, "run", "--preset", "smoke", "-b", ",".join(BACKENDS), *cls.words,
             "-o", cls.file], capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
        if cls.done.returncode != GOOD:
            raise AssertionError(f"run failed: {cls.done.returncode}\n{cls.done.stderr}")
        cls.document = json.loads(cls.file.read_text(encoding="utf-8"))
        cls.run_ = cls.document["pyallocbench"]

    def expect_every_cell(self):
        for backend in BACKENDS:
            with self.subTest(backend=backend):
                self.assertEqual(good_cells(self.document, backend),
                                 planned_cells(self.document, backend))
        self.assertEqual(self.run_["failures"], [])

    def expect_one_checksum(self, kind, key):
        for workload in self.run_["workloads"]:
            with self.subTest(workload=workload["id"], kind=kind):
                found = {sample["checksum"] for backend in BACKENDS
                         for sample in samples_of(self.document, backend, kind)
                         if sample["workload"] == workload["id"]}
                self.assertEqual(found, {workload[key]})


class AllWorkloadsTest(SmokeTest):
    words = ("-w", "*", "--passes", "memory", "-q")

    def test_every_cell_is_there(self):
        listed = subprocess.run([TOOL, "list", "workloads", "--json"], capture_output=True,
                                text=True, check=True).stdout
        names = {entry["name"] for entry in json.loads(listed)["workloads"]}
        self.assertEqual({workload["id"] for workload in self.run_["workloads"]}, names)
        self.expect_every_cell()

    def test_only_threads_are_left_out(self):
        for workload in self.run_["workloads"]:
            with self.subTest(workload=workload["id"]):
                out = {row["backend"] for row in workload["left_out"]}
                self.assertEqual("cpython" in out, workload["id"].startswith("threads_"))
                self.assertFalse(out & set(LIBRARIES))
                if workload["threads"] == 1:
                    self.assertEqual(out, set())

    def test_checksums_are_equal_on_every_backend(self):
        self.expect_one_checksum("memory", "memory_checksum")

    def test_requests_are_the_same_on_every_backend(self):
        """On CPython, too, but for what its classes ask for."""
        for workload in self.run_["workloads"]:
            has_classes = workload["id"] in WITH_CLASSES
            backends = [name for name in BACKENDS if not (has_classes and name == "cpython")]
            with self.subTest(workload=workload["id"]):
                found = {sample["mem"]["request_hash"] for backend in backends
                         for sample in samples_of(self.document, backend, "memory")
                         if sample["workload"] == workload["id"]}
                self.assertEqual(found, {workload["demand"]["request_hash"]})


class DocumentTest(SmokeTest):
    words = ("-w", SOME)

    def test_nothing_is_left_beside_it(self):
        self.assertEqual([path.name for path in self.dir.iterdir()], ["out.json"])

    def test_schema(self):
        self.assertEqual(schema_faults(self.document), [])
        self.assertTrue(self.run_["complete"])

    def test_strict_json(self):
        def refuse(word):
            raise AssertionError(f"{word} is no JSON")
        json.loads(self.file.read_text(encoding="utf-8"), parse_constant=refuse)

    def test_every_cell_is_there(self):
        self.expect_every_cell()

    def test_every_round_is_in_an_order_of_its_own(self):
        orders = {}
        for sample in self.run_["samples"]:
            if sample["pass"] == "time":
                orders.setdefault(sample["round"], []).append(
                    (sample["position"], sample["workload"], sample["backend"]))
        for order in orders.values():
            positions = [position for position, _, _ in order]
            self.assertEqual(len(positions), len(set(positions)))
        if len(orders) > 1:
            distinct = {tuple(cell[1:] for cell in sorted(order)) for order in orders.values()}
            self.assertGreater(len(distinct), 1)

    def test_four_libraries_are_four_files(self):
        inodes = {entry["id"]: entry["identity"]["inode"] for entry in self.run_["backends"]
                  if entry["id"] in LIBRARIES}
        self.assertEqual(set(inodes), set(LIBRARIES))
        self.assertEqual(len(set(inodes.values())), len(LIBRARIES), inodes)
        for entry in self.run_["backends"]:
            if entry["id"] in inodes:
                identity = entry["identity"]
                self.assertEqual(pathlib.Path(identity["path"]).stat().st_ino, identity["inode"])

    def test_the_heap_below_is_proven_too(self):
        entries = {entry["id"]: entry for entry in self.run_["backends"]}
        below = entries["pymalloc+jemalloc"]["raw"]
        self.assertEqual(below["name"], "jemalloc")
        self.assertEqual(below["inode"], entries["jemalloc"]["identity"]["inode"])

    def test_versions_are_those_of_the_packages(self):
        packages = {"jemalloc": "libjemalloc2", "tcmalloc": "libtcmalloc-minimal4",
                    "mimalloc": "libmimalloc2.0"}
        for entry in self.run_["backends"]:
            if entry["id"] not in packages:
                continue
            with self.subTest(backend=entry["id"]):
                installed = subprocess.run(
                    ["dpkg-query", "-W", "-f", "${Version}", packages[entry["id"]]],
                    capture_output=True, text=True, check=True).stdout
                upstream = re.match(r"(\d+:)?(\d+\.\d+)", installed).group(2)
                self.assertIn(upstream, entry["identity"]["version"])

    def test_floor_is_never_ranked(self):
        entries = {entry["id"]: entry for entry in self.run_["backends"]}
        self.assertFalse(entries["null"]["ranked"])
        self.assertTrue(entries["pymalloc"]["ranked"])

    def test_checksums_are_equal_on_every_backend(self):
        self.expect_one_checksum("time", "checksum")
        self.expect_one_checksum("memory", "memory_checksum")

    def test_rows_are_the_good_time_samples(self):
        rows = [(row["name"], row["repetition_index"]) for row in self.document["benchmarks"]]
        threads = {workload["id"]: f"/real_time/threads:{workload['threads']}"
                   for workload in self.run_["workloads"] if workload["clock"] == "wall"}
        cells = [(f"{sample['workload']}/backend:{sample['backend']}"
                  + threads.get(sample["workload"], ""), sample["round"])
                 for sample in self.run_["samples"] if sample["pass"] == "time"]
        self.assertGreater(len(threads), 0)
        self.assertEqual(sorted(rows), sorted(cells))

    def test_rates_are_of_the_time_that_speaks(self):
        ops = {workload["id"]: workload["ops"] for workload in self.run_["workloads"]}
        threads = {workload["id"]: workload["threads"] for workload in self.run_["workloads"]}
        walls = 0
        for row in self.document["benchmarks"]:
            workload, rest = row["name"].split("/backend:")
            wall = rest.partition("/")[2].startswith("real_time")
            self.assertEqual(row["threads"], threads[workload])
            self.assertAlmostEqual(row["items_per_second"] * row["real_time" if wall else "cpu_time"]
                                   / 1e9 / ops[workload], 1)
            walls += wall
        self.assertGreater(walls, 0)

    def test_summary_follows_from_the_samples(self):
        done = subprocess.run([sys.executable, ROOT / "plots/recompute.py", self.file],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, GOOD, done.stderr)

    def test_a_changed_summary_is_noticed(self):
        changed = json.loads(self.file.read_text(encoding="utf-8"))
        row = next(row for row in changed["pyallocbench"]["summary"] if row["n"] > 0)
        row["median"] = row["median"] * 1.01 + 1
        copy = self.dir.parent / f"{self.dir.name}-changed.json"
        self.addCleanup(copy.unlink)
        copy.write_text(json.dumps(changed), encoding="utf-8")
        done = subprocess.run([sys.executable, ROOT / "plots/recompute.py", copy],
                              capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, GOOD)

    def test_google_benchmarks_own_tool_reads_it(self):
        done = subprocess.run(
            [sys.executable, COMPARE, "filters", self.file, "small_ints/backend:system",
             "small_ints/backend:mimalloc"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, GOOD, done.stderr)
        self.assertRegex(done.stdout, r"small_ints.*system.*mimalloc|\[small_ints.*\]")


class PathTest(CliTest):
    def test_library_of_a_relative_folder(self):
        words = ("run", "-q", "--preset", "smoke", "--passes", "memory", "-w", "small_ints",
                 "-b", "jemalloc", "-o", "out.json")
        self.expect_exit(self.tool(*words), GOOD)
        installed = self.document()["pyallocbench"]["backends"][0]["identity"]["path"]
        (self.dir / "lib").mkdir()
        shutil.copy(installed, self.dir / "lib")
        done = self.tool(*words, env={**os.environ, "LD_LIBRARY_PATH": "lib"})
        self.expect_exit(done, GOOD)
        self.assertEqual(self.document()["pyallocbench"]["backends"][0]["identity"]["path"],
                         str((self.dir / "lib").resolve() / pathlib.Path(installed).name))


if __name__ == "__main__":
    unittest.main()
