"""What the ledger does where the database answers what it never should, or too little."""

from typing import Any

import pytest

from accounts.money.ledger import (
    AccountFigures,
    BalanceChange,
    LockedBalance,
    read_entries,
    read_fee_account,
    take_accounts,
    write_balances,
)
from zavora.foundation.errors import InvariantBroken
from zavora.foundation.rows import RowCounts

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


def test_a_first_credit_that_was_not_written_is_an_error_of_ours():
    locked = {KEY: LockedBalance(1, 0, 0)}
    changes = {KEY: BalanceChange(5, 0)}

    with pytest.raises(InvariantBroken, match="account 7 in asset 2 was not written"):
        write_balances(
            Answers(), changes, locked, {2: 8}, time_text="now", time_us=1, counts=RowCounts()
        )


def test_a_first_credit_stands_as_the_table_says():
    locked = {KEY: LockedBalance(1, 0, 0)}
    changes = {KEY: BalanceChange(5, 0)}
    # Somebody else's credit of 1 came first, so the row has both.
    table = Answers(("1.00000005", "0.00000000", 2))

    [state] = write_balances(
        table, changes, locked, {2: 8}, time_text="now", time_us=1, counts=RowCounts()
    )

    assert (state.available, state.locked, state.version) == ("1.00000005", "0.00000000", 2)


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
