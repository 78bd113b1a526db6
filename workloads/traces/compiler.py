"""Modules of the standard library parsed, walked, changed, printed and compiled.

    python3 compiler.py [ROUNDS]
"""
import ast
import inspect
import json.decoder
import json.encoder
import json.scanner
import sys
import textwrap


class Renamer(ast.NodeTransformer):
    """Every local name gets a prefix, every constant sum is worked out."""

    def visit_Name(self, node):
        return ast.copy_location(ast.Name("v_" + node.id, node.ctx), node)

    def visit_BinOp(self, node):
        self.generic_visit(node)
        if isinstance(node.left, ast.Constant) and isinstance(node.right, ast.Constant):
            return ast.copy_location(ast.Constant(repr(ast.unparse(node))), node)
        return node


def main(rounds):
    modules = [json.decoder, json.scanner, json.encoder, textwrap]
    depth = names = size = 0
    for _ in range(rounds):
        for module in modules:
            tree = ast.parse(inspect.getsource(module))
            names += sum(isinstance(node, ast.Name) for node in ast.walk(tree))
            code = compile(tree, module.__name__, "exec")
            text = ast.unparse(ast.fix_missing_locations(Renamer().visit(tree)))
            depth = max(depth, ast.dump(tree).count("("))
            size += len(text) + len(code.co_consts)
    print(names, depth, size)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
