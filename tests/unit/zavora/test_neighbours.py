"""Two versions run side by side during an upgrade: each reads what the other one writes.

``tests/former_messages`` has what former versions wrote (``tests/messages.py`` makes a file). A
message may gain fields, at its end and with defaults, as readers pass over what they do not know;
nothing else may change as long as a version that is held here may still run beside this one.
"""

import json
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from tests import messages

FOLDER: Final = Path(__file__).parents[2] / "former_messages"
FORMER: Final = {file.stem: json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))}
MESSAGES: Final = messages.messages()
CASES: Final = [
    pytest.param(version, name, which, id=f"{version}-{name}-{which}")
    for version, kept in FORMER.items()
    for name, both in kept["messages"].items()
    for which in both
]


def extends(former: Any, now: Any) -> bool:
    """Tell whether whoever reads ``former``, and passes over what it does not know, reads ``now``.

    Tags, positions and values are the same as far as they went; arrays go on, objects have more.
    """
    match former, now:
        case list(), list():
            return len(now) >= len(former) and all(map(extends, former, now))
        case dict(), dict():
            return all(key in now and extends(value, now[key]) for key, value in former.items())
    return type(former) is type(now) and bool(former == now)


def of(version: str, name: str, which: str) -> bytes:
    return bytes.fromhex(FORMER[version]["messages"][name][which])


@pytest.mark.parametrize(("version", "name", "which"), CASES)
def test_what_a_former_version_wrote_is_read(version: str, name: str, which: str) -> None:
    message, body = MESSAGES[name], of(version, name, which)
    read = message.decode(body)
    # Written again it says the same, and its own fields behind that.
    assert extends(message.take_apart(body), message.take_apart(message.encode(read)))


@pytest.mark.parametrize(("version", "name", "which"), CASES)
def test_a_former_version_reads_what_is_written_now(version: str, name: str, which: str) -> None:
    message = MESSAGES[name]
    now = message.encode(messages.sample(message.type, is_whole=which == "whole"))
    former = message.take_apart(of(version, name, which))
    assert extends(former, message.take_apart(now)), message.take_apart(now)


@pytest.mark.parametrize("version", FORMER)
def test_no_field_says_a_word_that_a_former_version_does_not_know(version: str) -> None:
    former, now = FORMER[version]["words"], messages.kept()["words"]
    # A reader that knows only certain words refuses the whole message for another one: readers
    # learn it in one version, and writers say it in the next.
    assert {
        field: more
        for field, known in former.items()
        if (more := sorted(set(now.get(field, ())) - set(known)))
    } == {}


@pytest.mark.parametrize("version", FORMER)
def test_processes_find_each_other_by_the_same_names(version: str) -> None:
    assert messages.names() == FORMER[version]["names"]


@pytest.mark.parametrize(
    ("former", "now", "is_read"),
    [
        (["cancel", 1], ["cancel", 1, "more"], True),
        (["cancel", [1, 2]], ["cancel", [1, 2, 3], None], True),
        ({"at": 1}, {"at": 1, "more": 2}, True),
        (["cancel", 1], ["cancel"], False),
        (["cancel", 1], ["cancel", "more", 1], False),
        (["cancel", 1], ["cancel", "1"], False),
        (["cancel", 1], ["withdraw", 1], False),
        (["cancel", True], ["cancel", 1], False),
        ({"at": 1}, {"moment": 1}, False),
    ],
)
def test_what_goes_on_at_its_end_is_the_same_to_a_former_reader(
    former: Any, now: Any, is_read: bool
) -> None:
    assert extends(former, now) == is_read


def test_a_reader_passes_over_fields_that_it_does_not_know() -> None:
    """The rule that all of this stands on, as the codec has it."""

    class Former(msgspec.Struct, array_like=True, tag="one"):
        first: int

    more = msgspec.msgpack.encode(["one", 1, "later", [2]])
    assert msgspec.msgpack.decode(more, type=Former) == Former(1)
