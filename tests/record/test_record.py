"""`record` as users run it: what is written down is what was asked for, whatever happens."""
import glob
import json
import os
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from support import GOOD, IO_ERROR, TOOL, UNAVAILABLE, USAGE, CliTest  # noqa: E402

PYTHON = "/usr/bin/python3"
REQUESTS = os.environ["PAB_REQUESTS"]
CONSTRUCTOR = os.environ["PAB_CONSTRUCTOR"]
YIELDING = os.environ["PAB_YIELDING"]
LIBRARY = os.environ.get("PAB_RECORD_LIBRARY")  # with a bug planted in it, by tests/mutants
KINDS = ("malloc", "calloc", "aligned", "realloc", "free", "inherit")
ELF_MACHINE_AT = 18
NOBODY = 65534
# struct vfs_cap_data, version 2: CAP_NET_RAW, permitted and effective.
NET_RAW = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)


def version_of(python):
    script = "import sys; print('%d %d' % sys.version_info[:2])"
    return tuple(map(int, subprocess.check_output([python, "-c", script], text=True).split()))


class RecordTest(CliTest):
    def setUp(self):
        super().setUp()
        self.environment = dict(os.environ, PYTHONHASHSEED="0")
        for name in ("PYTHONMALLOC", "PYTHONDEVMODE", "LD_PRELOAD"):
            self.environment.pop(name, None)

    def record(self, *words, **options):
        variables = options.pop("variables", {})
        library = ("--library", LIBRARY) if LIBRARY else ()
        return self.tool("record", *library, "-o", "t.pabtrace", *words,
                         env=dict(self.environment, **variables), **options)

    def requests(self, *words, code=GOOD, **options):
        done = self.record("--", REQUESTS, *words, **options)
        self.expect_exit(done, code)
        return done

    def info(self, number=1):
        name = "t.pabtrace" if number == 1 else f"t.{number}.pabtrace"
        done = self.tool("trace", "info", "--json", name)
        self.expect_exit(done, GOOD)
        return json.loads(done.stdout)

    def count(self, number=1, domain="all"):
        """{kind: events}; the trace is whole, and holds no event that was made up or left out."""
        info = self.info(number)
        for doubt in ("unknown_frees", "missed_frees", "torn"):
            self.assertEqual(info["totals"][doubt], 0, doubt)
        return {kind: info["domains"][domain][kind] for kind in KINDS}

    def expect_refused(self, done, code, *words):
        self.expect_one_line(done, code, *words)
        self.assertEqual(glob.glob(str(self.dir / "*.pabtrace")), [])


class CountTest(RecordTest):
    """Programs whose requests are known to the last one."""

    def test_each_kind(self):
        self.requests("known", "1000")
        self.assertEqual(self.count(), {"malloc": 1000, "calloc": 1000, "aligned": 2000,
                                        "realloc": 2000, "free": 4000, "inherit": 0})
        info = self.info()
        self.assertEqual(info["totals"]["refused"], 2000)
        self.assertEqual(info["domains"]["libc"]["requested_bytes"],
                         1000 * (24 + 300 + 128 + 512 + 100000 + 40 - 64))
        self.assertEqual(info["domains"]["all"]["end_blocks"], 0)

    def test_eight_threads(self):
        """An address that was handed out twice without a free would be a missed free."""
        self.requests("hammer", "50000")
        counts = self.count()
        self.assertEqual(counts["malloc"], 400000)
        self.assertEqual(counts["realloc"], 100000)
        self.assertEqual(len(self.info()["threads"]["events"]), 9)
        self.assertGreaterEqual(counts["free"], 400000)

    def test_blocks_that_change_hands_at_once(self):
        """A free stands before the allocation that is given its block."""
        shared = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0",
                  "LD_PRELOAD": YIELDING}
        self.requests("hammer", "5000", variables=shared)
        self.assertEqual(self.count()["malloc"], 40000)

    def test_a_thousand_short_threads(self):
        self.requests("threads", "1000")
        counts = self.count()
        self.assertEqual((counts["malloc"], counts["free"]), (10000, 10000))
        self.assertEqual(len(self.info()["threads"]["events"]), 1001)

    def test_killed(self):
        self.requests("kill", "300000", code=128 + signal.SIGKILL)
        self.assertEqual(self.count()["malloc"], 300000)

    def test_aborted(self):
        self.requests("abort", "5000", code=128 + signal.SIGABRT)
        self.assertEqual(self.count()["malloc"], 5000)

    def test_python(self):
        """One object more is one request of the object domain more, and one free."""
        script = ("import itertools, sys\n"
                  "for _ in itertools.repeat(None, int(sys.argv[1])): object()\n")
        counts = []
        for times in ("1000", "51000"):
            self.expect_exit(self.record("--", PYTHON, "-c", script, times), GOOD)
            counts.append(self.count(domain="obj"))
        self.assertLessEqual(abs(counts[1]["malloc"] - counts[0]["malloc"] - 50000), 1)
        self.assertLessEqual(abs(counts[1]["free"] - counts[0]["free"] - 50000), 1)
        for domain in ("raw", "mem", "libc"):
            self.assertGreater(self.count(domain=domain)["malloc"], 0, domain)


