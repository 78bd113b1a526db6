"""ast: parse, walk, rewrite and compile real modules of the library."""
import argparse
import ast
import inspect
import textwrap

nodes = 0
for module in (argparse, ast, inspect, textwrap):
    with open(module.__file__, encoding="utf-8") as file:
        source = file.read()
    tree = ast.parse(source)
    nodes += sum(1 for _ in ast.walk(tree))

    class Shift(ast.NodeTransformer):
        def visit_Constant(self, node):
            if type(node.value) is int:
                return ast.copy_location(ast.Constant(node.value + 1), node)
            return node

    changed = ast.fix_missing_locations(Shift().visit(tree))
    code = compile(changed, module.__name__, "exec")
    assert code.co_consts and ast.dump(changed) != ast.dump(ast.parse(source))
print("ast_trees:", nodes > 20000)
