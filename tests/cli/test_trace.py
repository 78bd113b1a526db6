"""What `trace info` says is what is in the file, by an account of our own; the format's page is true."""

import collections
import json
import random
import re
import unittest

import pabtrace
from pabtrace import ALIGNED, CALLOC, FREE, INHERIT, MALLOC, REALLOC, Event
from support import GOOD, IO_ERROR, NOT_COMPARABLE, ROOT, USAGE, CliTest

PAGE = ROOT / "workloads/trace/README.md"


def drawn(count, seed):
    """Events of every kind, in all domains, by three threads from the middle on."""
    rng = random.Random(seed)
    live, free, used, threads, events = [], [], 0, 1, []
    for i in range(count):
        thread = rng.randrange(min(threads + 1, 3)) if i > count // 2 else 0
        threads = max(threads, thread + 1)
        kind = rng.choice((MALLOC, MALLOC, MALLOC, CALLOC, ALIGNED, REALLOC, FREE, FREE))
        if kind in (REALLOC, FREE) and live:
            slot, domain = rng.choice(live)
            size = rng.randrange(1, 900) if kind == REALLOC else 0
            events.append(Event(kind, domain, size, slot, thread))
            if kind == FREE:
                live.remove((slot, domain))
                free.append(slot)
            continue
        kind = rng.choice((MALLOC, INHERIT)) if kind in (REALLOC, FREE) else kind
        slot, used = (free.pop(), used) if free else (used, used + 1)
        domain = rng.randrange(4)
        size = rng.randrange(1 << rng.randrange(1, 22))
        events.append(Event(kind, domain, size, slot, thread, 5 if kind == ALIGNED else 0))
        live.append((slot, domain))
    return events


def account(events):
    """What `trace info --json` should say of them."""
    calls = collections.Counter((event.domain, event.kind) for event in events)
    out = collections.Counter()
    blocks, lives, bytes_lives, octaves = {}, [], [], collections.Counter()
    requested = live = last = 0
    peak = (0, 0, 0)
    for number, event in enumerate(events, 1):
        out["handovers"] += number > 1 and event.thread != last
        last = event.thread
        if event.kind == FREE:
            size, born, had, maker = blocks.pop(event.slot)
            live -= size
            lives.append(number - born)
            bytes_lives.append(requested - had)
            out["foreign"] += maker != event.thread
            continue
        if event.kind == REALLOC:
            size, born, had, maker = blocks[event.slot]
            out["grew"] += event.size > size
            out["shrank"] += event.size < size
            requested += max(event.size - size, 0)
            live += event.size - size
            blocks[event.slot] = event.size, born, had, maker
        else:
            blocks[event.slot] = event.size, number, requested, event.thread
            requested += event.size if event.kind != INHERIT else 0
            live += event.size
        if event.kind != INHERIT:
            octaves[1 << max(event.size - 1, 0).bit_length()] += 1
        peak = max(peak, (live, -number, len(blocks)))
    return calls, out, lives, bytes_lives, octaves, requested, peak, len(blocks), live


class TraceTest(CliTest):
    def save(self, data, name="app.pabtrace"):
        (self.dir / name).write_bytes(data)
        return name

    def info(self, data):
        done = self.tool("trace", "info", self.save(data), "--json")
        self.expect_exit(done, GOOD)
        self.assertEqual(done.stderr, "")
        return json.loads(done.stdout)

    def made(self, count=3000, seed=1):
        """Events and a file of them in frames of 500."""
        events, writer = drawn(count, seed), pabtrace.Writer(command="python3 app.py", mode="python",
                                                             python="3.11.2")
        for i in range(0, count, 500):
            writer.put(events[i:i + 500], wall_ns=1000 * (i + 500), cpu_ns=700 * (i + 500))
        writer.note("Z", wall_ns=1000 * count, cpu_ns=700 * count, refused=4)
        return events, writer.data


