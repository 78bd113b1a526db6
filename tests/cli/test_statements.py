"""workloads/statements.md: every workload, parameter, check, pass, test and option in it exists."""

import fnmatch
import json
import re
import shlex
import unittest

from support import ROOT, CliTest

LISTS = ("backends", "workloads", "checks", "passes", "presets")
HEADINGS = ["statement", "holds?", "where", "command", "figure"]
LEAST_ROWS = 35


def cells_of(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def rows_of(text):
    """The rows of the tables that have these headings."""
    rows, inside = [], False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
        elif cells_of(line) == HEADINGS:
            inside = True
        elif inside and not line.startswith("|---"):
            rows.append(cells_of(line))
    return rows


def spans_of(cell):
    return re.findall(r"`([^`]+)`", cell)


class Registry:
    """What the binary says that it has, and what of a text it does not have."""

    def __init__(self, tool):
        for name in LISTS:
            document = json.loads(tool("list", name, "--json").stdout)
            setattr(self, name, {row["name"]: row for row in document[name]})
            if name == "backends":
                self.common_keys = {key["name"] for key in document["common_keys"]}
        self.helps = {verb: tool(verb, "--help").stdout
                      for verb in re.findall(r"^  (\w+) +\S", tool("--help").stdout, re.M)}
        self.names = {*self.workloads, *self.checks, *self.passes, *self.helps}

    def wrong_place(self, span):
        """Of the column `where`: a name, WORKLOAD.PARAM, or unit.NAME or unit.NAME/FUNCTION."""
        test = re.fullmatch(r"unit\.(\w+)(?:/(\w+))?", span)
        if test is not None:
            path = ROOT / "tests" / "unit" / f"test_{test[1]}.c"
            if not path.exists():
                return f"no {path.name}"
            run = rf"\b(cmocka_unit_test\w*|PYOBJ_TEST)\({test[2]}[,)]"
            found = test[2] is None or re.search(run, path.read_text("utf-8"))
            return None if found else f"{path.name} runs no {test[2]}"
        workload, _, param = span.partition(".")
        return self.wrong_param(workload, param) if param else self.not_in(span, self.names)

    @staticmethod
    def not_in(name, names):
        return None if fnmatch.filter(names, name) else f"{name} is not to be had"

    def wrong_param(self, workload, param, values=()):
        if workload not in self.workloads:
            return f"no workload {workload}"
        params = {row["name"]: row for row in self.workloads[workload]["params"]}
        if param not in params:
            return f"{workload} takes no {param}"
        row = params[param]
        bad = [value for value in values if not row["min"] <= int(value) <= row["max"]]
        return f"{workload}.{param}={bad[0]} is out of range" if bad else None

    def wrong_spec(self, spec):
        for part in spec.split("+"):
            name, *settings = part.split(":")
            if name not in self.backends:
                return f"no backend {name}"
            keys = {key["name"] for key in self.backends[name]["keys"]} | self.common_keys
            for setting in settings:
                if setting.partition("=")[0] not in keys:
                    return f"{name} takes no {setting}"
        return None

    def wrong_value(self, option, value):
        parts = value.split(",")
        names = {"-w": self.workloads, "--only": self.checks, "--passes": self.passes,
                 "--preset": self.presets}.get(option)
        if names is not None:
            return next(filter(None, (self.not_in(part, names) for part in parts)), None)
        if option == "-b":
            return next(filter(None, map(self.wrong_spec, parts)), None)
        if option == "-p":
            left, _, values = value.partition("=")
            workload, _, param = left.partition(".")
            return self.wrong_param(workload, param, values.split(","))
        return None

    def wrong_command(self, command):
        """Of the column `command`: ctest -R a unit test, or a command line of the binary."""
        words = shlex.split(command)
        if words[0] == "ctest":
            return self.wrong_place(words[words.index("-R") + 1].rstrip("$"))
        if words[0] not in self.helps:
            return f"no command {words[0]}"
        ours = words[1:words.index("--")] if "--" in words else words[1:]
        for i, word in enumerate(ours):
            if word.startswith("-"):
                if not re.search(rf"(^|[ ,]){word}\b", self.helps[words[0]], re.M):
                    return f"{words[0]} takes no {word}"
                wrong = self.wrong_value(word, ours[i + 1]) if i + 1 < len(ours) else None
                if wrong is not None:
                    return wrong
        return None

    def wrong_in(self, row):
        """What a row names that does not exist."""
        _, _, where, command, _ = row
        wrong = [self.wrong_place(span) for span in spans_of(where)]
        wrong += [self.wrong_command(span) for span in spans_of(command)]
        return [what for what in wrong if what is not None]


class StatementsTest(CliTest):
    def setUp(self):
        super().setUp()
        self.registry = Registry(self.tool)
        self.rows = rows_of((ROOT / "workloads" / "statements.md").read_text("utf-8"))

    def test_what_it_names_exists(self):
        self.assertGreaterEqual(len(self.rows), LEAST_ROWS)
        for row in self.rows:
            with self.subTest(statement=row[0]):
                self.assertEqual(len(row), len(HEADINGS), "a | within a cell?")
                self.assertTrue(all(row), "an empty cell")
                self.assertTrue(spans_of(row[2]), "nothing shows it")
                self.assertEqual(self.registry.wrong_in(row), [])

    def test_wrong_names_are_noticed(self):
        """One letter more, in any place that a name stands in."""
        for where, command in (
                ("`stringz`", ""), ("`strings.lives`", ""), ("`GCC-99`", ""), ("`recorded`", ""),
                ("pass `kernels`", ""), ("`unit.gcc`", ""), ("`unit.gc/triggers`", ""),
                ("", "`ctest --test-dir build -R unit.gcc$`"), ("", "`runs -w strings`"),
                ("", "`run --pass time`"), ("", "`run -w stringz`"), ("", "`run --presets quick`"),
                ("", "`run -p strings.lives=1,2`"), ("", "`run -p attributes.slots=0,2`"),
                ("", "`run -b pymalloc:pols=4K`"), ("", "`run -b pymalloc+jemaloc`"),
                ("", "`run --passes memory,tim`"), ("", "`check --only GCC-99`"),
                ("", "`run --preset quack`")):
            with self.subTest(where=where, command=command):
                self.assertEqual(len(self.registry.wrong_in(["", "", where, command, ""])), 1)

    def test_right_names_are_not(self):
        row = ["", "", "`strings.live`, pass `time`, `unit.gc/frozen`", "`run -b pymalloc`", ""]
        self.assertEqual(self.registry.wrong_in(row), ["test_gc.c runs no frozen"])


if __name__ == "__main__":
    unittest.main()
