"""Each program of results/reference/findings shows what its head says, on the allocators that it
names and on no other, and the list in the binary names no program that is missing."""

import re
import subprocess
import unittest

import support

FINDINGS = support.ROOT / "results" / "reference" / "findings"
# What a head calls an allocator, the backend that opens it, and what preloads it.
ALLOCATORS = [
    ("glibc", "system", ""),
    ("jemalloc", "jemalloc", "libjemalloc.so.2"),
    ("gperftools", "tcmalloc", "libtcmalloc_minimal.so.4"),
    ("mimalloc", "mimalloc", "libmimalloc.so.2"),
]
FLAGS = ["-O1", "-fno-builtin", "-rdynamic", "-pthread", "-Wall", "-Wextra", "-Werror"]


class Findings(support.CliTest):
    def versions(self):
        """{"jemalloc": "5.3.0", ...} of what is installed here."""
        self.tool("check", "-q", "-b", ",".join(backend for _, backend, _ in ALLOCATORS),
                  "--only", "PYM-01", "-o", "out.json")
        found = {}
        for row in self.document()["pyallocbench"]["backends"]:
            if row["identity"] is not None:
                found[row["id"]] = row["identity"]["version"].split()[-1]
        return found

    def build(self, source):
        program = self.dir / source.stem
        done = subprocess.run(["cc", *FLAGS, "-o", program, source], capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return program

    def shows(self, program, preload):
        done = subprocess.run([program], env={"LD_PRELOAD": preload}, capture_output=True,
                              text=True, timeout=support.HANG_SECONDS, check=False)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertEqual(done.returncode == 1, bool(done.stdout), done.stdout)
        self.assertNotIn("cannot be preloaded", done.stderr)
        return done.returncode == 1

    def test_each_shows_where_it_says_and_nowhere_else(self):
        versions = self.versions()
        for source in sorted(FINDINGS.glob("*.c")):
            head = source.read_text(encoding="utf-8").split("*/")[0]
            self.assertRegex(head, r"\* clause: \S")
            said = dict(re.findall(r"(glibc|jemalloc|gperftools|mimalloc) ([\d.]+\d)",
                                   re.search(r"shows: (.*)", head)[1]))
            self.assertTrue(said, source)
            program = self.build(source)
            for name, backend, preload in ALLOCATORS:
                here = versions.get(backend)
                if here is None or (name in said and said[name] != here):
                    continue  # not installed, or another release: its own matter
                with self.subTest(finding=source.name, allocator=f"{name} {here}"):
                    self.assertEqual(self.shows(program, preload), name in said)

    def test_listed_programs_are_there(self):
        table = (support.ROOT / "tests/conformance/findings.c").read_text(encoding="utf-8")
        listed = re.findall(r'"(results/reference/findings/[^"]+)"', table)
        self.assertTrue(listed)
        for path in listed:
            self.assertTrue((support.ROOT / path).is_file(), path)
        readme = (FINDINGS / "README.md").read_text(encoding="utf-8")
        for source in FINDINGS.glob("*.c"):
            self.assertIn(f"`{source.name}`", readme)


if __name__ == "__main__":
    unittest.main()
