"""Source text cut into tokens by a regular expression, and two versions of it compared.

    python3 text_differences.py [ROUNDS]
"""
import collections
import difflib
import inspect
import random
import re
import sys
import textwrap

TOKEN = re.compile(
    r"(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<string>\"[^\"\n]*\"|'[^'\n]*')"
    r"|(?P<comment>#[^\n]*)|(?P<operator>[-+*/%=<>!&|^~]+)|(?P<space>\s+)|(?P<other>.)")


def edited(rng, lines):
    """The lines, some of them changed, doubled or gone."""
    out = []
    for line in lines:
        chance = rng.random()
        if chance < 0.03:
            continue
        out.append(line.replace("self", "this") if chance < 0.08 else line)
        if chance > 0.98:
            out.append(line)
    return out


def main(rounds):
    rng = random.Random(2)
    source = inspect.getsource(textwrap)
    lines = source.splitlines(keepends=True)
    counts = collections.Counter()
    sizes = []
    for _ in range(rounds):
        for match in TOKEN.finditer(source):
            counts[match.lastgroup, match.group().lower()[:12]] += 1
        other = edited(rng, lines)
        difference = list(difflib.unified_diff(lines, other, "before", "after", n=2))
        close = [difflib.get_close_matches(word, ["wrapper", "indent", "dedent", "fill", "shorten"])
                 for word in rng.sample(re.findall(r"\w{4,}", source), 25)]
        sizes.append(len("".join(difference)) + sum(map(len, close)))
    print(len(counts), counts.most_common(1)[0], sizes)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
