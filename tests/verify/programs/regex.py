"""re: compile, search, replace, split, with and without groups."""
import re

text = " ".join(f"user{i}@host{i % 17}.example +{i:05d} {i}/{i % 12}/{i % 31}" for i in range(4000))
mails = re.findall(r"(\w+)@([\w.]+)", text)
assert len(mails) == 4000
assert len(re.sub(r"\d+", lambda match: match[0][::-1], text)) == len(text)
assert sum(1 for _ in re.finditer(r"(?P<day>\d+)/(?P<month>\d+)/(?P<year>\d+)", text)) == 4000
for i in range(120):
    assert re.compile(rf"(a{{{i}}}|b{i}|[c-{chr(100 + i % 20)}]+)*x").match("x")
assert len(re.split(r"[ /@.]", text)) > 20000
print("regex:", len(mails))