class ProcessTest(RecordTest):
    def test_forks(self):
        self.requests("forks", "20")
        parent = self.count()
        self.assertEqual((parent["malloc"], parent["free"]), (20, 20))
        self.assertEqual(len(self.info()["forks"]), 20)
        for number in range(2, 22):
            counts = self.count(number)
            self.assertEqual((counts["inherit"], counts["malloc"], counts["free"]), (1, 1, 2))
            self.assertEqual(self.info(number)["meta"]["forked_from"], "t.pabtrace")
        self.assertFalse((self.dir / "t.22.pabtrace").exists())

    def test_only_the_root(self):
        self.expect_exit(self.record("--only-root", "--", REQUESTS, "forks", "5"), GOOD)
        self.assertEqual(self.count()["malloc"], 5)
        self.assertEqual(len(glob.glob(str(self.dir / "*.pabtrace"))), 1)

    def test_child_without_handlers(self):
        """It is its own, and puts nothing into its parent's ring."""
        self.requests("clone")
        counts = self.count()
        self.assertEqual((counts["malloc"], counts["free"]), (1, 1))
        child = self.info(2)
        self.assertEqual(child["totals"]["unknown_frees"], 1)
        self.assertEqual(child["domains"]["all"]["malloc"], 1)

    def test_forks_among_threads(self):
        self.requests("storm")
        counts = self.count()
        self.assertGreater(counts["malloc"], 8000)
        self.assertEqual(len(self.info()["forks"]), 30)

    def test_exec_while_a_thread_loads(self):
        """A child may exec whatever lock of the loader a thread of its parent holds."""
        self.requests("exec", CONSTRUCTOR)

    def test_interrupt_after_the_end(self):
        """What still runs is left alone, however busy it is."""
        process = subprocess.Popen(
            [TOOL, "record", "-q", "-o", "t.pabtrace", "--", "sh", "-c",
             f"{REQUESTS} endless & echo $$ $!"],
            cwd=self.dir, env=self.environment, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        root, busy = (int(word) for word in process.stdout.readline().split())
        self.addCleanup(os.kill, busy, signal.SIGKILL)
        self.addCleanup(process.kill)
        while pathlib.Path(f"/proc/{root}").exists():
            time.sleep(0.01)
        time.sleep(0.3)  # from its end to the moment when the signal is caught
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=60), 0)
        os.kill(busy, 0)
        traces = [self.info(number) for number in (1, 2, 3)]
        self.assertGreater(max(trace["domains"]["all"]["malloc"] for trace in traces), 1000)

    def test_exec_and_background(self):
        """A shell that ends before its child does, and one that becomes another program."""
        script = f"{PYTHON} -c 'import time; time.sleep(0.3)' & exec {REQUESTS} known 7"
        self.expect_exit(self.record("--", "sh", "-c", script), GOOD)
        infos = [self.info(number) for number in range(1, 5)]
        # It became that program, which so has the first name.
        self.assertEqual(infos[0]["meta"]["command"], f"{REQUESTS} known 7")
        by_command = {info["meta"]["command"].split()[0]: info for info in infos}
        self.assertEqual(by_command[REQUESTS]["domains"]["all"]["malloc"], 7)
        self.assertEqual(by_command[PYTHON]["meta"]["mode"], "python")
        self.assertEqual(by_command[PYTHON]["totals"]["end"], "exit")

    def test_children_out_of_sight(self):
        """However they are begun, and whoever sets what they get."""
        script = ("import os, subprocess\n"
                  "own = {'LD_PRELOAD': '/no/such.so'}\n"
                  "subprocess.run(['ls', '/'], env=own)\n"
                  "subprocess.run(['ls', '/'], env={})\n"
                  "os.waitpid(os.posix_spawn('/bin/true', ['true'], own), 0)\n"
                  "os.environ.update(own)\n"
                  "subprocess.run(['ls', '/'])\n"
                  "os.system('exit 0')\n")
        done = self.record("--", PYTHON, "-c", script)
        self.expect_exit(done, GOOD)
        self.assertIn("5 programs were begun with another LD_PRELOAD", done.stderr)
        self.assertNotIn("did not load", done.stderr)
        self.assertEqual(self.info()["totals"]["unseen_programs"], 5)

    def test_children_by_every_way(self):
        """Those that take their words one by one, too: here from C. One and the same program."""
        ways = ("execl", "execlp", "execle", "execv", "execvp", "system", "popen", "execveat")
        for way in ways:
            with self.subTest(way=way):
                done = self.requests("begin", way)
                self.assertIn("1 programs were begun with another LD_PRELOAD", done.stderr)
                self.assertNotIn("did not load", done.stderr)

    def test_children_that_load_nothing(self):
        program = self.static_program()
        done = self.record("--", "sh", "-c", f"{program}; {program}; true")
        self.expect_exit(done, GOOD)
        self.assertIn("2 programs did not load our library", done.stderr)

    def test_another_pid_namespace(self):
        """The process tells a pid that is another's here, or nobody's."""
        unshare = (shutil.which("unshare") or "unshare", "--pid", "--fork", "--kill-child")
        try:
            if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
                self.skipTest("pid namespaces are not permitted")
        except FileNotFoundError:
            self.skipTest("there is no unshare")
        script = f"{REQUESTS} exit 100000; sleep 0.3; {REQUESTS} exit 1000; exit 0"
        self.expect_exit(self.record("--", *unshare, "sh", "-c", script), GOOD)
        counts = {}
        for number in range(1, len(glob.glob(str(self.dir / "*.pabtrace"))) + 1):
            info = self.info(number)
            counts[info["meta"]["command"]] = (info["domains"]["all"]["malloc"],
                                               info["totals"]["end"])
        self.assertEqual(counts[f"{REQUESTS} exit 100000"], (100000, "exit"))
        self.assertEqual(counts[f"{REQUESTS} exit 1000"], (1000, "exit"))


