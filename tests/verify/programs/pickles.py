"""pickle and copy: every protocol, shared and recursive objects."""
import copy
import pickle


class Node:
    def __init__(self, name, peers):
        self.name = name
        self.peers = peers

    def __reduce__(self):
        return Node, (self.name, None), {"peers": self.peers, "extra": [self.name] * 3}


nodes = [Node(str(i), []) for i in range(800)]
for i, node in enumerate(nodes):
    node.peers = {"left": nodes[i - 1].name, "set": frozenset(range(i % 9)), "bytes": b"z" * i}
loop = [nodes]
loop.append(loop)
size = 0
for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
    text = pickle.dumps(loop, protocol)
    size += len(text)
    again = pickle.loads(text)
    assert again[1] is again and again[0][5].peers["set"] == frozenset(range(5))
deep = copy.deepcopy(loop)
assert deep[1] is deep and deep[0] is not nodes
print("pickles:", size > 100000)
