"""Compiles one changed source file and links a program with it in front of the libraries."""
import json
import pathlib
import shlex
import subprocess


class Problem(Exception):
    """What the user has to put right."""


class Build:
    """A build folder: how its objects are compiled and its programs linked."""

    def __init__(self, folder, root):
        self.folder = folder
        self.root = root
        path = folder / "compile_commands.json"
        if not path.exists():
            raise Problem(f"{folder} is no build folder: configure and build first "
                          "(cmake --preset release && cmake --build build)")
        self.compiled = []  # (source, folder to compile in, object path in it, argument list)
        for entry in json.loads(path.read_text()):
            words = shlex.split(entry["command"])
            self.compiled.append((pathlib.Path(entry["file"]), pathlib.Path(entry["directory"]),
                                  words[words.index("-o") + 1], words))
        self._links = {}

    def link_command(self, target):
        """(folder, argument list) that links `target`, a path relative to the build folder."""
        if target not in self._links:
            ninja = (self.folder / "build.ninja").exists()
            self._links[target] = (self._ninja_link if ninja else self._make_link)(target)
        return self._links[target]

    def _ninja_link(self, target):
        result = subprocess.run(["ninja", "-C", str(self.folder), "-t", "commands", target],
                                capture_output=True, text=True, check=False)
        lines = [line for line in result.stdout.splitlines() if f" -o {target} " in line + " "]
        if not lines:
            raise Problem(f"no rule links {target} in {self.folder}")
        return self.folder, shlex.split(lines[-1].replace(": && ", "").replace(" && :", ""))

    def _make_link(self, target):
        name = pathlib.PurePath(target).name
        bare = name.removesuffix(".so").removeprefix("lib") if name.endswith(".so") else name
        found = list(self.folder.glob(f"**/CMakeFiles/{bare}.dir/link.txt"))
        if len(found) != 1:
            raise Problem(f"{len(found)} rules link {target} in {self.folder}, not one")
        return found[0].parents[2], shlex.split(found[0].read_text())

    def plant(self, file, text, target, scratch):
        """Compiles `text` in place of `file`, links `target` with it. Returns the new program."""
        source = self.root / file
        folder, link = self.link_command(target)
        for known, object_folder, object_path, words in self.compiled:
            if known == source and _is_linked(folder, link, object_folder, object_path):
                break
        else:
            raise Problem(f"{target} does not contain {source}")
        copy = scratch / source.name
        copy.write_text(text)
        planted = scratch / (source.name + ".o")
        words = list(words)
        words[words.index("-o") + 1] = str(planted)
        words[words.index("-c") + 1] = str(copy)
        words = [word for word in words if word != "-Werror"]
        _step(words, object_folder, f"{source} does not compile with the planted bug")

        program = scratch / pathlib.PurePath(target).name
        original = str((object_folder / object_path).resolve())
        link = [word for word in link if str((folder / word).resolve()) != original]
        at = link.index("-o")
        link[at + 1] = str(program)
        link.insert(at + 2, str(planted))
        _step(link, folder, f"{target} does not link: is the build complete?")
        return program


def _is_linked(folder, words, object_folder, object_path):
    """Whether the link command takes an object file, itself or within its target's archive."""
    objects = {str((folder / word).resolve()) for word in words if word.endswith(".o")}
    if str((object_folder / object_path).resolve()) in objects:
        return True
    parts = pathlib.PurePath(object_path).parts
    archive = "lib" + parts[parts.index("CMakeFiles") + 1].removesuffix(".dir") + ".a"
    return any(pathlib.PurePath(word).name == archive for word in words)


def _step(words, folder, complaint):
    result = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise Problem(complaint + "\n" + result.stderr)


def mutate(root, name, mutant):
    """The text of a mutant's file with the bug in it."""
    text = (root / mutant["file"]).read_text()
    if text.count(mutant["old"]) != 1:
        raise Problem(f"{name}: its `old` text occurs {text.count(mutant['old'])} times in "
                      f"{mutant['file']}, not once: bring its table up to date")
    return text.replace(mutant["old"], mutant["new"])