class PythonTest(RecordTest):
    def test_allocators_that_are_set_anew(self):
        """PYTHONMALLOC and -X dev put in CPython's own tables after ours: we follow."""
        for value in ("debug", "malloc", "pymalloc"):
            done = self.record("--", PYTHON, "-c", "print(1)", variables={"PYTHONMALLOC": value})
            self.expect_exit(done, GOOD)
            self.assertGreater(self.info()["domains"]["obj"]["malloc"], 20000, value)

    def test_malloc_alone(self):
        self.expect_exit(self.record("--what", "malloc", "--", PYTHON, "-c", "print(1)"), GOOD)
        self.assertEqual(self.count(domain="obj")["malloc"], 0)
        self.assertGreater(self.count(domain="libc")["malloc"], 100)
        self.assertEqual(self.info()["meta"]["mode"], "malloc")

    def test_python_alone(self):
        self.expect_exit(self.record("--what", "python", "--", "sh", "-c", f"{PYTHON} -c 1; true"),
                         GOOD)
        self.assertEqual(self.info()["meta"]["mode"], "python")
        self.assertEqual(len(glob.glob(str(self.dir / "*.pabtrace"))), 1)

    def test_other_versions(self):
        """Those of PAB_PYTHONS (paths, with colons between), 3.4 and later: in all domains."""
        pythons = [path for path in os.environ.get("PAB_PYTHONS", "").split(":") if path]
        if not pythons:
            self.skipTest("PAB_PYTHONS names no other interpreter")
        for python in pythons:
            if version_of(python) < (3, 4):
                continue
            with self.subTest(python=python):
                self.expect_exit(self.record("--", python, "-c", "print(1)"), GOOD)
                for domain in ("raw", "mem", "obj"):
                    self.assertGreater(self.count(domain=domain)["malloc"], 100)


