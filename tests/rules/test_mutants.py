"""What the engine's tests need not notice (`make mutants`) are changes of lines that are there."""

import ast
import tomllib

from tests.rules.source import ROOT, text_of, tree_of

LISTED = ROOT / "tests/mutants/survivors.toml"


def test_every_mutant_that_may_survive_is_of_a_line_that_stands_and_has_a_reason() -> None:
    groups = tomllib.loads(LISTED.read_text())["survivors"]
    wrong = [
        (where, was)
        for group in groups
        for where, was, now in group["mutants"]
        if _in_one_line(was) not in _function(where) or was == now
    ]

    assert wrong == []
    assert all(len(group["why"]) > 20 for group in groups)


def _function(where: str) -> str:
    """Return the text of ``module.function`` or ``module.Class.method`` of the engine."""
    module, *names = where.split(".")
    path = f"matching/engine/{module}.py"
    found: ast.AST = tree_of(path)
    for name in names:
        body = getattr(found, "body", [])
        found = next((node for node in body if getattr(node, "name", "") == name), ast.Pass())
    return _in_one_line(ast.get_source_segment(text_of(path), found) or "")


def _in_one_line(text: str) -> str:
    return " ".join(text.split())
