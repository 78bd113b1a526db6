#!/usr/bin/python3
"""What the recorded programs of this folder ask for, as a table: workloads/support/profiles.inc.

    workloads/traces/profile.py [-o FILE] [NAME...]       NAME: all that lie here, unless named

A life is counted in blocks: how many others were made, in any domain, between a block's malloc and
its free; a block that is never given back lives until the program's last. Blocks of one domain,
one way of making and one class of size (16 bytes wide up to 512 bytes, then a quarter of an
octave) are one row: how many there were, which sizes they had, how long they lived.

  sizes   [size, blocks...]: each one up to 512 bytes; above, the means of parts
  lives   [life, blocks...]: the means of parts of the sorted lives. Equal ones share a part, none
          is more than twice another (and 1), and a part has a PARTS-th of the program's blocks at
          most, unless they are equal. So the mean, and with it what is alive at a time, is the
          program's

Blocks that were resized are rows of their own, by domain, in equal parts of blocks that are like
each other: the means of first, largest and last size, number of resizes, blocks made until the last
of these, life. What malloc() was asked for past the interpreter's hooks counts to the raw domain,
as a replay has it; aligned blocks are mallocs.
"""

import argparse
import collections
import pathlib
import sys

import xxhash

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
sys.path.insert(0, str(TOP / "tests" / "cli"))
import pabtrace  # pylint: disable=wrong-import-position  # the reader in Python

PARTS = 1024
RESIZED_PARTS = 128  # of one program, about
SMALL = 512
LARGE_SIZES = 8      # of a row above SMALL, at most
DOMAINS = ("RAW", "MEM", "OBJ", "RAW")
HOW = {pabtrace.MALLOC: "MALLOC", pabtrace.CALLOC: "CALLOC", pabtrace.ALIGNED: "MALLOC",
       pabtrace.INHERIT: "MALLOC"}
HEAD = """\
/* workloads/support/profiles.inc -- what eight recorded programs asked for: sizes, lives, domains.
 *
 * Made by workloads/traces/profile.py from the traces of that folder, and by nothing else: it says
 * what a row means. A unit test holds it to the traces.
 */
"""

Block = collections.namedtuple("Block", "domain how first peak last resizes busy life")


def blocks_of(data):
    """Every block of a trace, in the order in which they were given back."""
    made, alive = 0, {}
    for event in pabtrace.read(data):
        if event.kind == pabtrace.FREE:
            yield done(alive.pop(event.slot), made)
        elif event.kind == pabtrace.REALLOC:
            block = alive[event.slot]
            block.update(peak=max(block["peak"], event.size), last=event.size,
                         resizes=block["resizes"] + 1, busy=made - block["born"])
        else:
            made += 1
            alive[event.slot] = {
                "domain": DOMAINS[event.domain], "how": HOW[event.kind], "first": event.size,
                "peak": event.size, "last": event.size, "resizes": 0, "busy": 0, "born": made}
    for block in alive.values():
        yield done(block, made)


def done(block, made):
    return Block(life=made - block.pop("born"), **block)


def size_class(size):
    """16 bytes wide up to SMALL, then four to an octave; a number that grows with the size."""
    if size <= SMALL:
        return (max(size, 1) + 15) // 16
    octave = size.bit_length() - 1
    return 1000 + 4 * octave + (size >> (octave - 2) & 3)


def parts(values, count):
    """`values` in order, cut into `count` equal parts, or fewer."""
    count = max(1, min(count, len(values)))
    return [values[i * len(values) // count:(i + 1) * len(values) // count] for i in range(count)]


def mean(values):
    return (2 * sum(values) + len(values)) // (2 * len(values))


def numbered(groups):
    """[mean, length...] of lists; those of one mean are one."""
    counts = collections.Counter()
    for group in groups:
        counts[mean(group)] += len(group)
    return [number for pair in sorted(counts.items()) for number in pair]


def sizes_of(blocks):
    sizes = sorted(block.first for block in blocks)
    if sizes[-1] > SMALL:
        return numbered(parts(sizes, LARGE_SIZES))
    return numbered([size] for size in sizes)


def lives_of(blocks, most):
    """`most`: blocks of one part."""
    out = []
    for life, number in sorted(collections.Counter(block.life for block in blocks).items()):
        if not out or life > 2 * out[-1][0] + 1 or len(out[-1]) + number > most:
            out.append([])
        out[-1] += [life] * number
    return numbered(out)


def lines_of(text, numbers, end):
    """`text`, then the numbers, in lines of at most 100 columns."""
    out = "    " + text
    lines = []
    for i, number in enumerate(numbers):
        word = f"{number}" + (end if i == len(numbers) - 1 else ", ")
        if len(out) + len(word.rstrip()) > 96:
            lines.append(out.rstrip())
            out = " " * 8
        out += word
    return lines + [out]


def plain_row(key, blocks, total):
    domain, how, _ = key
    return (lines_of(f"BLOCKS({domain}, {how}, {len(blocks)}, LIST(", sizes_of(blocks), "),") +
            ["    " + line for line in lines_of("LIST(", lives_of(blocks, total / PARTS), ")),")])


def resized_row(domain, blocks, total):
    """Alike are those of like sizes, and among these those of like lives."""
    blocks = sorted(blocks, key=lambda block: (size_class(block.first), size_class(block.last),
                                               block.life, block))
    count = -(-len(blocks) * RESIZED_PARTS // total)
    numbers = [mean([block[field] for block in part]) for part in parts(blocks, count)
               for field in range(2, len(Block._fields))]
    return lines_of(f"RESIZED({domain}, {len(blocks)}, LIST(", numbers, ")),")


def table_of(name, blocks):
    """The rows of one program, in C."""
    plain, resized = collections.defaultdict(list), collections.defaultdict(list)
    for block in blocks:
        if block.resizes > 0:
            resized[block.domain].append(block)
        else:
            plain[block.domain, block.how, size_class(block.first)].append(block)
    lines = [f"static const struct pab_profile_row {name}_rows[] = {{"]
    for key in sorted(plain):
        lines += plain_row(key, plain[key], len(blocks))
    for domain in sorted(resized):
        lines += resized_row(domain, resized[domain], sum(map(len, resized.values())))
    return "\n".join(lines) + "\n};\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=pathlib.Path,
                        default=TOP / "workloads" / "support" / "profiles.inc")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    names = options.names or sorted(path.stem for path in HERE.glob("*.pabtrace"))
    out, entries = HEAD, []
    for name in names:
        data = (HERE / f"{name}.pabtrace").read_bytes()
        blocks = list(blocks_of(data))
        out += "\n" + table_of(name, blocks)
        entries.append(f'    PROFILE("{name}", {name}_rows, {len(blocks)},\n'
                       f"            0x{xxhash.xxh3_64_intdigest(data):016x}),\n")
    out += "\nconst struct pab_profile pab_profiles[] = {\n" + "".join(entries) + "};\n"
    options.output.write_text(out, encoding="utf-8")


if __name__ == "__main__":
    main()
