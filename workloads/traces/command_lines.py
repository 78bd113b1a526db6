"""Command lines parsed, settings merged, text filled into templates, paths taken apart.

    python3 command_lines.py [ROUNDS]
"""
import argparse
import configparser
import pathlib
import random
import shlex
import string
import sys
import textwrap

SETTINGS = """
[server]
host = ${name}.example.org
port = ${port}
paths = /srv/${name}:/var/${name}
[limits]
clients = %(base)s0
base = ${base}
"""
LETTER = string.Template("Dear $name,\n\n$text\n\nYour order of ${count} pieces leaves on $day.\n")


def make_parser():
    parser = argparse.ArgumentParser(prog="tool")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("build", "test", "deploy"):
        sub = verbs.add_parser(verb, help=f"{verb} it")
        sub.add_argument("target", nargs="+")
        sub.add_argument("-j", "--jobs", type=int, default=1)
        sub.add_argument("--define", action="append", default=[])
        sub.add_argument("--mode", choices=["fast", "safe"], default="safe")
    return parser


def main(rounds):
    rng = random.Random(8)
    size = jobs = 0
    for turn in range(rounds):
        parser = make_parser()
        for _ in range(12):
            line = (f"{rng.choice(['build', 'test', 'deploy'])} -j {rng.randint(1, 64)} "
                    f"--define 'a={rng.randint(0, 99)}' --mode fast src/m{turn}/a.c 'b c.c'")
            jobs += parser.parse_args(shlex.split(line)).jobs
        settings = configparser.ConfigParser()
        settings.read_string(string.Template(SETTINGS).substitute(
            name=f"node{turn}", port=rng.randint(1024, 65535), base=turn))
        paths = [pathlib.PurePosixPath(part) / "log" / f"{turn}.txt"
                 for part in settings["server"]["paths"].split(":")]
        letter = LETTER.substitute(name=paths[0].stem, count=settings["limits"]["clients"],
                                   day=paths[1].with_suffix(".old").name,
                                   text=" ".join(["Thank you for all of it."] * 12))
        size += len(textwrap.fill(letter, 60)) + len(parser.format_help())
    print(jobs, size)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
