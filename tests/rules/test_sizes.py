"""What one has to hold in mind at once is bounded: a function's lines, a module's lines."""

import ast

from tests.rules import exceptions
from tests.rules.source import CODE, ROOT, python_files, require_at_most, text_of, tree_of

FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 400
# Made from the API's document, as many lines as that has: nobody writes them.
GENERATED = ("frontend/src/link/types.ts", "clients/python/src/zavora/models.py")


def test_functions_are_at_most_seventy_lines() -> None:
    long = {
        f"{path}: {node.name}": lines
        for path in python_files(*CODE)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES_MAX
    }

    require_at_most(long, exceptions.LONG_FUNCTIONS, f"above {FUNCTION_LINES_MAX} lines")


def test_modules_are_at_most_four_hundred_lines() -> None:
    scripts = (path.relative_to(ROOT).as_posix() for path in (ROOT / "frontend/src").rglob("*.ts"))
    long = {
        path: lines
        for path in (*python_files(*CODE), *scripts)
        if path not in GENERATED and (lines := text_of(path).count("\n")) > MODULE_LINES_MAX
    }

    require_at_most(long, exceptions.LONG_MODULES, f"above {MODULE_LINES_MAX} lines")
