"""Exceptions that the tools keep are needed, too: whatever is mended comes off their lists."""

import json
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import vulture

from tests.rules.source import ROOT

RUFF = Path(sys.executable).parent / "ruff"


def test_ruff_is_told_of_no_file_that_keeps_the_rules() -> None:
    settings = _tools()["ruff"]["lint"]["per-file-ignores"]
    # Patterns are policies for a kind of file; a single file is an exception.
    listed = {(path, code) for path, codes in settings.items() if "*" not in path for code in codes}
    options = ("--config", "lint.per-file-ignores = {}", "--output-format", "json", "--exit-zero")
    codes = ",".join(sorted({code for _, code in listed}))
    paths = sorted({path for path, _ in listed})
    found = subprocess.run(
        [RUFF, "check", *options, "--no-cache", "--select", codes, *paths],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    broken = {
        (Path(finding["filename"]).relative_to(ROOT).as_posix(), finding["code"])
        for finding in json.loads(found)
    }

    assert sorted(listed - broken) == []


def test_vulture_is_told_of_no_name_that_is_used() -> None:
    settings = _tools()["vulture"]
    search = vulture.Vulture(ignore_decorators=settings["ignore_decorators"])
    search.scavenge([ROOT / path for path in settings["paths"]], exclude=settings["exclude"])
    unused = {item.name for item in search.get_unused_code(settings["min_confidence"])}

    assert [
        name
        for name in settings["ignore_names"]
        if not any(fnmatchcase(item, name) for item in unused)
    ] == []


def _tools() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
