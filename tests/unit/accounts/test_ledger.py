"""What the ledger does where the database answers what it never should, or too little."""

from typing import Any

import pytest

from accounts.money.ledger import (
    AccountFigures,
    LockedBalance,
    lock_balances,
    read_entries,
    read_fee_account,
    take_accounts,
)
from zavora.foundation.errors import InvariantBroken

KEY = (7, 2)


class Answers:
    """A cursor and its connection at once: it gives the rows that it was made with."""

    def __init__(self, *rows: tuple[Any, ...]) -> None:
        self.rows = list(rows)
        self.asked: list[str] = []

    @property
    def connection(self) -> "Answers":
        return self

    def execute(self, statement: str, parameters: object = None) -> "Answers":
        self.asked.append(statement)
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        return self.rows.pop(0) if self.rows else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self.rows


def test_a_shard_without_fee_account_is_an_error_of_ours():
    with pytest.raises(InvariantBroken, match="no fee account for shard 3"):
        read_fee_account(Answers(), 3)

    assert read_fee_account(Answers((12,)), 3) == 12


def test_balances_that_are_all_there_are_asked_for_once():
    table = Answers((1, 7, 2, "1.5", "0.5", 4))

    there = set()
    for _ in range(2):
        found = lock_balances(table, [KEY], {2: 1}, there)
        assert found == {KEY: LockedBalance(1, 15, 5, 4)}
    # Whether all are there is asked the first time alone.
    assert ["NOT EXISTS" in statement for statement in table.asked] == [True, False]


def test_a_balance_that_could_not_be_made_is_an_error_of_ours():
    table = Answers()

    with pytest.raises(InvariantBroken, match="0 of 1 balances could be locked"):
        lock_balances(table, [KEY], {2: 8}, there := set())
    assert there == set()
    assert [statement.split()[0] for statement in table.asked] == ["SELECT", "INSERT", "SELECT"]


def test_balances_of_assets_that_are_traded_nowhere_here_are_left_out():
    rows = [
        (7, "active", 10, 20, 3, 2, "1.5", False, None),
        (7, "active", 10, 20, 3, 9, "4", False, None),
        (8, "frozen", None, None, None, None, None, None, None),
        (9, "active", None, None, None, 2, "99999999999999999999", True, None),
    ]

    accounts, available, nearly_full = take_accounts(Answers(*rows), {2: 1})

    assert accounts == {
        7: AccountFigures("active", 10, 20, 3),
        8: AccountFigures("frozen", None, None, 0),
        9: AccountFigures("active", None, None, 0),
    }
    assert available == {(7, 2): 15, (9, 2): 999_999_999_999_999_999_990}
    assert nearly_full == {(9, 2)}


def test_entries_of_nothing_are_not_asked_for():
    cursor = Answers()

    assert read_entries(cursor, []) == {}
    assert cursor.asked == []
