"""What keeps an upgrade from being made, of what was found."""

import pytest

from zavora.foundation.versions import VERSION
from zavora.upgrade.checking import waiting_migrations
from zavora.upgrade.judging import Judgement, Verdict
from zavora.upgrade.running import UNTOLD, Running
from zavora.upgrade.shapes import Column, Rule, Shapes, missed
from zavora.upgrade.waiting import Holder, still_there

SAME, OTHER = Running("celery", VERSION), Running("a web process", "0.0.9")
SILENT = Running("the worker of shard 0", UNTOLD)
OPTIONAL, REQUIRED = Column("integer", False, False), Column("integer", True, False)
FILLED = Column("integer", True, True)


def judged(verdict: Verdict) -> Judgement:
    return Judgement("app.0001_one", verdict, [], [])


@pytest.mark.parametrize(
    ("verdict", "running", "accepted", "starts"),
    [
        (Verdict.EXPAND, [OTHER], [], None),
        (Verdict.CONTRACT, [SAME], [], None),
        (Verdict.CONTRACT, [SAME, OTHER], [], "has to wait until no other version runs"),
        (Verdict.CONTRACT, [SILENT], [], "has to wait until no other version runs"),
        (Verdict.REFUSE, [], [], "would stop batches, or fails"),
        (Verdict.REFUSE, [OTHER], ["app.0001_one"], None),
        (Verdict.CONTRACT, [OTHER], ["app.0001_one"], None),
    ],
)
def test_a_migration_waits_for_what_it_would_harm(
    verdict: Verdict, running: list[Running], accepted: list[str], starts: str | None
) -> None:
    lines = list(waiting_migrations([judged(verdict)], running, accepted))
    assert len(lines) == (starts is not None)
    if starts is not None:
        assert lines[0].startswith(f"app.0001_one {starts}")


@pytest.mark.parametrize(
    ("columns", "rules", "lines"),
    [
        ({"a": OPTIONAL, "b": FILLED, "c": OPTIONAL}, {}, []),
        ({"a": OPTIONAL, "b": FILLED, "c": FILLED}, {}, []),
        ({"a": OPTIONAL}, {}, ["t.b is gone"]),
        ({"a": REQUIRED, "b": FILLED}, {}, ["t.a is NOT NULL, which the former version need not"]),
        ({"a": OPTIONAL, "b": REQUIRED}, {}, ["t.b has no default any more"]),
        ({"a": OPTIONAL, "b": FILLED, "c": REQUIRED}, {}, ["t.c is new, NOT NULL and without a"]),
        ({"a": OPTIONAL, "b": FILLED}, {"new": Rule("CHECK (a > 0)", ["a"])}, ["t: new is new"]),
        ({"a": OPTIONAL, "b": FILLED, "c": OPTIONAL}, {"new": Rule("CHECK (c)", ["c"])}, []),
        ({"a": OPTIONAL, "b": FILLED}, {"old": Rule("CHECK (a > -1)", ["a"])}, []),
        ({"a": OPTIONAL, "b": FILLED}, {"renamed": Rule("CHECK (a > 1)", ["a"])}, []),
    ],
)
def test_what_a_former_version_would_miss(
    columns: dict[str, Column], rules: dict[str, Rule], lines: list[str]
) -> None:
    before = Shapes(
        {"t": {"a": OPTIONAL, "b": FILLED}}, {"t": {"old": Rule("CHECK (a > 1)", ["a"])}}
    )
    found = missed(before, Shapes({"t": columns}, {"t": rules}))
    assert len(found) == len(lines)
    assert all(one.startswith(line) for one, line in zip(found, lines, strict=True)), found


def test_a_table_that_is_gone_is_missed() -> None:
    assert missed(Shapes({"t": {}}, {}), Shapes({}, {})) == ["t is gone"]


def test_who_is_there_twice_by_the_same_transaction_is_in_the_way() -> None:
    one = Holder(7, "3/9", "psql", "ann", "idle in transaction", ["t", "u"])
    assert still_there({(7, "3/9"): one}, {(7, "3/9"): one}) == [one]
    assert still_there({(7, "3/9"): one}, {(7, "3/10"): one}) == []
    assert one.text() == "session 7 (ann, psql, idle in transaction) holds t, u"
    assert Holder(0, "-1/9", "", "", "", ["t"]).text() == "a prepared transaction (-1/9) holds t"