class InfoTest(TraceTest):
    def test_counts_are_those_of_the_events(self):
        events, data = self.made()
        calls, out, _, _, octaves, requested, peak, blocks, live = account(events)
        info = self.info(data)
        for domain, name in enumerate(pabtrace.DOMAINS):
            for kind in range(pabtrace.THREAD):
                self.assertEqual(info["domains"][name][pabtrace.KINDS[kind]],
                                 calls[domain, kind], (name, kind))
        self.assertEqual(info["events"], len(events))
        self.assertEqual(info["domains"]["all"]["requested_bytes"], requested)
        self.assertEqual(info["domains"]["all"]["end_blocks"], blocks)
        self.assertEqual(info["domains"]["all"]["end_bytes"], live)
        self.assertEqual(info["peak"], {"bytes": peak[0], "event": -peak[1], "blocks": peak[2],
                                        "wall_ns": info["peak"]["wall_ns"]})
        self.assertAlmostEqual(info["peak"]["wall_ns"], 1000 * -peak[1], delta=1000)
        self.assertEqual({row["upto_bytes"]: row["requests"] for row in info["sizes"]}, octaves)
        self.assertEqual(info["requests_upto_512"],
                         sum(row["requests"] for row in info["size_classes"]))
        self.assertEqual(info["requests_upto_512"],
                         sum(number for upto, number in octaves.items() if upto <= 512))
        self.assertEqual((info["realloc"]["grew"], info["realloc"]["shrank"]),
                         (out["grew"], out["shrank"]))
        self.assertEqual((info["threads"]["handovers"], info["threads"]["foreign_frees"]),
                         (out["handovers"], out["foreign"]))
        self.assertEqual(sum(info["threads"]["events"]), len(events))
        self.assertEqual((info["frames"], info["wall_ns"], info["cpu_ns"]), (6, 3000000, 2100000))
        self.assertTrue(info["whole"])
        self.assertEqual(info["totals"], {"refused": 4})

    def test_lifetimes_are_those_of_the_blocks(self):
        events, data = self.made(seed=2)
        _, _, lives, bytes_lives, *_ = account(events)
        info = self.info(data)["lifetimes"]
        for found, wanted in ((info["events"], lives), (info["bytes"], bytes_lives)):
            wanted = sorted(wanted)
            self.assertEqual((found["count"], found["most"]), (len(wanted), wanted[-1]))
            self.assertAlmostEqual(found["mean"], sum(wanted) / len(wanted), delta=0.001)
            for name, share in (("p10", 10), ("p50", 50), ("p90", 90)):
                exact = wanted[(len(wanted) * share + 99) // 100 - 1]
                self.assertAlmostEqual(found[name], exact, delta=exact / 31 + 0.01)
            self.assertEqual(found["decades"][1], sum(10 <= value < 100 for value in wanted))
        self.assertAlmostEqual(info["ns"]["mean"], 1000 * info["events"]["mean"], delta=2)

    def test_without_clocks_there_are_no_times(self):
        writer = pabtrace.Writer()
        writer.put([Event(MALLOC, 2, 8), Event(FREE, 2, 0)])
        self.assertIsNone(self.info(writer.data)["lifetimes"]["ns"])

    def test_forks_are_told(self):
        writer = pabtrace.Writer()
        writer.put([Event(MALLOC, 2, 8)])
        writer.note("F", fork=1)
        self.assertEqual(self.info(writer.data)["forks"], [{"fork": 1, "event": 1}])

    def test_text_fits_and_needs_no_colour(self):
        _, data = self.made()
        done = self.tool("trace", "info", self.save(data))
        self.expect_exit(done, GOOD)
        for line in done.stdout.splitlines():
            self.assertLessEqual(len(line), 80, line)
            self.assertRegex(line, r"^[ -~]*$")
        self.assertIn("app.pabtrace: 3,000 events, complete\n", done.stdout)
        self.assertIn("through the hooks of an interpreter, CPython 3.11.2", done.stdout)
        self.assertIn("4 requests got NULL", done.stdout)

    def test_a_trace_of_nothing(self):
        writer = pabtrace.Writer(command="true")
        writer.note("Z")
        done = self.tool("trace", "info", self.save(writer.data))
        self.expect_exit(done, GOOD)
        self.assertIn("0 events, complete", done.stdout)


class BadInputTest(TraceTest):
    def test_what_precedes_the_damage_is_told(self):
        _, data = self.made()
        for name, bad in (("cut", data[:-200]), ("changed", data[:-200] + b"?" + data[-199:])):
            done = self.tool("trace", "info", self.save(bad))
            self.expect_one_line(done, USAGE, "app.pabtrace: damaged, in frame ", " at byte ",
                                 "2500 events before it are good")
            self.assertIn("2,500 events, not complete", done.stdout, name)
            done = self.tool("trace", "info", "--json", "app.pabtrace")
            self.assertEqual(json.loads(done.stdout)["events"], 2500)
            self.assertFalse(json.loads(done.stdout)["whole"])

    def test_more_alive_than_can_be(self):
        writer = pabtrace.Writer()
        writer.put([Event(MALLOC, 0, 2**47 - 1), Event(MALLOC, 0, 1)])
        done = self.tool("trace", "info", self.save(writer.data))
        self.expect_one_line(done, USAGE, "app.pabtrace: event 2: more bytes are alive")

    def test_events_that_cannot_be(self):
        """Whoever made them so with check sums that hold: what precedes them is told, and replayed."""
        for name, bad, why in (
                ("unknown", [Event(FREE, 2, 0, 7)], "a block that is not alive"),
                ("twice", [Event(FREE, 2, 0, 0), Event(FREE, 2, 0, 0)], "a block that is not alive"),
                ("size", [Event(MALLOC, 2, 1 << 62)], "a size that cannot be"),
                ("thread", [Event(MALLOC, 2, 8, 0, 1000000)], "a thread that cannot be")):
            writer = pabtrace.Writer(command="x")
            writer.put([Event(MALLOC, 2, 100)])
            writer.put(bad)
            writer.note("Z")
            good = 2 if name == "twice" else 1
            done = self.tool("trace", "info", self.save(writer.data, f"{name}.pabtrace"))
            self.expect_one_line(done, USAGE, why, f"{good} events before it are good")
            self.assertIn(f"{good} events, not complete", done.stdout)
            done = self.tool("run", "-w", f"trace:./{name}.pabtrace", "-b", "system")
            self.expect_one_line(done, USAGE, why, f"-p trace:{name}.events={good}")

    def test_no_trace(self):
        _, data = self.made(count=500)
        for bad, code, words in (
                (b"", USAGE, "it has 0 bytes"), (b"{}" * 500, USAGE, "does not begin with"),
                (data[:8] + b"\2" + data[9:], NOT_COMPARABLE, "a trace of version 2"),
                (data[:8] + b"\0\0\0\1" + data[12:], USAGE, "big-endian")):
            done = self.tool("trace", "info", self.save(bad))
            self.expect_one_line(done, code, "app.pabtrace: ", words)
            self.assertEqual(done.stdout, "")
        self.expect_one_line(self.tool("trace", "info", "none.pabtrace"), IO_ERROR,
                             "none.pabtrace: cannot be read: No such file")
        self.expect_one_line(self.tool("trace", "info", "."), IO_ERROR, "no regular file")

    def test_usage(self):
        for words in ((), ("info",), ("inof", "x"), ("info", "x", "y"), ("info", "--nope", "x")):
            done = self.tool("trace", *words)
            self.expect_exit(done, USAGE)
            self.assertEqual(done.stdout, "")


class FormatTest(TraceTest):
    def test_the_example_of_the_page_is_true(self):
        rows = re.findall(r"^    [0-9a-f]{4}  ([0-9a-f ]+)$", PAGE.read_text(encoding="utf-8"), re.M)
        data = bytes.fromhex(" ".join(rows))
        self.assertEqual(len(data), 215)
        self.assertEqual(list(pabtrace.read(data)), [
            Event(MALLOC, 2, 49, 0), Event(MALLOC, 1, 200, 1), Event(REALLOC, 1, 400, 1),
            Event(FREE, 2, 0, 0), Event(MALLOC, 2, 30, 0, 1), Event(ALIGNED, 3, 64, 2, 0, 6)])
        info = self.info(data)
        self.assertEqual((info["events"], info["wall_ns"], info["cpu_ns"]), (6, 5000, 4000))
        self.assertEqual((info["threads"]["events"], info["alignments"]),
                         ([5, 1], [{"alignment": 64, "requests": 1}]))

    def test_a_stranger_reads_what_record_writes(self):
        done = self.tool("record", "-o", "real.pabtrace", "--", "/usr/bin/python3", "-ISc", "")
        self.expect_exit(done, GOOD)
        events = list(pabtrace.read((self.dir / "real.pabtrace").read_bytes()))
        info = json.loads(self.tool("trace", "info", "--json", "real.pabtrace").stdout)
        calls, *_, requested, peak, blocks, live = account(events)
        self.assertEqual(info["events"], len(events))
        self.assertGreater(len(events), 0)
        self.assertEqual(info["domains"]["obj"]["malloc"], calls[2, MALLOC])
        self.assertEqual((info["peak"]["bytes"], info["domains"]["all"]["end_bytes"],
                          info["domains"]["all"]["end_blocks"],
                          info["domains"]["all"]["requested_bytes"]),
                         (peak[0], live, blocks, requested))


if __name__ == "__main__":
    unittest.main()
