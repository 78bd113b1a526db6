"""json: nested documents there and back."""
import json

document = {str(i): [i, i / 7, str(i) * (i % 5), {"deep": [None, True, i]}] for i in range(3000)}
text = json.dumps(document)
for indent in (None, 2, None, 4, None):
    again = json.loads(json.dumps(document, indent=indent, sort_keys=indent is None))
    assert again == document
assert json.loads(text) == document
print("json_text:", len(text))
