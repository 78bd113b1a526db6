"""A broken library costs its own cells and nothing else, whatever is broken about it."""

import unittest

from support import (BAD_CELL, BROKEN, GOOD, UNAVAILABLE, CliTest, failures_of, good_cells,
                     planned_cells)


class BrokenLibraryTest(CliTest):
    def run_beside_system(self, spec, *more):
        done = self.tool("run", "--preset", "smoke", "-w", "small_ints", "--timeout", "3",
                         "-b", f"system,{spec}", "-o", "out.json", *more)
        return done, self.document()

    def expect_isolated(self, name, kinds, spec=None):
        """`name` is reported once with one of `kinds`; system's cells are all there."""
        spec = spec or f"library:{BROKEN / name}"
        done, document = self.run_beside_system(spec)
        self.expect_exit(done, BAD_CELL)

        run = document["pyallocbench"]
        self.assertTrue(run["complete"])
        self.assertEqual(good_cells(document, "system"), planned_cells(document, "system"))
        self.assertNotEqual(planned_cells(document, "system"), [])

        found = failures_of(document, spec)
        self.assertNotEqual(found, [], "the document says nothing about it")
        self.assertLessEqual({failure["kind"] for failure in found}, set(kinds))
        self.assertEqual(failures_of(document, "system"), [])
        rows = {row["name"] for row in document["benchmarks"]}
        self.assertEqual([row for row in rows if name in row], [], "a bad cell has a row")

        about = [line for line in done.stderr.splitlines() if name in line]
        self.assertEqual(len(about), 1, done.stderr)

    def test_missing_file(self):
        self.expect_isolated("missing.so", {"unavailable"})

    def test_not_an_elf_file(self):
        self.expect_isolated("not_elf.so", {"unavailable"})

    def test_no_malloc_in_it(self):
        self.expect_isolated("no_malloc.so", {"unavailable", "identity"})

    def test_aborts_while_loading(self):
        self.expect_isolated("abort_load.so", {"crashed"})

    def test_crashes_while_loading(self):
        self.expect_isolated("crash_load.so", {"crashed"})

    def test_hangs_while_loading(self):
        self.expect_isolated("hang_load.so", {"timeout"})

    def test_crashes_while_preloaded(self):
        spec = f"library:{BROKEN / 'crash_load.so'}:attach=preload"
        self.expect_isolated("crash_load.so", {"crashed"}, spec)

    def test_aborts_at_first_block(self):
        self.expect_isolated("abort_malloc.so", {"crashed", "preflight"})

    def test_crashes_in_the_middle(self):
        self.expect_isolated("crash_late.so", {"crashed", "preflight"})

    def test_hangs_in_the_middle(self):
        self.expect_isolated("hang_late.so", {"timeout", "preflight"})

    def test_overlapping_blocks_get_no_number(self):
        self.expect_isolated("overlap.so", {"preflight"})

    def test_a_wrong_first_body_is_no_sample(self):
        """What comes later is right again, and must not stand for all of them."""
        done = self.tool("run", "--preset", "smoke", "-w", "small_ints", "--passes", "time", "-p",
                         "small_ints.steps=1500000", "-o", "out.json", "-b",
                         f"system,library:{BROKEN / 'early_overlap.so'}")
        self.expect_exit(done, BAD_CELL)
        found = failures_of(self.document(), f"library:{BROKEN / 'early_overlap.so'}")
        self.assertEqual({failure["kind"] for failure in found}, {"checksum"})
        self.assertEqual(failures_of(self.document(), "system"), [])

    def test_forged_messages_are_not_believed(self):
        self.expect_isolated("forger.so", {"crashed"})

    def test_a_liar_is_ended(self):
        self.expect_isolated("liar.so", {"crashed", "timeout"})

    def test_all_at_once(self):
        names = ("crash_load.so", "overlap.so", "no_malloc.so", "missing.so")
        specs = ",".join(f"library:{BROKEN / name}" for name in names)
        done, document = self.run_beside_system(specs)
        self.expect_exit(done, BAD_CELL)
        self.assertEqual(good_cells(document, "system"), planned_cells(document, "system"))
        for name in names:
            self.assertNotEqual(failures_of(document, f"library:{BROKEN / name}"), [], name)

    def test_only_a_broken_one(self):
        done = self.tool("run", "--preset", "smoke", "-w", "small_ints", "-o", "out.json",
                         "-b", f"library:{BROKEN / 'crash_load.so'}")
        self.expect_exit(done, BAD_CELL)
        self.assertEqual(self.document()["benchmarks"], [])

    def test_only_a_missing_one(self):
        done = self.tool("run", "--preset", "smoke", "-w", "small_ints", "-o", "out.json",
                         "-b", f"library:{BROKEN / 'missing.so'}")
        self.expect_exit(done, UNAVAILABLE)
        self.assertIn("missing.so", done.stderr)

    def expect_fine(self, name):
        spec = f"library:{BROKEN / name}"
        done, document = self.run_beside_system(spec)
        self.expect_exit(done, GOOD)
        self.assertEqual(good_cells(document, spec), planned_cells(document, spec))
        return done

    def test_the_control_is_fine(self):
        self.expect_fine("bump.so")

    def test_a_library_need_not_tell_usable_sizes(self):
        self.expect_fine("bare.so")

    def test_a_process_left_behind_holds_nobody_up(self):
        self.expect_fine("daemon.so")

    def test_chatter_on_stdout_reaches_nobody(self):
        self.assertNotIn("chatter", self.expect_fine("chatty.so").stdout)


if __name__ == "__main__":
    unittest.main()
