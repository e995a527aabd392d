"""The guide's snippets and the README's do what they say, on a running exchange."""

import ast
import asyncio
import inspect
import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from hosted import CHECKOUT, HostedExchange
from zavora.cli.main import outcome

pytestmark = pytest.mark.exchange
GUIDE = CHECKOUT / "docs/clients/python.md"
README = CHECKOUT / "clients/python/README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:8000"


def blocks(file: Path, language: str) -> list[str]:
    return [text for name, text in BLOCK.findall(file.read_text()) if name == language]


def run(text: str, names: dict[str, Any]) -> None:
    """Run a snippet as a program; one that awaits on a loop of its own."""
    code = compile(text, "snippet", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, names)  # noqa: S307 - our own document
    if inspect.iscoroutine(result):
        asyncio.run(result)


def test_snippets_run(exchange: HostedExchange, capsys: pytest.CaptureFixture[str]) -> None:
    token = exchange.token()
    names: dict[str, Any] = {"URL": exchange.url, "TOKEN": token, "token": token}
    python = blocks(GUIDE, "python")
    assert len(python) == 6

    for text in python:
        run(text, names)
    # What the first one was refused for in the second stands in a remark there.
    shown = capsys.readouterr().out
    assert "{'price': 'expected a multiple of the tick size 0.01'}" in shown
    assert "{'price': 'expected a multiple of the tick size 0.01'}" in python[1]
    for text in blocks(README, "python"):
        run(text.replace(ADDRESS, exchange.url), names)


def test_the_session_of_the_command_line_runs(
    exchange: HostedExchange, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in os.environ if name.startswith("ZAVORA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("ZAVORA_URL", exchange.url)
    monkeypatch.setenv("ZAVORA_TOKEN", exchange.token())
    monkeypatch.chdir(tmp_path)
    (session,) = blocks(GUIDE, "sh")
    lines = [shlex.split(line) for line in session.splitlines()]
    assert len(lines) >= 10

    codes = {" ".join(line): outcome(line[1:]) for line in lines}

    assert set(codes.values()) == {0}, codes
    assert (tmp_path / "fills.csv").exists()
