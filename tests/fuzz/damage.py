#!/usr/bin/python3
"""Writes what one damaged byte makes of small files: inputs for a fuzz target to start from.

    tests/fuzz/damage.py FOLDER FILE...

For every byte of every FILE: the byte inverted, one bit of it changed at either end, zero, 255, the
byte left out, and the file cut off before it.
"""
import pathlib
import sys


def damaged(whole):
    for at, byte in enumerate(whole):
        for value in {byte ^ 0xFF, byte ^ 0x01, byte ^ 0x80, 0x00, 0xFF} - {byte}:
            yield f"{at}-is-{value}", whole[:at] + bytes([value]) + whole[at + 1:]
        yield f"{at}-gone", whole[:at] + whole[at + 1:]
        yield f"{at}-cut", whole[:at]


def main():
    if len(sys.argv) < 3:
        sys.exit(f"usage: {sys.argv[0]} FOLDER FILE...")
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    count = 0
    for path in map(pathlib.Path, sys.argv[2:]):
        for how, data in damaged(path.read_bytes()):
            (folder / f"{path.stem}-{how}").write_bytes(data)
            count += 1
    print(f"{count} files in {folder}")


if __name__ == "__main__":
    main()
