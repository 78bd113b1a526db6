"""`verify` as users run it: what passes through, what is found, what is refused."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from support import BAD_CELL, GOOD, IO_ERROR, TOOL, UNAVAILABLE, USAGE, CliTest  # noqa: E402

PYTHON = "/usr/bin/python3"
FAKE = os.environ["PAB_FAKE_PYTHON"]
LAST_LINE = re.compile(r"(\d+) calls compared, (\d+) mismatches")
ELF_MACHINE_AT = 18


class VerifyTest(CliTest):
    def setUp(self):
        super().setUp()
        self.environment = dict(os.environ, TMPDIR=str(self.dir))
        for name in ("PYTHONMALLOC", "PYTHONDEVMODE", "LD_PRELOAD"):
            self.environment.pop(name, None)

    def verify(self, *words, **variables):
        return self.tool("verify", *words, env=dict(self.environment, **variables))

    def python(self, script, *options, **variables):
        return self.verify(*options, "--", PYTHON, "-c", script, **variables)

    def counts(self, text):
        """(calls, mismatches) of the last line."""
        found = LAST_LINE.fullmatch(text.splitlines()[-1])
        self.assertIsNotNone(found, text)
        return int(found[1]), int(found[2])

    def expect_equal(self, done, code=GOOD):
        self.expect_exit(done, code)
        calls, mismatches = self.counts(done.stderr)
        self.assertGreater(calls, 10000, "fewer than an interpreter's start takes")
        self.assertEqual(mismatches, 0, done.stderr)
        self.assertEqual(list(self.dir.iterdir()), [], "a folder was left behind")
        return calls


class PassedThroughTest(VerifyTest):
    def test_what_would_replace_the_allocator_is_kept_back(self):
        for name, value in (("PYTHONMALLOC", "debug"), ("PYTHONDEVMODE", "1")):
            done = self.python(f"import os; print(os.environ.get({name!r}))", **{name: value})
            self.expect_equal(done)
            self.assertEqual(done.stdout, "None\n")
            said = [line for line in done.stderr.splitlines() if f"without {name}={value}" in line]
            self.assertEqual(len(said), 1, done.stderr)

    def test_output_and_status(self):
        done = self.python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
        self.expect_equal(done, 3)
        self.assertEqual(done.stdout, "out\n")
        self.assertTrue(done.stderr.startswith("err\n"), done.stderr)

    def test_report_leaves_stderr_alone(self):
        done = self.python("import sys; print('err', file=sys.stderr)", "--report", "found.txt")
        self.expect_exit(done, GOOD)
        self.assertEqual((done.stdout, done.stderr), ("", "err\n"))
        self.assertEqual(self.counts((self.dir / "found.txt").read_text())[1], 0)

    def test_long_preload_list(self):
        others = ":".join(["libm.so.6"] * 500)
        done = self.python("import os; print(os.environ['LD_PRELOAD'])", LD_PRELOAD=others)
        self.expect_equal(done)
        self.assertEqual(done.stdout.partition(":")[2], others + "\n")

    def test_arguments_stay_the_program_s(self):
        done = self.verify("--", PYTHON, "-c", "import sys; print(sys.argv[1:])", "--profile", "--")
        self.expect_equal(done)
        self.assertEqual(done.stdout, "['--profile', '--']\n")

    def test_two_dashes_may_be_left_out(self):
        self.expect_equal(self.verify(PYTHON, "-c", "pass"))

    def test_standard_input(self):
        done = subprocess.run([TOOL, "verify", "--", PYTHON, "-c", "print(len(input()))"],
                              input="four\n", capture_output=True, text=True, check=False,
                              env=self.environment)
        self.assertEqual(done.stdout, "4\n")

    def test_signal(self):
        done = self.python("import os; os.abort()")
        self.expect_equal(done, 128 + signal.SIGABRT)
        self.assertIn(f"killed by signal {int(signal.SIGABRT)}", done.stderr)

    def test_kill(self):
        done = self.python("import os; os.kill(os.getpid(), 9)")
        self.expect_equal(done, 128 + signal.SIGKILL)

    def test_request_to_end_is_passed_on(self):
        script = ("import signal, sys, time\n"
                  "signal.signal(signal.SIGTERM, lambda *_: sys.exit(6))\n"
                  "print('ready', flush=True)\n"
                  "time.sleep(60)\n")
        with subprocess.Popen([TOOL, "verify", "--", PYTHON, "-c", script], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=self.environment) as process:
            self.assertEqual(process.stdout.readline(), "ready\n")
            process.terminate()
            _, text = process.communicate()
        self.assertEqual(process.returncode, 6, text)
        self.assertEqual(self.counts(text)[1], 0)


class ProcessesTest(VerifyTest):
    def processes(self, text):
        return re.findall(r"^process (\d+)( \(fork\))?  ", text, re.MULTILINE)

    def test_direct_exit_with_statistics(self):
        done = self.python("import os; data = [[i] for i in range(9999)]; os._exit(5)")
        calls = self.expect_equal(done, 5)
        self.assertRegex(done.stderr, r"end +os\._exit\(\)")
        self.assertIn(f"the last after {calls} calls", done.stderr)

    def test_no_statistics_without_the_gil(self):
        script = ("import faulthandler, time, _xxsubinterpreters as interpreters\n"
                  "interpreters.destroy(interpreters.create())\n"
                  "faulthandler.dump_traceback_later(0.2, exit=True)  # from a thread of its own\n"
                  "time.sleep(60)\n")
        done = self.python(script)
        calls = self.expect_equal(done, 1)
        self.assertRegex(done.stderr, r"end +os\._exit\(\)")
        self.assertNotIn(f"the last after {calls} calls", done.stderr)

    def test_statistics_after_finalization(self):
        done = self.python("pass")
        calls = self.expect_equal(done)
        self.assertIn(f"the last after {calls} calls", done.stderr)

    def test_forks(self):
        done = self.python("import os\nif os.fork():\n os.wait()\nelse:\n data = list('x' * 99)")
        self.expect_equal(done)
        self.assertEqual([fork for _, fork in self.processes(done.stderr)], ["", " (fork)"])

    def test_exec(self):
        done = self.python(f"import os; os.execv('{PYTHON}', ['py', '-c', 'print(1)'])")
        self.expect_equal(done)
        pids = [pid for pid, _ in self.processes(done.stderr)]
        self.assertEqual(len(pids), 2)
        self.assertEqual(len(set(pids)), 1)
        self.assertIn("another program by exec", done.stderr)

    def test_python_below_a_shell(self):
        script = f"{PYTHON} -c 'print(1)'; {PYTHON} -c 'print(2)'; exit 8"
        done = self.verify("--", "sh", "-c", script)
        self.expect_equal(done, 8)
        self.assertEqual(len(self.processes(done.stderr)), 2)

    def test_child_that_is_not_compared(self):
        script = (f"import os, subprocess; subprocess.run(['{PYTHON}', '-c', 'pass'], "
                  "env=dict(os.environ, PYTHONMALLOC='malloc'), check=True)")
        done = self.python(script)
        self.expect_equal(done)
        self.assertIn("not compared: PYTHONMALLOC=malloc", done.stderr)

    def test_what_is_skipped_is_told_last(self):
        script = "data = [[] for _ in range(900000)]; print(len(data))"
        done = self.verify("--", "sh", "-c", f"ulimit -v 300000; exec {PYTHON} -c '{script}'")
        self.expect_equal(done)
        self.assertEqual(done.stdout, "900000\n")
        self.assertRegex(done.stderr, r"skipped +\d+ calls: no memory or addresses")
        self.assertRegex(done.stderr.splitlines()[-2], r"^\d+ calls were NOT compared")

    def test_child_that_lives_longer(self):
        done = self.python("import os, time\nchild = os.fork()\nif child == 0:\n os.close(1)\n"
                           " os.close(2)\n time.sleep(60)\n os._exit(0)\nprint(child)")
        self.expect_exit(done, GOOD)
        os.kill(int(done.stdout), signal.SIGKILL)
        self.assertIn("it still runs", done.stderr)


class FoundTest(VerifyTest):
    def test_other_rules(self):
        done = self.python("print(1)", "--profile", "3.9")
        self.expect_exit(done, BAD_CELL)
        self.assertEqual(done.stdout, "1\n")
        self.assertEqual(self.counts(done.stderr)[1], 1)
        self.assertRegex(done.stderr, r"MISMATCH +call \d+, (mem|obj) \w+\(\d+\): CPython takes an "
                                      r"arena of 1048576 bytes, ours one of 262144")

    def test_no_pymalloc_at_all(self):
        done = self.verify("--", FAKE, FAKE_CALLS="5")
        self.expect_exit(done, BAD_CELL)
        self.assertIn("ours takes an arena, CPython does not", done.stderr)
        self.assertEqual(self.counts(done.stderr), (1, 1))


class RefusedTest(VerifyTest):
    def expect_refused(self, done, code, *words):
        self.expect_one_line(done, code, *words)
        self.assertEqual(done.stdout, "", "it ran all the same")

    def test_nothing_to_run(self):
        self.expect_refused(self.verify(), USAGE, "python3")

    def test_unknown_program(self):
        self.expect_refused(self.verify("--", "pyton3.99"), USAGE, "pyton3.99")

    def test_no_program(self):
        (self.dir / "data").write_text("data")
        self.expect_refused(self.verify("--", "./data"), USAGE, "./data")
        self.expect_refused(self.verify("--", "/"), USAGE, "/")

    def test_unknown_profile(self):
        self.expect_refused(self.python("print(1)", "--profile", "3.99"), USAGE, "3.99", "3.9")

    def test_report_that_cannot_be_written(self):
        self.expect_refused(self.python("print(1)", "--report", "no/such"), IO_ERROR, "no/such")

    def test_no_folder_for_records(self):
        self.expect_refused(self.python("print(1)", TMPDIR="/no/such"), IO_ERROR, "/no/such")

    def test_other_allocator_in_the_command(self):
        done = self.verify("--", "env", "PYTHONMALLOC=malloc", PYTHON, "-c", "pass")
        self.expect_exit(done, UNAVAILABLE)
        self.assertIn("PYTHONMALLOC=malloc sets allocators anew", done.stderr)

    def test_development_mode(self):
        done = self.verify("--", PYTHON, "-X", "dev", "-c", "pass")
        self.expect_one_line(done, UNAVAILABLE, "-X dev")

    def test_no_python(self):
        done = self.verify("--", "sh", "-c", "exit 3")
        self.expect_one_line(done, UNAVAILABLE, "no Python")

    def test_no_room_for_a_record(self):
        script = f"ulimit -f 0; exec {PYTHON} -c 'print(1)'"
        done = self.verify("--", "sh", "-c", script)
        self.expect_one_line(done, UNAVAILABLE, "no room", "ulimit -f")
        self.assertEqual(done.stdout, "1\n", "the program itself was touched")

    def test_no_room_for_the_record_of_a_child(self):
        done = self.python("import os, resource, signal\n"
                           "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
                           "resource.setrlimit(resource.RLIMIT_FSIZE, (0, -1))\n"
                           "pid = os.fork()\n"
                           "if pid == 0:\n os._exit(6)\n"
                           "os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))")
        self.expect_equal(done, 6)
        self.assertIn("want of room for their records: 1 processes", done.stderr)

    def test_versions(self):
        for version, word in (("3.7.17 (fake)", "3.7"), ("2.7.18 (fake)", "2.7"),
                              ("3.16.0a1 (fake)", "3.16"), ("4.0.0 (fake)", "4.0"),
                              ("3.13.0 experimental free-threading build (fake)", "mimalloc"),
                              ("3.14.0 free-threading build (fake)", "mimalloc")):
            with self.subTest(version=version):
                self.expect_refused(self.verify("--", FAKE, FAKE_VERSION=version), UNAVAILABLE,
                                    word)

    def test_profile_overrides_the_version(self):
        done = self.verify("--profile", "3.8", "--", FAKE, FAKE_VERSION="3.7.17 (fake)")
        self.expect_one_line(done, UNAVAILABLE, "not one call")
        self.assertEqual(done.stdout, "it ran\n")

    def changed_program(self, change):
        """A copy of a dynamically linked program with some bytes changed."""
        image = bytearray(pathlib.Path("/bin/true").read_bytes())
        change(image)
        path = self.dir / "changed"
        path.write_bytes(image)
        path.chmod(0o755)
        return path

    def test_other_machine(self):
        def change(image):
            image[ELF_MACHINE_AT] = 243  # RISC-V
        self.expect_refused(self.verify("--", self.changed_program(change)), UNAVAILABLE,
                            "another machine")

    def test_musl(self):
        def change(image):
            at = image.index(b"ld-linux")
            image[at:at + 7] = b"ld-musl"
        self.expect_refused(self.verify("--", self.changed_program(change)), UNAVAILABLE, "musl")

    def test_static(self):
        compiler = shutil.which("cc")
        source = self.dir / "static.c"
        source.write_text("int main(void) { return 0; }\n")
        program = self.dir / "static"
        if compiler is None or subprocess.run([compiler, "-static", source, "-o", program],
                                              capture_output=True, check=False).returncode != 0:
            self.skipTest("no compiler, or no static libc, to make a static program with")
        self.expect_refused(self.verify("--", program), UNAVAILABLE, "statically")

    def test_library_that_is_not_there(self):
        self.expect_refused(self.python("print(1)", "--library", "no.so"), USAGE, "no.so")

    def test_help(self):
        done = self.tool("verify", "--help")
        self.expect_exit(done, GOOD)
        self.assertIn("calls compared", done.stdout)
        self.assertEqual(done.stderr, "")


if __name__ == "__main__":
    unittest.main()
