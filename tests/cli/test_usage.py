"""A mistake on the command line: exit 2, one line, the nearest right word. And what is shown."""

import fcntl
import json
import os
import pty
import re
import shlex
import struct
import subprocess
import termios
import unittest

from support import (BAD_CELL, GOOD, IO_ERROR, NOT_COMPARABLE, ROOT, TOOL, UNAVAILABLE, USAGE,
                     CliTest, samples_of)

COMMANDS = ("", "run", "check", "list", "verify", "compare", "gate", "merge", "plot", "doctor")
SMALL = ("run", "--preset", "smoke", "-b", "system", "-w", "small_ints", "--rounds", "1")


class UsageTest(CliTest):
    def expect_usage(self, *words, says):
        self.expect_one_line(self.tool(*words), USAGE, *says)
        self.assertEqual(list(self.dir.iterdir()), [], "a usage error left a file behind")

    def expect_run_usage(self, *words, says):
        self.expect_usage("run", "--preset", "smoke", "-o", "out.json", *words, says=says)

    def test_no_command(self):
        done = self.tool()
        self.assertIn(done.returncode, (GOOD, USAGE))
        self.assertIn("run", done.stdout + done.stderr)

    def test_unknown_command(self):
        self.expect_usage("rnu", says=["rnu", "run"])

    def test_unknown_option(self):
        done = self.tool("run", "--rouns", "3")
        self.expect_exit(done, USAGE)
        self.assertIn("--rouns", done.stderr)

    def test_unknown_backend(self):
        self.expect_run_usage("-b", "jemaloc", says=["jemaloc", "jemalloc"])

    def test_unknown_backend_below(self):
        self.expect_run_usage("-b", "pymalloc+mimaloc", says=["mimaloc", "mimalloc"])

    def test_backend_that_takes_nothing_below(self):
        self.expect_run_usage("-b", "jemalloc+mimalloc", says=["jemalloc"])

    def test_unknown_key(self):
        self.expect_run_usage("-b", "pymalloc:pol=4K", says=["pol", "pool"])

    def test_unknown_value(self):
        self.expect_run_usage("-b", "pymalloc:profile=3.77", says=["3.77"])

    def test_unknown_unit_of_size(self):
        self.expect_run_usage("-b", "pymalloc:pool=4Q", says=["4Q"])

    def test_size_that_is_no_power_of_two(self):
        self.expect_run_usage("-b", "pymalloc:pool=5000", says=["5000"])

    def test_pool_larger_than_its_arena(self):
        self.expect_run_usage("-b", "pymalloc:pool=64K:arena=16K", says=["arena"])

    def test_key_without_value(self):
        self.expect_run_usage("-b", "pymalloc:pool=", says=["pool"])

    def test_key_alone(self):
        self.expect_run_usage("-b", "pymalloc:pool", says=["pymalloc:pool=4K"])

    def test_size_out_of_range(self):
        self.expect_run_usage("-b", "pymalloc:pool=1M", says=["pool=1M", "1K..256K"])

    def test_file_without_library(self):
        self.expect_run_usage("-b", "system,./mine.so", says=["'library:./mine.so'"])

    def test_other_name_of_system(self):
        self.expect_run_usage("-b", "glibc", says=["'system'"])

    def test_spec_that_is_not_utf8(self):
        self.expect_run_usage("-b", "library:./a\udcff.so", says=["UTF-8", "library:./a"])

    def test_backend_named_twice(self):
        self.expect_run_usage("-b", "system,system", says=["system"])

    def test_library_without_a_file(self):
        self.expect_run_usage("-b", "library", says=["library"])

    def test_empty_list(self):
        self.expect_run_usage("-b", "", says=["-b"])

    def test_unknown_workload(self):
        self.expect_run_usage("-w", "small_int", says=["small_int", "small_ints"])

    def test_pattern_that_fits_nothing(self):
        self.expect_run_usage("-w", "zzz*", says=["zzz*"])

    def test_everything_excluded(self):
        self.expect_run_usage("-w", "small_ints", "-x", "*", says=["-x"])

    def test_unknown_preset(self):
        self.expect_usage("run", "--preset", "smok", "-o", "out.json", says=["smok", "smoke"])

    def test_unknown_pass(self):
        self.expect_run_usage("--passes", "time,memry", says=["memry", "memory"])

    def test_unknown_param(self):
        self.expect_run_usage("-p", "small_ints.cout=3", says=["cout"])

    def test_param_of_unknown_workload(self):
        self.expect_run_usage("-p", "small_int.count=3", says=["small_int", "small_ints"])

    def test_param_without_value(self):
        self.expect_run_usage("-p", "small_ints", says=["small_ints"])

    def test_baseline_that_is_not_run(self):
        self.expect_run_usage("-b", "system", "--baseline", "jemalloc", says=["jemalloc"])

    def test_bad_numbers(self):
        for option in ("--rounds", "--seed", "--timeout"):
            for number in ("x", "", "-1", "3x", "99999999999999999999999", "0x"):
                with self.subTest(option=option, number=number):
                    self.expect_run_usage(option, number, says=[option.lstrip("-")])

    def test_no_rounds(self):
        self.expect_run_usage("--rounds", "0", says=["rounds"])

    def test_stray_word(self):
        self.expect_run_usage("small_ints", says=["small_ints"])

    def test_plot_without_file(self):
        done = self.tool("plot")
        self.expect_exit(done, USAGE)

    def test_file_without_a_name(self):
        for words in (("run", "--resume", ""), ("plot", ""), ("plot", "a.json", "-o", ""),
                      ("check", "--oracle", ""), ("check", "--replay", ""),
                      ("check", "--corpus", ""), ("check", "--junit", ""), ("compare", ""),
                      ("compare", "a.json", ""), ("compare", "a.json", "-o", ""), ("merge", "a", ""),
                      ("merge", "-o", "", "a", "b"), ("gate", ""), ("gate", "--base", ""),
                      ("gate", "--head-bin", ""), ("verify", "--report", "", "--", "true"),
                      ("verify", "--library", "", "--", "true")):
            with self.subTest(words=words):
                self.expect_usage(*words, says=["needs the name of a file, not ''"])

    def test_help_of_every_command(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                done = self.tool(*command.split(), "--help")
                self.expect_exit(done, GOOD)
                self.assertNotEqual(done.stdout, "")
                self.assertEqual(done.stderr, "")
                self.assertEqual([line for line in done.stdout.splitlines() if len(line) > 79], [])
                self.expect_whole_examples(command, done.stdout)

    def expect_whole_examples(self, command, text):
        """Each stands on lines of its own, and can be pasted as it is."""
        _, heading, rest = text.partition("\nExamples:\n")
        if heading == "":
            return
        examples = rest.partition("\n\n")[0].rstrip("\n").replace("\\\n", "").splitlines()
        for example in examples:
            self.assertRegex(example, rf"^  pyallocbench {command}( |$)")
            for word in shlex.split(example.partition(" -- ")[0], comments=True):
                if word.startswith("--"):
                    self.assertIn(word, text.partition(heading)[0], "no option of this command")

    def test_version(self):
        done = self.tool("--version")
        self.expect_exit(done, GOOD)
        self.assertRegex(done.stdout, r"\d+\.\d+\.\d+")


class ShownTest(CliTest):
    """What `list` and `doctor` print for people."""

    def lines(self, *words):
        done = self.tool(*words)
        self.assertIn(done.returncode, (GOOD, UNAVAILABLE), done.stderr)
        return done.stdout.splitlines()

    def widest_on_terminal(self, columns, *words):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        subprocess.run([TOOL, *words], stdout=slave, check=True)
        os.close(slave)
        shown = os.read(master, 1 << 16).decode()
        os.close(master)
        return max(len(line) for line in shown.splitlines())

    def test_lines_fit(self):
        for words in (("list",), ("doctor",)):
            lines = self.lines(*words)
            self.assertGreater(len(lines), 20)
            self.assertEqual([line for line in lines if len(line) > 80], [])

    def test_lines_follow_the_terminal(self):
        self.assertLessEqual(self.widest_on_terminal(50, "list", "profiles"), 50)
        self.assertIn(self.widest_on_terminal(200, "list", "profiles"), range(81, 101))

    def test_nothing_is_cut(self):
        for kind in ("backends", "workloads", "checks", "presets"):
            shown = " ".join(" ".join(self.lines("list", kind)).split())
            for row in json.loads("".join(self.lines("list", kind, "--json")))[kind]:
                texts = [row["name"], row["summary"], row.get("models", "")]
                texts += [row["identity"][key] for key in ("version", "settings")
                          if row.get("identity")]
                texts += [part["summary"] for part in row.get("keys", row.get("params", []))]
                for text in texts:
                    self.assertIn(" ".join(text.split()), shown)

    def test_sizes_have_a_range(self):
        rows = json.loads("".join(self.lines("list", "backends", "--json")))["backends"]
        keys = [key for row in rows if row["name"] == "pymalloc" for key in row["keys"]]
        pool = next(key for key in keys if key["name"] == "pool")
        self.assertEqual((pool["min"], pool["max"]), (1 << 10, 256 << 10))
        self.assertIn("1K..256K", " ".join(self.lines("list", "backends")))

    def test_doctor_ends_with_an_answer(self):
        lines = self.lines("doctor")
        answer = next(i for i, line in enumerate(lines) if line.startswith("good enough"))
        self.assertRegex(" ".join(lines[answer:]),
                         r"^good enough to compare: (yes|no), because .*[^ ]$")
        self.assertTrue(any(line.startswith("  load ") for line in lines))

    def test_doctor_minds_a_preload(self):
        done = self.tool("doctor", env={**os.environ, "LD_PRELOAD": "/nonexistent.so"})
        self.assertIn("compare: no, because LD_PRELOAD is set", done.stdout)


class OutputFileTest(CliTest):
    def test_unwritable_folder(self):
        done = self.tool(*SMALL, "-o", "no/such/folder/out.json")
        self.expect_one_line(done, IO_ERROR, "no/such/folder")

    def test_output_is_a_folder(self):
        (self.dir / "out.json").mkdir()
        done = self.tool(*SMALL, "-o", "out.json")
        self.assertIn(done.returncode, (IO_ERROR, USAGE))
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn("out.json", done.stderr)

    def test_foreign_file_is_left_alone(self):
        for text in ("precious\n", '{"mine": 1}\n', ""):
            with self.subTest(text=text):
                (self.dir / "out.json").write_text(text)
                self.expect_one_line(self.tool(*SMALL, "-o", "out.json"), USAGE, "out.json")
                self.assertEqual((self.dir / "out.json").read_text(), text)

    def test_own_file_is_replaced(self):
        for seed in ("1", "2"):
            self.expect_exit(self.tool(*SMALL, "--seed", seed, "-o", "out.json"), GOOD)
            self.assertEqual(self.document()["pyallocbench"]["seed"], int(seed))
        self.assertEqual([path.name for path in self.dir.iterdir()], ["out.json"])


class DocumentFileTest(CliTest):
    """Files that are no document of ours, handed to those who read one."""

    def setUp(self):
        super().setUp()
        self.expect_exit(self.tool(*SMALL, "-o", "good.json"), GOOD)
        self.good = (self.dir / "good.json").read_text()
        newer = json.loads(self.good)
        newer["pyallocbench"]["schema"] = "pyallocbench-results/999"
        self.bad = {
            "empty": "",
            "truncated": self.good[:len(self.good) // 2],
            "foreign": '{"mine": 1}',
            "google": json.dumps({"context": {}, "benchmarks": []}),
            "no_json": "precious\n",
            "array": "[]",
            "newer": json.dumps(newer),
        }

    def expect_refused(self, *words):
        for name, text in self.bad.items():
            with self.subTest(words=words, name=name):
                (self.dir / "bad.json").write_text(text)
                done = self.tool(*words)
                self.assertIn(done.returncode, (IO_ERROR, USAGE, NOT_COMPARABLE), done.stderr)
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertIn("bad.json", done.stderr)
                self.assertEqual((self.dir / "bad.json").read_text(), text)

    def test_plot_refuses(self):
        self.expect_refused("plot", "bad.json", "-o", "pictures")

    def test_plot_draws_wherever_it_was_built(self):
        """And of a pass that the document lacks says which command makes it."""
        done = self.tool("plot", "good.json", "-o", "pictures", "--only", "noise,pauses")
        self.assertIn(done.returncode, (GOOD, UNAVAILABLE), done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        if done.returncode == GOOD:
            self.assertIn("no pauses: good.json has no pauses pass: run again with `pyallocbench "
                          "run --passes time,memory,pauses -o FILE`", done.stderr)
            self.assertIn("pictures/noise.png\n", done.stdout)
        else:
            self.assertIn("apt-get install python3-matplotlib", done.stderr)

    def test_resume_refuses(self):
        self.expect_refused("run", "--resume", "bad.json")

    def test_missing_file(self):
        for words in (("plot", "gone.json", "-o", "p"), ("run", "--resume", "gone.json")):
            with self.subTest(words=words):
                done = self.tool(*words)
                self.assertIn(done.returncode, (IO_ERROR, USAGE))
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertIn("gone.json", done.stderr)


class ReadmeTest(unittest.TestCase):
    def test_its_scripts_can_be_run_as_they_stand(self):
        spans = re.findall(r"`((?:tests|harness)/[^`]+)`", (ROOT / "README.md").read_text("utf-8"))
        scripts = {span.split()[0] for span in spans if " " in span or span.endswith(".py")}
        self.assertGreater(len(scripts), 3)
        for script in scripts:
            self.assertTrue(os.access(ROOT / script, os.X_OK), script)


class UnavailableTest(CliTest):
    def test_named_library_that_is_not_here(self):
        spec = "libpython:path=/nonexistent/libpython3.99.so"
        done = self.tool(*SMALL[:3], "-w", "small_ints", "-b", f"system,{spec}",
                         "--rounds", "1", "-o", "out.json")
        self.expect_exit(done, BAD_CELL)
        about = [line for line in done.stderr.splitlines() if "libpython3.99" in line]
        self.assertEqual(len(about), 1, done.stderr)


class SurroundingsTest(CliTest):
    def test_flags_for_the_timer_in_the_environment(self):
        """Google Benchmark reads BENCHMARK_*: a filter there must not empty the samples."""
        environment = {**os.environ, "BENCHMARK_FILTER": "nothing", "BENCHMARK_MIN_TIME": "x"}
        done = self.tool("run", "--preset", "smoke", "-b", "null", "-w", "small_ints",
                         "-o", "out.json", env=environment)
        self.expect_exit(done, GOOD)
        for sample in samples_of(self.document(), "null", "time"):
            self.assertEqual(len(sample["reps_cpu_ns"]), 2)


if __name__ == "__main__":
    unittest.main()