class PassedThroughTest(RecordTest):
    def test_output_and_status(self):
        done = self.record("-q", "--", PYTHON, "-c",
                           "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
        self.expect_exit(done, 3)
        self.assertEqual((done.stdout, done.stderr), ("out\n", "err\n"))

    def test_nothing_is_left(self):
        done = self.record("--", PYTHON, "-c",
                           "import os; print(os.environ['PYALLOCBENCH_RECORD_DIR'])")
        self.expect_exit(done, GOOD)
        self.assertFalse(pathlib.Path(done.stdout.strip()).exists())

    def test_summary(self):
        done = self.requests("known", "10")
        self.assertIn("recorded 100 events of 1 process", done.stderr)
        self.assertIn("t.pabtrace  100 events", done.stderr)

    def test_name_of_the_file(self):
        (self.dir / "app.py").write_text("print(1)\n")
        for command, name in (((PYTHON, "-X", "utf8", "app.py"), "app"), (("ls", "/"), "ls"),
                              ((PYTHON, "-m", "json.tool", "--help"), "json.tool")):
            self.expect_exit(self.tool("record", "--", *command, env=self.environment), GOOD)
            self.assertTrue((self.dir / f"{name}.pabtrace").exists(), name)

    def test_interrupt_is_passed_on(self):
        process = subprocess.Popen(
            [TOOL, "record", "-q", "-o", "t.pabtrace", "--", PYTHON, "-c",
             "import time\ntry:\n  print('up', flush=True)\n  time.sleep(60)\n"
             "except KeyboardInterrupt:\n  print('caught'); raise SystemExit(7)\n"],
            cwd=self.dir, env=self.environment, stdout=subprocess.PIPE, text=True)
        self.assertEqual(process.stdout.readline(), "up\n")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.communicate(timeout=60)[0], "caught\n")
        self.assertEqual(process.returncode, 7)
        self.assertEqual(self.info()["totals"]["end"], "exit")

    def test_recorder_killed(self):
        """The program goes on to its end, and what was written is valid."""
        process = subprocess.Popen(
            [TOOL, "record", "-q", "-o", "t.pabtrace", "--", PYTHON, "-c",
             "import os\nprint(os.environ['PYALLOCBENCH_RECORD_DIR'], flush=True)\ninput()\n"
             "for i in range(400000): str(i)\nprint('done')\n"],
            cwd=self.dir, env=self.environment, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        folder = process.stdout.readline().strip()
        self.addCleanup(shutil.rmtree, folder)
        process.kill()
        self.assertEqual(process.communicate("\n", timeout=60)[0], "done\n")


class RefusedTest(RecordTest):
    def changed_program(self, change):
        """A real program with a change in its bytes."""
        image = bytearray(pathlib.Path(shutil.which("ls")).read_bytes())
        change(image)
        program = self.dir / "program"
        program.write_bytes(image)
        program.chmod(0o755)
        return program

    def test_no_command(self):
        self.expect_refused(self.tool("record"), USAGE, "which program")

    def test_command_that_does_not_exist(self):
        self.expect_refused(self.record("--", "nosuchprogram"), USAGE, "no program")

    def test_no_program(self):
        """One line, and the status of a wrong command line."""
        for name, mode, why in (("folder", None, "no program that you may run"),
                                ("text", 0o644, "no program that you may run"),
                                ("text", 0o755, "its first line names none"),
                                ("empty", 0o755, "its first line names none")):
            path = self.dir / name
            if mode is None:
                path.mkdir()
            else:
                path.write_text("hello\n" if name == "text" else "")
                path.chmod(mode)
            self.expect_refused(self.record("--", path), USAGE, why)

    def test_another_machine(self):
        def change(image):
            image[ELF_MACHINE_AT] ^= 0x40
        self.expect_refused(self.record("--", self.changed_program(change)), UNAVAILABLE,
                            "another machine")

    def test_musl(self):
        def change(image):
            at = image.index(b"ld-linux")
            image[at:at + 7] = b"ld-musl"
        self.expect_refused(self.record("--", self.changed_program(change)), UNAVAILABLE, "musl")

    def test_static(self):
        self.expect_refused(self.record("--", self.static_program()), UNAVAILABLE, "statically")

    def privileged_program(self, owner=0, mode=0o755):
        if os.geteuid() != 0 or os.statvfs(self.dir).f_flag & os.ST_NOSUID:
            self.skipTest("only root can make such programs, where they are not ignored")
        program = self.changed_program(lambda image: None)
        os.chown(program, owner, owner)
        program.chmod(mode)
        self.dir.chmod(0o777)
        return program

    def test_set_uid(self):
        """Refused where it makes somebody else of us, of root too; and only there."""
        for owner, caller in ((0, NOBODY), (NOBODY, 0)):
            for mode, why in ((0o4755, "set-uid"), (0o2755, "set-gid")):
                program = self.privileged_program(owner, mode)
                done = self.record("--", program, user=caller, group=caller)
                self.expect_refused(done, UNAVAILABLE, why)
        program = self.privileged_program(0, 0o6755)
        self.expect_exit(self.record("--", program, user=0, group=0), GOOD)

    def test_capabilities(self):
        program = self.privileged_program()
        os.setxattr(program, "security.capability", NET_RAW)
        self.expect_refused(self.record("--", program, user=NOBODY), UNAVAILABLE, "capabilities")
        self.expect_exit(self.record("--", program), GOOD)

    def test_nothing_of_python(self):
        self.expect_refused(self.record("--what", "python", "-q", "--", "true"), UNAVAILABLE,
                            "allocator hooks")

    def test_somebody_elses_file(self):
        (self.dir / "t.pabtrace").write_text("mine")
        self.expect_one_line(self.record("--", "ls"), USAGE, "none of ours")
        self.assertEqual((self.dir / "t.pabtrace").read_text(), "mine")

    def test_somebody_elses_file_under_a_childs_name(self):
        """Found when the program has long begun: no wrong command line, whatever asked for it."""
        for script in (f"{REQUESTS} known 1; exit 0", f"exec {REQUESTS} known 1"):
            with self.subTest(script=script):
                (self.dir / "t.2.pabtrace").write_text("mine")
                done = self.record("--", "sh", "-c", script)
                self.expect_one_line(done, IO_ERROR, "t.2.pabtrace", "none of ours")
                self.assertEqual((self.dir / "t.2.pabtrace").read_text(), "mine")

    def test_links_among_abandoned_folders(self):
        """Whoever may write to /dev/shm cannot make us empty a folder of ours elsewhere."""
        shared = pathlib.Path("/dev/shm")
        if not os.access(shared, os.W_OK):
            self.skipTest("/dev/shm is not to be written")
        abandoned = pathlib.Path(tempfile.mkdtemp(prefix="pyallocbench-record-", dir=shared))
        self.addCleanup(shutil.rmtree, abandoned, ignore_errors=True)
        link = pathlib.Path(f"{abandoned}-link")
        link.symlink_to(self.dir)
        self.addCleanup(link.unlink)
        for folder in (abandoned, self.dir):
            for name in ("reader", "precious"):
                (folder / name).write_text("")
                os.utime(folder / name, (0, 0))
        self.requests("known", "1")
        self.assertFalse(abandoned.exists())
        self.assertTrue((self.dir / "precious").exists())

    def test_disk_full(self):
        """The program is not disturbed, and what is in the file is valid."""
        limit = 5 << 20
        done = self.requests("hammer", "160000", code=IO_ERROR, preexec_fn=lambda:
                             resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        self.expect_one_line(done, IO_ERROR, "t.pabtrace", "File too large")
        info = json.loads(self.tool("trace", "info", "--json", "t.pabtrace").stdout)
        self.assertGreater(info["events"], 1000000)


if __name__ == "__main__":
    unittest.main()
