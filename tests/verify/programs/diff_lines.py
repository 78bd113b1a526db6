"""difflib: two versions of a text."""
import difflib

old = [f"line {i} {'x' * (i % 13)}\n" for i in range(700)]
new = [line for i, line in enumerate(old) if i % 17] + [f"new {i}\n" for i in range(40)]
new[100:110] = ["changed\n"] * 10
patch = list(difflib.unified_diff(old, new, "old", "new"))
again = list(difflib.restore(difflib.ndiff(old, new), 2))
assert again == new
assert difflib.get_close_matches("line 69 x", old)
print("diff_lines:", len(patch))
