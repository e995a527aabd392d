"""``docs/asvs.md`` has each requirement once, what it names is there, and its sums are right."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

import pytest

from tests.rules.source import ROOT, text_of, tree_of

ROWS: Final = "docs/asvs.md"
SUMS: Final = "docs/security.md"
# What ASVS 4.0.3 asks at levels 1 and 2: the numbers in each section, as ranges and single ones.
ASKED: Final = {
    "1.1": "1-7", "1.2": "1-4", "1.4": "1 4-5", "1.5": "1-4", "1.6": "1-4", "1.7": "1-2",
    "1.8": "1-2", "1.9": "1-2", "1.10": "1", "1.11": "1-2", "1.12": "2", "1.14": "1-6",
    "2.1": "1-12", "2.2": "1-3", "2.3": "1-3", "2.4": "1-5", "2.5": "1-7", "2.6": "1-3",
    "2.7": "1-6", "2.8": "1-7", "2.9": "1-3", "2.10": "1-4",
    "3.1": "1", "3.2": "1-4", "3.3": "1-4", "3.4": "1-5", "3.5": "1-3", "3.7": "1",
    "4.1": "1-3 5", "4.2": "1-2", "4.3": "1-3",
    "5.1": "1-5", "5.2": "1-8", "5.3": "1-10", "5.4": "1-3", "5.5": "1-4",
    "6.1": "1-3", "6.2": "1-6", "6.3": "1-2", "6.4": "1-2",
    "7.1": "1-4", "7.2": "1-2", "7.3": "1 3-4", "7.4": "1-3",
    "8.1": "1-4", "8.2": "1-3", "8.3": "1-8",
    "9.1": "1-3", "9.2": "1-4",
    "10.2": "1-2", "10.3": "1-3",
    "11.1": "1-8",
    "12.1": "1-3", "12.2": "1", "12.3": "1-6", "12.4": "1-2", "12.5": "1-2", "12.6": "1",
    "13.1": "1 3-5", "13.2": "1-3 5-6", "13.3": "1-2", "13.4": "1-2",
    "14.1": "1-4", "14.2": "1-6", "14.3": "2-3", "14.4": "1-7", "14.5": "1-4",
}  # fmt: skip
STATES: Final = ("met", "outside", "not met", "none here")
QUOTED: Final = re.compile(r"`([^`]+)`")
TEST: Final = re.compile(r"(tests/[\w/]+\.py)(?:::(\w+))?")
SETTING: Final = re.compile(r"[A-Z]+(?:_[A-Z0-9]+)+|DEBUG")
LINK: Final = re.compile(r"\]\([\w/-]+\.md")
# A line of the sums: a chapter, and how many of its requirements stand in each state.
SUM: Final = re.compile(r"^\| (V\d+|all)[^|]*\|(?: *(\d+) *\|){5}$", re.MULTILINE)


class Row(NamedTuple):
    """A requirement and how it stands."""

    number: str
    about: str
    state: str
    how: str


def rows() -> list[Row]:
    """Return the rows of all tables."""
    lines = [line for line in text_of(ROWS).splitlines() if re.match(r"\| \d", line)]
    return [Row(*(cell.strip() for cell in line.strip("|").split("|"))) for line in lines]


def numbers() -> Iterator[str]:
    """Yield what is asked, in order."""
    for section, ranges in ASKED.items():
        for part in ranges.split():
            first, _, last = part.partition("-")
            for number in range(int(first), int(last or first) + 1):
                yield f"{section}.{number}"


def test_each_requirement_is_there_once_and_in_order() -> None:
    assert [row.number for row in rows()] == list(numbers())
    assert len(rows()) == 259


def test_each_has_a_state_and_says_how() -> None:
    wrong = [row for row in rows() if row.state not in STATES or not row.about or not row.how]

    assert wrong == []


def test_what_is_met_names_what_shows_it() -> None:
    silent = [row.number for row in rows() if row.state == "met" and not list(_shown_by(row.how))]
    left = [
        row.number
        for row in rows()
        if row.state == "outside" and not list(_shown_by(row.how)) and not LINK.search(row.how)
    ]

    # A cookie whose path is fixed asks for nothing but a host.
    assert (silent, left) == ([], ["3.4.5"])


def test_tests_and_settings_that_are_named_are_there() -> None:
    settings = text_of("zavora/settings.py") + text_of(".env.example")
    missing = [
        f"{row.number}: {quoted}"
        for row in rows()
        for quoted in QUOTED.findall(row.how)
        if not _is_there(quoted, settings)
    ]

    assert missing == []


@pytest.mark.parametrize(
    "quoted",
    ["tests/rules/test_asvs.py::test_of_nothing", "tests/rules/test_nothing.py", "ZAVORA_NOTHING"],
)
def test_what_is_not_there_is_noticed(quoted: str) -> None:
    assert not _is_there(quoted, text_of("zavora/settings.py"))


def test_the_sums_are_those_of_the_rows() -> None:
    found = {line[1]: [int(n) for n in re.findall(r"\d+(?= *\|)", line[0])] for line in _sums()}
    counts = Counter((f"V{row.number.partition('.')[0]}", row.state) for row in rows())
    expected = {}
    for chapter in sorted({name for name, _ in counts}):
        by_state = [counts[chapter, state] for state in STATES]
        expected[chapter] = [*by_state, sum(by_state)]
    expected["all"] = [sum(column) for column in zip(*expected.values(), strict=True)]

    assert found == expected


def test_what_is_not_met_is_listed_with_the_sums() -> None:
    text = text_of(SUMS).partition("What is not met")[2].partition("\n## ")[0]
    listed = re.findall(r"\b\d+\.\d+\.\d+\b", text)

    assert len(listed) == len(set(listed))
    assert set(listed) == {row.number for row in rows() if row.state == "not met"}


def _sums() -> Iterator[re.Match[str]]:
    return SUM.finditer(text_of(SUMS))


def _shown_by(how: str) -> Iterator[str]:
    """Yield the tests, settings and files that a row names."""
    for quoted in QUOTED.findall(how):
        if TEST.fullmatch(quoted) or SETTING.fullmatch(quoted) or (ROOT / quoted).is_file():
            yield quoted


def _is_there(quoted: str, settings: str) -> bool:
    if test := TEST.fullmatch(quoted):
        path, name = test.groups()
        return (ROOT / path).is_file() and (name is None or name in _functions(path))
    if SETTING.fullmatch(quoted):
        return re.search(rf"\b{quoted}\b", settings) is not None
    return True  # tests/rules/test_docs.py looks for files


def _functions(path: str) -> set[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree_of(path).body if isinstance(node, kinds)}
