"""The tables of `profiles` are what their script makes of the traces: of one of these, here; that all
were made from the traces that ship, tests/unit/test_profiles.c shows."""

import subprocess
import sys
import unittest

from support import ROOT, CliTest


class ProfilesTest(CliTest):
    def test_script_makes_the_table(self):
        name = "text_differences"
        made = self.dir / "made.inc"
        subprocess.run([sys.executable, ROOT / "workloads/traces/profile.py", "-o", made, name],
                       check=True)
        shipped = (ROOT / "workloads/support/profiles.inc").read_text(encoding="utf-8")
        text = made.read_text(encoding="utf-8")
        rows, entry = text.split("\nconst struct pab_profile pab_profiles[] = {\n")
        table = rows[rows.index(f"static const struct pab_profile_row {name}_rows[]"):]
        self.assertGreater(table.count("BLOCKS("), 50)
        self.assertIn(table, shipped)
        self.assertIn(entry.removesuffix("};\n"), shipped)


if __name__ == "__main__":
    unittest.main()
