"""`check` on broken libraries: each has its verdict, and the checks of the other backend go on."""

import unittest

from support import BAD_CELL, BROKEN, GOOD, IO_ERROR, CliTest, checks_of, failures_of, unwrapped

SMALL = ("check", "-q", "--ops", "20000")


class BrokenBackendTest(CliTest):
    def check(self, library, only="PRE-001", *words):
        """Checks it beside `system`; its rows, by id."""
        spec = f"library:{BROKEN / library}.so"
        done = self.tool(*SMALL, "-b", f"{spec},system", "--only", only, "-o", "out.json", *words)
        self.run = self.document()["pyallocbench"]
        rows = checks_of(self.document())
        self.assertEqual({row["verdict"] for key, row in rows.items() if key[0] == "system"},
                         {"pass"})
        return done, {check: row for (backend, check), row in rows.items() if backend == spec}

    def expect_verdict(self, library, kind, reason, *words):
        done, rows = self.check(library, "PRE-001", *words)
        self.expect_exit(done, BAD_CELL)
        self.assertEqual((rows["PRE-001"]["verdict"], rows["PRE-001"]["kind"]), ("fail", kind))
        self.assertRegex(rows["PRE-001"]["reason"], reason)
        self.assertIn(rows["PRE-001"]["reason"], unwrapped(done.stdout))
        return done, rows["PRE-001"]

    def expect_refused(self, library, kind):
        """It does not live long enough for a check."""
        done, rows = self.check(library)
        self.expect_exit(done, BAD_CELL)
        self.assertEqual(rows, {})
        found = failures_of(self.document(), f"library:{BROKEN / library}.so")
        self.assertEqual([failure["kind"] for failure in found], [kind])

    def test_lost_bytes(self):
        done, row = self.expect_verdict("overlap", None, r"\d")
        self.assertIn(f"see it again: {row['again']}", done.stdout)
        self.assertIn("--only PRE-001 --seed 1 --ops 20000", row["again"])
        again = self.tool(*row["again"].split()[1:])
        self.expect_exit(again, BAD_CELL)
        self.assertIn(row["reason"], " ".join(again.stdout.split()))

    def test_crash(self):
        self.expect_verdict("crash_late", "crashed", "^died of SIGSEGV")

    def test_hang(self):
        self.expect_verdict("hang_late", "timeout", r"^hung: no verdict within 4 s \(--timeout\)$",
                            "--timeout", "4")

    def test_where_most_hang_the_rest_is_left_out(self):
        name = f"library:{BROKEN / 'hang_late.so'}"
        done = self.tool("check", "-q", "-b", name, "--only", "PRE-*,REA-*,GCC-*,MOD-*", "--timeout",
                         "1", "--jobs", "2", "-o", "out.json")
        self.expect_exit(done, BAD_CELL)
        rows = self.document()["pyallocbench"]["conformance"]["checks"]
        hung = sum(row["kind"] == "timeout" for row in rows)
        self.assertIn(hung, (8, 9))  # two run side by side
        self.assertIn("left out after 8 checks that hung", unwrapped(done.stdout))
        self.assertGreater(len(rows), 60)

    def test_endless_talk_ends_as_a_hang(self):
        self.expect_verdict("flood", "timeout", "^hung: no verdict within 4 s", "--timeout", "4")

    def test_aborts_at_the_first_block(self):
        self.expect_refused("abort_malloc", "crashed")

    def test_crashes_at_load(self):
        self.expect_refused("crash_load", "crashed")

    def test_no_allocator(self):
        self.expect_refused("no_malloc", "unavailable")

    def test_missing_file(self):
        self.expect_refused("missing", "unavailable")

    def test_forged_verdict(self):
        _, row = self.expect_verdict("forger", "crashed", "wrote into the worker's own channel")
        self.assertNotIn("AAAA", str(row))

    def test_a_process_left_behind_holds_nobody_up(self):
        done, rows = self.check("daemon")
        self.expect_exit(done, GOOD)
        self.assertEqual(rows["PRE-001"]["verdict"], "pass")

    def test_chatter_on_stdout_reaches_nobody(self):
        done, rows = self.check("chatty")
        self.expect_exit(done, GOOD)
        self.assertEqual(rows["PRE-001"]["verdict"], "pass")
        self.assertNotIn("chatter", done.stdout)


