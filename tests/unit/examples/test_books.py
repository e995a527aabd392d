"""The comparison of freqtrade's record with the ledger finds a difference of one unit."""

import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from examples.freqtrade.books import (
    BookedOrder,
    BotOrder,
    bot_orders,
    compare,
    compare_assets,
    recorded_movements,
    trade_counts,
)

# The columns of freqtrade's own tables that the comparison reads.
TABLES = """
    CREATE TABLE trades (id INTEGER, is_open INTEGER, fee_open_currency TEXT,
                         fee_close_cost FLOAT, fee_close_currency TEXT);
    CREATE TABLE orders (id INTEGER, ft_trade_id INTEGER, order_id TEXT, symbol TEXT, side TEXT,
                         order_type TEXT, status TEXT, filled FLOAT, cost FLOAT, ft_fee_base FLOAT);
"""
TRADES = [(1, 0, "BTC", 0.49870225, "USDT"), (2, 1, "BTC", None, None)]
ORDERS = [
    (1, 1, "71", "BTC/USDT", "buy", "limit", "closed", 0.00816, 499.439328, 6.12e-06),
    (2, 1, "72", "BTC/USDT", "sell", "market", "closed", 0.00815, 498.702249, None),
    # The fee was eaten into dust: it is in the log.
    (3, 2, "73", "BTC/USDT", "buy", "limit", "canceled", 0.00588, 359.6733672, None),
    (4, 2, "74", "BTC/USDT", "buy", "limit", "canceled", 0.0, 0.0, None),
]
BOOKED = {
    "71": ("0.00816", "499.43932800", "0.00000612", "BTC"),
    "72": ("0.00815", "498.70224900", "0.49870225", "USDT"),
    "73": ("0.00588", "359.67336720", "0.00000441", "BTC"),
}
LOG = (
    "2026-11-22 18:44:02,101 - freqtrade.freqtradebot - INFO - Fee amount for Trade(id=2,"
    " pair=BTC/USDT, amount=0, open_rate=61168.94) was in base currency - Eating Fee 4.41e-06"
    " into dust.\n"
)
START = {"USDT": Decimal(10000)}
CHANGE = {"BTC": Decimal("0.00587947"), "USDT": Decimal("-360.90914845")}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A record as freqtrade keeps it: a closed trade, and one that is still open."""
    file = tmp_path / "trades.sqlite"
    with sqlite3.connect(file) as connection:
        connection.executescript(TABLES)
        connection.executemany("INSERT INTO trades VALUES (?, ?, ?, ?, ?)", TRADES)
        connection.executemany(f"INSERT INTO orders VALUES ({', '.join('?' * 10)})", ORDERS)
    (tmp_path / "own.log").write_text(LOG)
    return file


def read(database: Path) -> list[BotOrder]:
    """Return the orders of the record."""
    return bot_orders(database, database.parent / "own.log")


def booked(**changes: Any) -> dict[str, BookedOrder]:
    """Return what Zavora booked, with changes to order 72."""
    orders = {
        order_id: BookedOrder(Decimal(filled), Decimal(cost), Decimal(fee), asset)
        for order_id, (filled, cost, fee, asset) in BOOKED.items()
    }
    for name, value in changes.items():
        setattr(orders["72"], name, value)
    return orders


def test_a_record_that_agrees(database: Path) -> None:
    orders = read(database)
    assert trade_counts(database) == (1, 1)
    assert recorded_movements(orders) == CHANGE
    assert compare(orders, booked())[1] == 0
    final = {"BTC": CHANGE["BTC"], "USDT": START["USDT"] + CHANGE["USDT"]}
    assert compare_assets(orders, CHANGE, START, final, final)[1] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"filled": Decimal("0.00815001")},
        {"cost": Decimal("498.70224901")},
        {"fee": Decimal("0.49870224")},
        {"fee_asset": "BTC"},
    ],
)
def test_one_unit_more_or_less_is_found(database: Path, change: dict[str, Any]) -> None:
    lines, wrong = compare(read(database), booked(**change))
    assert wrong == 1
    assert sum("DIFFERS" in line for line in lines) == 1


def test_fills_that_freqtrade_does_not_know_are_found(database: Path) -> None:
    more = booked() | {"75": BookedOrder(Decimal(1), Decimal(1), Decimal(0), "BTC")}
    assert compare(read(database), more)[1] == 1
    fewer = booked()
    del fewer["73"]
    assert compare(read(database), fewer)[1] == 1


@pytest.mark.parametrize("which", ["ledger", "final", "wallet"])
def test_an_asset_that_is_a_unit_off_is_found(database: Path, which: str) -> None:
    final = {"BTC": CHANGE["BTC"], "USDT": START["USDT"] + CHANGE["USDT"]}
    sums = {"ledger": dict(CHANGE), "final": dict(final), "wallet": dict(final)}
    sums[which]["BTC"] += Decimal("0.00000001")
    assert compare_assets(read(database), start=START, **sums)[1] == 1
