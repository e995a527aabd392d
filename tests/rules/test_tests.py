"""Tests hold something, and they fake the port, not our own code."""

import ast
from collections import Counter

from tests.rules import exceptions
from tests.rules.source import PACKAGES, last_name, python_files, require_only, tree_of

PATCHES = frozenset({"setattr", "delattr", "setitem", "delitem", "patch", "object"})
# They fail by themselves where what they wait for or look for does not come.
CHECKS = frozenset({"raises", "fail", "warns", "expect"})
Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_our_own_modules_are_patched_no_more_often() -> None:
    found = Counter[str]()
    for path in python_files("tests"):
        foreign = _foreign_names(tree_of(path))
        found[path] += sum(_patches_ours(node, foreign) for node in ast.walk(tree_of(path)))

    assert +found == exceptions.PATCHES, "more is refused; fewer: write the new number down"


def test_every_test_asserts() -> None:
    holding = _names_that_hold()
    found = {
        f"{path}: {node.name}"
        for path in python_files("tests")
        for node in ast.walk(tree_of(path))
        if isinstance(node, Function) and node.name.startswith("test_") and "/test_" in path
        if not _holds(node, holding)
    }

    require_only(found, exceptions.TESTS_WITHOUT_ASSERTIONS, "tests that assert nothing")


def _patches_ours(node: ast.AST, foreign: set[str]) -> bool:
    """Return whether a call replaces a name of what is ours, or of what only a run can tell."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
        return False
    if node.func.attr not in PATCHES or last_name(node.func.value) not in ("monkeypatch", "mock"):
        return False
    target = node.args[0]
    if isinstance(target, ast.Constant):
        return str(target.value).split(".")[0] in PACKAGES
    while isinstance(target, ast.Attribute):
        target = target.value
    return last_name(target) not in foreign


def _foreign_names(tree: ast.Module) -> set[str]:
    """Return the names that a module imports from elsewhere than from our packages."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] not in PACKAGES:
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {
                alias.asname or alias.name.split(".")[0]
                for alias in node.names
                if alias.name.split(".")[0] not in PACKAGES
            }
    return names


def _names_that_hold() -> set[str]:
    """Return the functions and methods of the tests that assert, themselves or by one another."""
    functions = [
        node
        for path in python_files("tests")
        for node in ast.walk(tree_of(path))
        if isinstance(node, Function)
    ]
    holding = set(CHECKS)
    while more := {
        node.name for node in functions if node.name not in holding and _holds(node, holding)
    }:
        holding |= more
    return holding


def _holds(function: Function, holding: set[str]) -> bool:
    """Return whether a function asserts, or calls what does."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Raise) and last_name(
            node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        ) in ("AssertionError", "TimeoutError"):
            return True
        if isinstance(node, ast.Call) and last_name(node.func) in holding:
            return True
    return False
