"""tokenize, keyword, dis: modules of the library read token by token."""
import argparse
import dis
import io
import keyword
import textwrap
import tokenize

words = 0
for module in (argparse, textwrap):
    with tokenize.open(module.__file__) as file:
        source = file.read()
    found = list(tokenize.generate_tokens(io.StringIO(source).readline))
    words += sum(keyword.iskeyword(token.string) for token in found)
    pairs = [token[:2] for token in found]
    again = tokenize.generate_tokens(io.StringIO(tokenize.untokenize(pairs)).readline)
    assert [token[:2] for token in again] == pairs
steps = sum(1 for _ in dis.get_instructions(compile(source, "x", "exec")))
print("tokens:", words > 1000, steps > 50)
