"""A block of a page that a script here makes from a document, between two marker lines.

    SCRIPT FILE                 prints the block
    SCRIPT FILE --update PAGE   writes it between the marker lines of PAGE
    SCRIPT --check PAGE         is PAGE what the document that its block names gives?

A script is a Block and a call of main(). Exit: 0 good, 1 a file could not be read or written, or
--check found a difference, 2 not a results document, no markers, or wrong usage, 6 a document of a
newer schema. Depends on load.py and the standard library.
"""

import argparse
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass

import load

SOURCE = "Made from ["


@dataclass(frozen=True)
class Block:
    script: str  # "table.py"
    title: str  # what it does, in a line
    marker: str  # the word in its marker lines
    part: str  # what the document must hold: load.MEASUREMENTS or load.CHECKS
    text: Callable  # (document, link) -> the whole block, which ends with source(link)

    @property
    def begin(self):
        return f"<!-- {self.marker}: begin -->"

    @property
    def end(self):
        return f"<!-- {self.marker}: end -->"


# --- what blocks say alike ------------------------------------------------------------------------

def source(link):
    """`link` is the document's path as the reader of the page follows it."""
    return f"{SOURCE}`{link}`]({link})"


def code(text):
    """Fit for a cell of a table."""
    return "`" + text.replace("|", "\\|") + "`"


def markdown(header, rows, words):
    """A table; the columns named in `words` stand on the left, the others on the right."""
    rule = [":---" if name in words else "---:" for name in header]
    return ["| " + " | ".join(line) + " |" for line in [header, rule] + rows]


def machine(document):
    """Each host of a merged document: they are never one machine."""
    return "; and ".join(one_machine(host.provenance) for host in document.hosts)


def one_machine(facts):
    return (f"{facts['cpu_model'] or 'unknown CPU'}, {facts['cpu_count']} CPUs"
            + (f" ({facts['virtualization']})" if facts["virtualization"] else "")
            + f"; {facts['kernel']}; {facts['libc']}")


def versions(document):
    """A list of one line, or of none."""
    known = [f"`{b.id}` {b.version}" for b in document.backends if b.status == "ok" and b.version]
    return ["Versions: " + "; ".join(known) + "."] if known else []


# --- the page -------------------------------------------------------------------------------------

def split(block, path):
    """(before, block, after) of a page with markers, each marker with its neighbour."""
    with open(path, encoding="utf-8") as file:
        page = file.read()
    begin, end = block.begin, block.end
    match = re.search(f"(.*{re.escape(begin)}\n)(.*?)({re.escape(end)}.*)", page, re.DOTALL)
    if match is None or page.count(begin) != 1 or page.count(end) != 1:
        raise load.Refused(f"{path}: needs the lines '{begin}' and '{end}', once each and in this "
                           "order", load.EXIT_NOT_OURS)
    return match.groups()


def link_to(document_path, page_path):
    return os.path.relpath(document_path, os.path.dirname(os.path.abspath(page_path)))


def update(block, document, page_path):
    before, _, after = split(block, page_path)
    text = block.text(document, link_to(document.path, page_path))
    with open(page_path, "w", encoding="utf-8") as file:
        file.write(before + text + after)


def check(block, page_path):
    _, old, _ = split(block, page_path)
    named = re.search(re.escape(SOURCE) + r"`([^`]+)`", old)
    if named is None:
        raise load.Refused(f"{page_path}: its {block.marker} block names no document: run "
                           f"{block.script} FILE --update {page_path}", load.EXIT_IO)
    path = os.path.join(os.path.dirname(page_path), named.group(1))
    if block.text(load.load(path, block.part), named.group(1)) != old:
        raise load.Refused(f"{page_path}: its {block.marker} block is not what {path} gives: run "
                           f"{block.script} {path} --update {page_path}", load.EXIT_IO)


# --- the command line -----------------------------------------------------------------------------

def arguments(block, argv):
    parser = argparse.ArgumentParser(prog=block.script, description=block.title)
    parser.add_argument("file", metavar="FILE", nargs="?",
                        help=f"a results document with {block.part}")
    parser.add_argument("--update", metavar="PAGE", help="write the block into this page")
    parser.add_argument("--check", metavar="PAGE", help="compare this page with its document")
    options = parser.parse_args(argv)
    if (options.file is None) == (options.check is None):
        parser.error("name a results document, or a page with --check")
    return options


def run(block, options):
    if options.check:
        check(block, options.check)
        return
    document = load.load(options.file, block.part)
    if options.update:
        update(block, document, options.update)
    else:
        sys.stdout.reconfigure(encoding="utf-8")
        sys.stdout.write(block.text(document, options.file))


def main(block, argv):
    """The exit status."""
    try:
        run(block, arguments(block, argv))
    except load.Refused as error:
        print(f"{block.script}: {error}", file=sys.stderr)
        return error.exit_status
    except UnicodeDecodeError:
        print(f"{block.script}: the page is not text", file=sys.stderr)
        return load.EXIT_NOT_OURS
    except OSError as error:
        print(f"{block.script}: {error.filename}: {error.strerror}", file=sys.stderr)
        return load.EXIT_IO
    return 0
