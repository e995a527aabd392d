"""The project's own text, as the rules read it."""

import ast
import functools
from collections.abc import Collection, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("accounts", "api", "marketdata", "matching")
PACKAGES = (*APPS, "zavora")
CODE = (*PACKAGES, "benchmarks", "clients", "deploy", "examples", "scripts", "tests")


def python_files(*folders: str) -> Iterator[str]:
    """Yield the Python files of some top-level folders, migrations aside, by their paths."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT).as_posix()


@functools.cache
def text_of(path: str) -> str:
    """Return a file's text."""
    return (ROOT / path).read_text()


@functools.cache
def tree_of(path: str) -> ast.Module:
    """Return a Python file's syntax tree."""
    return ast.parse(text_of(path), path)


def last_name(node: ast.AST | None) -> str:
    """Return the last word of a name or an attribute, else nothing."""
    return getattr(node, "attr", "") or getattr(node, "id", "")


def require_only(found: Collection[str], exceptions: Collection[str], rule: str) -> None:
    """Fail where something outside the exceptions breaks a rule, or an exception is not needed."""
    new = sorted(set(found) - set(exceptions))
    gone = sorted(set(exceptions) - set(found))
    assert not new, f"{rule}: {new}"
    assert not gone, (
        f"not needed any more, take it off the list (tests/rules/exceptions.py): {gone}"
    )


def require_at_most(found: dict[str, int], exceptions: dict[str, int], rule: str) -> None:
    """Fail where a figure is above what its exception allows, or an exception is not needed."""
    above = {name: figure for name, figure in found.items() if figure > exceptions.get(name, 0)}
    gone = sorted(set(exceptions) - set(found))
    assert not above, f"{rule}: {above}"
    assert not gone, (
        f"not needed any more, take it off the list (tests/rules/exceptions.py): {gone}"
    )