class FewFunctionsTest(CliTest):
    """malloc and free are enough to be checked, as far as that goes."""

    SPEC = f"library:{BROKEN / 'two.so'}"

    def test_what_lacks_is_skipped_and_said(self):
        done = self.tool(*SMALL, "-b", self.SPEC, "--only", "MAL-002,CAL-001,REA-001,ALN-02",
                         "-o", "out.json")
        self.expect_exit(done, GOOD)
        rows = {check: row for (_, check), row in checks_of(self.document()).items()}
        self.assertEqual(rows["MAL-002"]["verdict"], "pass")
        for check, call in (("CAL-001", "calloc"), ("REA-001", "realloc"), ("ALN-02", "realloc")):
            self.assertEqual(rows[check]["verdict"], "skip")
            self.assertIn(f"exports no {call}", rows[check]["reason"])

    def test_nothing_is_called_that_is_not_there(self):
        self.tool(*SMALL, "-b", self.SPEC, "--only", "MAL-*,PRE-*,REA-*,CAL-*,ALN-*,USZ-*,OOM-*,"
                  "PYM-*,GCC-29,GCC-32", "-o", "out.json")
        rows = self.document()["pyallocbench"]["conformance"]["checks"]
        self.assertEqual([row["check"] for row in rows if row["verdict"] == "fail"], [])

    def test_manifest(self):
        done = self.tool(*SMALL, "-b", f"{self.SPEC},system,pymalloc", "--only", "MAL-002", "-o",
                         "out.json")
        manifests = {row["id"]: row["manifest"]
                     for row in self.document()["pyallocbench"]["backends"]}
        self.assertRegex(manifests[self.SPEC], "^C functions: malloc free; no calloc, realloc, ")
        self.assertRegex(manifests["system"], "^C functions: malloc free calloc realloc ")
        self.assertRegex(manifests["pymalloc"], "^Python domains: malloc free calloc realloc ")
        shown = unwrapped(done.stdout)
        for manifest in manifests.values():
            self.assertIn(manifest, shown)

    def test_nothing_can_stand_on_it(self):
        for spec in (f"pymalloc+{self.SPEC}", f"{self.SPEC}:hooks=debug"):
            with self.subTest(spec):
                done = self.tool(*SMALL, "-b", spec, "--only", "PYM-01", "-o", "out.json")
                self.expect_exit(done, BAD_CELL)
                self.assertIn("exports no calloc()", failures_of(self.document(), spec)[0]["message"])

    def test_nothing_is_measured_on_it(self):
        done = self.tool("run", "--preset", "smoke", "-b", f"system,{self.SPEC}", "-w",
                         "small_ints", "-o", "out.json")
        self.expect_exit(done, BAD_CELL)
        found = failures_of(self.document(), self.SPEC)
        self.assertEqual([failure["kind"] for failure in found], ["unavailable"])


class DetectorTest(CliTest):
    def test_a_blind_detector_gives_no_verdict(self):
        done = self.tool(*SMALL, "-b", f"library:{BROKEN / 'perjurer.so'},system", "--only",
                         "PRE-001", "-o", "out.json", "--md", "out.md", "--junit", "out.xml")
        self.expect_one_line(done, IO_ERROR, "blind", "SELF-", "was read as pass")
        self.assertEqual(done.stdout, "")
        self.assertEqual(list(self.dir.iterdir()), [])

    def test_that_it_sees_is_said(self):
        self.tool(*SMALL, "-b", f"library:{BROKEN / 'missing.so'},null", "--only", "PYM-01", "-o",
                  "out.json")
        self.assertEqual(self.document()["pyallocbench"]["conformance"]["detector"],
                         {"backend": "null", "read_right": 5, "of": 5})


if __name__ == "__main__":
    unittest.main()
