"""What the documents point at is there: files, folders, and the decision that replaced another."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.rules.source import ROOT, text_of

DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
# A path of this repository, from its root: a folder at the top, then more.
PATH = re.compile(
    r"`((?:accounts|api|benchmarks|deploy|docs|examples|frontend|marketdata|matching|scripts|static"
    r"|templates|tests|zavora)/[\w./*{},-]*)(?:::\w+)?`"
)
# A file named beside its folder, in one line of a table or of a paragraph.
NAME = re.compile(r"`(\w+\.(?:py|ts))`")
# Made by `make build` or by a run, so no file of the repository.
MADE = ("static/build/",)
ALTERNATIVES = re.compile(r"\{([^{}]*)\}")
ADR_REPLACED = re.compile(r"[Ss]upersedes (?:ADR |\[ADR )(\d+)")


def test_links_point_at_files() -> None:
    missing = [
        f"{document}: {target}"
        for document in DOCUMENTS
        for target in LINK.findall(text_of(document))
        if ":" not in target and not ((ROOT / document).parent / target).exists()
    ]

    assert missing == []


def test_paths_in_documents_exist() -> None:
    missing = [
        f"{document}: {path}"
        for document in DOCUMENTS
        for written in PATH.findall(text_of(document))
        for path in _alternatives(written)
        if not path.startswith(MADE) and not _exists(path)
    ]

    assert missing == []


def test_files_named_beside_their_folder_are_in_it() -> None:
    missing = [
        f"{document}: {name} in {folders}"
        for document in DOCUMENTS
        for line in text_of(document).splitlines()
        if (folders := [path for path in PATH.findall(line) if path.endswith("/")])
        for name in NAME.findall(line)
        if not any(list((ROOT / folder).rglob(name)) for folder in folders)
    ]

    assert missing == []


def test_a_replaced_decision_says_so() -> None:
    decisions = {int(Path(path).name[:4]): text_of(path) for path in DOCUMENTS if "/adr/" in path}
    silent = [
        f"ADR {replaced} does not name ADR {number}"
        for number, text in decisions.items()
        for replaced in ADR_REPLACED.findall(text)
        if not re.search(rf"[Ss]uperseded[^.]*\bADR {number}\b", decisions[int(replaced)])
    ]

    assert silent == []


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(Path(path).name[:4]) for path in DOCUMENTS if "/adr/" in path]

    assert numbers == list(range(1, len(numbers) + 1))


def _alternatives(path: str) -> Iterator[str]:
    """Yield what a path with ``{this,that}`` stands for."""
    if found := ALTERNATIVES.search(path):
        for word in found[1].split(","):
            yield from _alternatives(path[: found.start()] + word + path[found.end() :])
    else:
        yield path


def _exists(path: str) -> bool:
    return any(ROOT.glob(path)) if "*" in path else (ROOT / path).exists()
