"""`run -w trace:...`: names, documents, comparability, and what is refused."""

import json
import shutil
import struct
import time
import unittest

import support

SHIPPED = sorted((support.ROOT / "workloads" / "traces").glob("*.pabtrace"))
FRAME = struct.Struct("<4I4Q")


class ReplayTest(support.CliTest):
    def setUp(self):
        super().setUp()
        self.trace = self.dir / "app.pabtrace"
        shutil.copy(SHIPPED[0], self.trace)

    def run_trace(self, *words):
        return self.tool("run", "-q", "--preset", "smoke", "--rounds", "1", "--no-control",
                         "-o", "out.json", *words)

    def frames(self):
        """(offset, kind) of each."""
        data, at = self.trace.read_bytes(), 12
        while at < len(data):
            kind, stored = FRAME.unpack_from(data, at)[:2]
            yield at, chr(kind)
            at += FRAME.size + stored

    def test_shipped_ones_are_workloads_by_name(self):
        self.assertGreaterEqual(len(SHIPPED), 5)
        done = self.tool("list", "workloads", "--json")
        self.expect_exit(done, support.GOOD)
        listed = {row["name"]: row for row in json.loads(done.stdout)["workloads"]}
        for path in SHIPPED:
            row = listed["trace:" + path.stem]
            self.assertTrue(row["default"] and row["direct"])
            self.assertGreater(row["trace"]["events"], 100000)
            self.assertIn(path.stem + ".py", row["trace"]["command"])
            self.assertIn(path.stem + ".py", row["summary"])

    def test_a_file_gives_the_same_on_every_backend_and_in_every_pass(self):
        done = self.run_trace("-w", "trace:./app.pabtrace", "-b", "system,pymalloc,null",
                              "-p", "trace:app.events=50000", "--passes",
                              "time,memory,latency,waterfall,pauses")
        self.expect_exit(done, support.GOOD)
        run = self.document()["pyallocbench"]
        self.assertEqual(run["failures"], [])
        self.assertEqual(len(run["samples"]), 15)
        (workload,) = run["workloads"]
        self.assertEqual(workload["id"], "trace:app")
        self.assertGreater(workload["trace"]["events"], 100000)
        self.assertEqual(workload["params"], {"from": 1, "events": 50000})
        self.assertGreater(workload["ops"], 50000)
        times = [row for row in run["samples"] if row["pass"] == "time"]
        self.assertEqual({row["checksum"] for row in times}, {workload["checksum"]})

    def test_names_with_dots_take_parameters(self):
        shutil.copy(self.trace, self.dir / "app.2.pabtrace")
        done = self.run_trace("-w", "trace:app.2.pabtrace", "-b", "null", "--passes", "time",
                              "-p", "trace:app.2.events=1000")
        self.expect_exit(done, support.GOOD)
        self.assertEqual(self.document()["pyallocbench"]["workloads"][0]["params"]["events"], 1000)

    def test_two_files_of_one_name(self):
        (self.dir / "other").mkdir()
        shutil.copy(self.trace, self.dir / "other" / "app.pabtrace")
        done = self.run_trace("-w", "trace:./app.pabtrace,trace:other/app.pabtrace", "-b", "null")
        self.expect_one_line(done, support.USAGE, "trace:app", "two traces")

    def test_another_trace_of_that_name_is_not_comparable(self):
        words = ["-b", "null", "--passes", "time", "-p", "trace:app.events=1000"]
        self.expect_exit(self.run_trace("-w", "trace:./app.pabtrace", *words), support.GOOD)
        (self.dir / "out.json").rename(self.dir / "first.json")
        shutil.copy(SHIPPED[1], self.trace)
        self.expect_exit(self.run_trace("-w", "trace:./app.pabtrace", *words), support.GOOD)
        done = self.tool("compare", "first.json", "out.json")
        self.assertIn("another trace in trace:app", done.stdout + done.stderr)

    def test_a_damaged_one_is_refused_and_its_good_part_can_be_had(self):
        at = [offset for offset, kind in self.frames() if kind == "E"][1]
        data = bytearray(self.trace.read_bytes())
        data[at + FRAME.size + 5] ^= 1
        self.trace.write_bytes(data)
        done = self.run_trace("-w", "trace:./app.pabtrace", "-b", "null", "--passes", "time")
        self.expect_one_line(done, support.USAGE, "frame", "-p trace:app.events=262144")
        done = self.run_trace("-w", "trace:./app.pabtrace", "-b", "null", "--passes", "time",
                              "-p", "trace:app.events=2000")
        self.expect_exit(done, support.GOOD)

    def test_one_without_an_end(self):
        end = [offset for offset, kind in self.frames() if kind == "Z"][0]
        self.trace.write_bytes(self.trace.read_bytes()[:end])
        done = self.run_trace("-w", "trace:./app.pabtrace", "-b", "null")
        self.expect_one_line(done, support.USAGE, "has no end", "-p trace:app.events=")

    def test_one_without_events(self):
        at, _ = list(self.frames())[1]
        end = [offset for offset, kind in self.frames() if kind == "Z"][0]
        data = self.trace.read_bytes()
        self.trace.write_bytes(data[:at])
        done = self.run_trace("-w", "trace:./app.pabtrace", "-b", "null")
        self.expect_one_line(done, support.USAGE, "no events")
        self.trace.write_bytes(data[:at] + data[end:])  # an END of another number of events
        done = self.run_trace("-w", "trace:./app.pabtrace", "-b", "null")
        self.expect_one_line(done, support.USAGE, "frame")

    def test_a_newer_one(self):
        data = bytearray(self.trace.read_bytes())
        data[8] = 9
        self.trace.write_bytes(data)
        done = self.run_trace("-w", "trace:./app.pabtrace", "-b", "null")
        self.expect_one_line(done, support.NOT_COMPARABLE, "app.pabtrace")

    def test_what_is_no_trace(self):
        cases = {
            "trace:./gone.pabtrace": (support.IO_ERROR, "gone.pabtrace"),
            "trace:/dev/null": (support.USAGE, "/dev/null"),
            "trace:./out,put.pabtrace": (support.USAGE, ""),
            "trace:nothing_of_that_name": (support.USAGE, "no workload matches"),
            "trace:./": (support.USAGE, ""),
        }
        for word, (code, text) in cases.items():
            with self.subTest(word=word):
                done = self.run_trace("-w", word, "-b", "null")
                self.expect_exit(done, done.returncode)
                self.assertIn(done.returncode, (code, support.IO_ERROR), done.stderr)
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertIn(text, done.stderr)

    def test_a_file_without_the_prefix(self):
        for word in ("app.pabtrace", "./app.pabtrace"):
            done = self.run_trace("-w", word, "-b", "null")
            self.expect_one_line(done, support.USAGE, f"did you mean 'trace:{word}'?")

    def test_a_summary_tells_of_the_trace_alone(self):
        done = self.run_trace("-w", "trace:" + SHIPPED[0].stem, "-b", "null", "--passes", "time",
                              "-p", f"trace:{SHIPPED[0].stem}.events=1000")
        self.expect_exit(done, support.GOOD)
        (workload,) = self.document()["pyallocbench"]["workloads"]
        self.assertEqual(workload["params"]["events"], 1000)
        self.assertRegex(workload["summary"], r"replayed: \d+ events, peak [\d.]+ MiB$")

    def test_more_events_than_there_are(self):
        done = self.run_trace("-w", "trace:./app.pabtrace", "-b", "null",
                              "-p", "trace:app.events=99999999999")
        self.expect_one_line(done, support.USAGE, "outside")
        done = self.run_trace("-w", "trace:./app.pabtrace", "-b", "null",
                              "-p", "trace:app.events=100000", "-p", "trace:app.from=280000")
        self.expect_one_line(done, support.USAGE, "from")

    def test_a_trace_that_changes_is_not_taken_up_again(self):
        process = self.start("run", "-q", "--rounds", "9999", "-w", "trace:./app.pabtrace", "-b",
                             "system", "--passes", "time", "-o", "out.json")
        journal = self.dir / "out.json.partial"
        while not journal.exists() or b'"samples"' not in journal.read_bytes():
            self.assertIsNone(process.poll())
            time.sleep(0.02)
        process.terminate()
        process.wait()
        shutil.copy(SHIPPED[1], self.trace)
        done = self.tool("run", "-q", "--resume", "out.json")
        self.expect_one_line(done, support.NOT_COMPARABLE, "not the trace")


if __name__ == "__main__":
    unittest.main()
