"""Draws the pictures of one results document: draw.py FILE -o DIR [--only NAMES]
[--workloads GLOBS].

Every module of this folder that has a function draw(document) is a picture; its file name is the
picture's. For each one: NAME.svg, NAME.png (twice the size), NAME.csv with the numbers in it and
NAME.txt with what it shows, in words. The files written are printed, one a line.

Exit: 0 good, 1 a file could not be read or written, 2 not a results document or wrong usage,
6 a document of a newer schema, 77 matplotlib is missing or the document has nothing to draw.
"""

import argparse
import csv
import difflib
import importlib
import io
import os
import pathlib
import sys

USUAL = ("time", "memory")  # the passes of a run that names none

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import load


def complain(message):
    print(f"pyallocbench plot: {message}", file=sys.stderr)


def pictures():
    """{name: module}, in the order of their names."""
    names = sorted(path.stem for path in HERE.glob("*.py") if path.stem != "draw")
    modules = {name: importlib.import_module(name) for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "draw")}


def chosen(available, only):
    if only is None:
        return available
    names = [name for name in only.split(",") if name]
    for name in names:
        if name not in available:
            near = difflib.get_close_matches(name, available, 1, 0)
            raise load.Refused(f"no picture is called '{name}': did you mean "
                               f"{near[0]}? There are {', '.join(available)}", load.EXIT_NOT_OURS)
    return {name: available[name] for name in names}


def csv_text(picture):
    def cell(value):
        if isinstance(value, float):
            return f"{value:.9g}"
        return "" if value is None else value

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(picture.header)
    writer.writerows([cell(value) for value in row] for row in picture.rows)
    return out.getvalue()


def write(picture, name, directory, title):
    """Writes the four files and yields their paths. The same document gives the same bytes."""
    import style
    os.makedirs(directory, exist_ok=True)
    base = pathlib.Path(directory) / name
    svg, png, table, text = (base.with_suffix(s) for s in (".svg", ".png", ".csv", ".txt"))
    picture.figure.savefig(svg, metadata={"Title": title, "Description": picture.alt,
                                          "Date": None, "Creator": None})
    picture.figure.savefig(png, dpi=style.PNG_DPI, metadata={"Software": None})
    table.write_text(csv_text(picture), encoding="utf-8")
    text.write_text(picture.alt + "\n", encoding="utf-8")
    return svg, png, table, text


def draw_all(document, modules, directory, named):
    """Draws what there is to draw; returns how many pictures that was. `named`: the user asked for
    these."""
    import style
    drawn, lacking = 0, {}
    for name, module in modules.items():
        try:
            picture = module.draw(document)
        except style.NotMade as reason:
            lacking[name] = reason.passes
            continue
        except style.NothingToDraw as reason:
            if named or not isinstance(reason, style.NotAsked):
                complain(f"no {name}: {reason}")
            continue
        for path in write(picture, name, directory, module.TITLE):
            print(path)
        drawn += 1
    if not named:  # what few runs make is no news
        lacking = {name: passes for name, passes in lacking.items() if set(passes) <= {*USUAL}}
    say_lacking(document, lacking)
    return drawn


def say_lacking(document, lacking):
    """One line: the pictures, the passes that they need, and the command that makes them."""
    if lacking:
        passes = list(dict.fromkeys(sum(lacking.values(), ())))
        asked = [*USUAL, *(name for name in passes if name not in USUAL)]
        complain(f"no {', '.join(lacking)}: {document.path} has no {' and no '.join(passes)} pass: "
                 f"run again with `pyallocbench run --passes {','.join(asked)} -o FILE`")


def arguments(argv):
    parser = argparse.ArgumentParser(
        prog="pyallocbench plot", description="Draws the pictures of one results document.")
    parser.add_argument("file", metavar="FILE", help="a results document")
    parser.add_argument("-o", dest="directory", metavar="DIR", required=True,
                        help="where the pictures go; made if it is not there")
    parser.add_argument("--workloads", metavar="GLOBS",
                        help="these workloads, joined by commas; means stay over all")
    parser.add_argument("--only", metavar="NAMES", help="these pictures, joined by commas")
    return parser.parse_args(argv)


def main(argv):
    options = arguments(argv)
    try:
        document = load.load(options.file)
        if options.workloads is not None:
            document = document.showing(options.workloads)
        drawn = draw_all(document, chosen(pictures(), options.only), options.directory,
                         options.only is not None)
    except load.Refused as error:
        complain(error)
        return error.exit_status
    except ModuleNotFoundError as error:
        complain(f"{sys.executable} has no {error.name}: apt-get install python3-matplotlib, and "
                 "use the system's python3")
        return load.EXIT_NOTHING_HERE
    except OSError as error:
        complain(f"{error.filename or options.directory}: {error.strerror}: choose another "
                 "directory with -o")
        return load.EXIT_IO
    return 0 if drawn else load.EXIT_NOTHING_HERE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
