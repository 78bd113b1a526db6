"""compileall: a package of the library compiled afresh, into a folder of its own."""
import compileall
import json
import os
import shutil
import tempfile
import unittest

with tempfile.TemporaryDirectory() as folder:
    for package in (json, unittest):
        source = os.path.dirname(package.__file__)
        target = os.path.join(folder, package.__name__)
        shutil.copytree(source, target,
                        ignore=shutil.ignore_patterns("__pycache__", "test", "tests"))
        assert compileall.compile_dir(target, quiet=2, force=True)
    made = [name for _, _, names in os.walk(folder) for name in names if name.endswith(".pyc")]
print("compile_library:", len(made) > 10)
