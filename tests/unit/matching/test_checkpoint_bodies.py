"""Bodies of checkpoints: what goes in comes out, and what is not one is told."""

import hashlib
import zlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from matching.engine import Engine
from matching.engine.commands import Place
from matching.engine.orders import NOTHING_CARRIED, UNCONDITIONAL, Conditions, Order, OrderTerms
from matching.engine.rules import MarketSnapshot, Protection, TrailMark
from matching.markets.terms import AssetTerms, MarketRules, build_terms
from matching.rows.checkpoints import (
    FORMAT,
    ORDERS_IN_PART_MAX,
    CheckpointRow,
    Damaged,
    Head,
    read_body,
    write_checkpoint,
)

TERMS = build_terms(
    market_id=7,
    symbol="BTC/USD",
    shard_id=0,
    base=AssetTerms(1, "BTC", 18),
    quote=AssetTerms(2, "USD", 18),
    rules=MarketRules(
        Decimal("0.01"),
        Decimal("0.001"),
        promotion_maker_fee_ppm=1,
        promotion_taker_fee_ppm=2,
        promotion_starts_at=datetime(2026, 11, 1, tzinfo=UTC),
        promotion_ends_at=datetime(2026, 12, 1, tzinfo=UTC),
    ),
)
SNAPSHOT = MarketSnapshot(
    TERMS.integers,
    "auction",
    5,
    6,
    # Above what a machine's word holds: ticks have no bound.
    2**70,
    trigger_sequence=9,
    trails=(TrailMark("last", True, 3, 100),),
    static_ticks=99,
    auction_ends_us=1_000,
    protections=((4, Protection(2, None, 1_000)),),
)
HEAD = Head(0, 12, "f" * 64, 345, [SNAPSHOT], [TERMS], [(5, 4, 3)])


class Tables:
    """Rows in memory, by the statements that the module has."""

    def __init__(self) -> None:
        self.parts: dict[int, bytes] = {}
        self.row: tuple[Any, ...] = ()
        self.rowcount = 1
        self._found: Any = None

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        if statement.startswith("SELECT nextval"):
            self._found = (1,)
        elif statement.startswith("SELECT body"):
            body = self.parts.get(values[1])
            self._found = None if body is None else (body,)
        elif len(values) == 3:
            self.parts[values[1]] = values[2]
        else:
            self.row = values

    def fetchone(self) -> Any:
        return self._found

    def stored(self, **changes: Any) -> CheckpointRow:
        row = CheckpointRow(*self.row, datetime(2026, 11, 30, tzinfo=UTC))
        return msgspec.structs.replace(row, **changes)


def order(number: int, conditions: Conditions = UNCONDITIONAL) -> Order:
    terms = OrderTerms(None, "buy", "limit", "gtc", False, f"name ä {number}", conditions)
    return Order(
        number, 4, 7, terms, 2**65, 3, 3, 0, 0, 2**200, -5, 10, number, "new", "", 1, 2
    )  # fmt: skip


def written(orders: list[Order]) -> Tables:
    tables: Any = Tables()
    assert write_checkpoint(tables, HEAD, orders) == 1
    return tables


def read(tables: Any, row: CheckpointRow) -> tuple[Head, list[Order]]:
    return read_body(tables, row)


def fields(orders: list[Order]) -> list[Any]:
    return [msgspec.structs.astuple(one) for one in orders]


def test_what_goes_in_comes_out_to_the_last_digit() -> None:
    orders = [order(1), order(2, Conditions(display_lots=2, expires_us=2**60))]
    tables = written(orders)

    head, found = read(tables, tables.stored())

    assert head == HEAD
    assert fields(found) == fields(orders)
    # The engine tells orders that ask for nothing more by identity.
    assert found[0].terms.conditions is UNCONDITIONAL
    assert found[1].terms.conditions is not UNCONDITIONAL
    assert all(one.terms.carried is NOTHING_CARRIED for one in found)


def test_a_long_book_comes_in_parts() -> None:
    tables = written([order(number) for number in range(1, 2 * ORDERS_IN_PART_MAX + 2)])
    row = tables.stored()
    assert (row.parts, row.open_orders, row.format) == (4, 2 * ORDERS_IN_PART_MAX + 1, FORMAT)
    assert row.size == sum(map(len, tables.parts.values()))
    assert len(read(tables, row)[1]) == row.open_orders


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"journal_sequence": 13}, "that of another checkpoint"),
        ({"shard_id": 1}, "that of another checkpoint"),
        ({"state_hash": "e" * 64}, "that of another checkpoint"),
        ({"open_orders": 2}, "that of another checkpoint"),
        ({"digest": "e" * 64}, "another one than was stored"),
        ({"parts": 0}, "another one than was stored"),
        ({"parts": 1}, "another one than was stored"),
        ({"parts": 3}, "part 2 of 3 is missing"),
    ],
)
def test_a_row_that_says_something_else(changes: dict[str, Any], told: str) -> None:
    tables = written([order(1)])
    with pytest.raises(Damaged, match=told):
        read(tables, tables.stored(**changes))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "cut off"),
        (b"no zlib", "part 1 cannot be read"),
        (zlib.compress(b"[{]"), "part 1 cannot be read"),
        (zlib.compress(b'[{"order_id": "one"}]'), "part 1 cannot be read"),
        (zlib.compress(b"[]")[:-2], "cut off"),
        (zlib.compress(b" " * 2**26 + b"[]"), "larger than any"),
    ],
)
def test_a_part_that_is_none(body: bytes, told: str) -> None:
    tables = written([order(1)])
    tables.parts[1] = body
    digest = hashlib.sha256(tables.parts[0] + body).hexdigest()
    with pytest.raises(Damaged, match=told):
        read(tables, tables.stored(digest=digest))


def test_an_engine_goes_on_as_the_one_that_was_stored() -> None:
    """Identity counts: an order that asks for nothing is not taken for one that does."""
    engines = []
    for orders in ([order(1)], None):
        engine = Engine()
        snapshot = msgspec.structs.replace(
            SNAPSHOT, phase="continuous", trails=(), protections=(), auction_ends_us=None
        )
        one = order(1)
        one.price_ticks, one.hold_units = 100, 100 * 3 * TERMS.integers.tick_lot_units
        tables = written([one])
        loaded = [one] if orders else read(tables, tables.stored())[1]
        engine.load(markets=[snapshot], orders=loaded)
        taker = OrderTerms(None, "sell", "market", "ioc", False, None)
        engine.apply(
            Place(
                market_id=7, account_id=5, owner_id=0, order_id=2, terms=taker,
                price_ticks=None, quantity_lots=2, available_units=10**30, maker_ppm=0,
                taker_ppm=10, time_us=3,
            )
        )  # fmt: skip
        engines.append(engine)
    assert engines[0].state_hash() == engines[1].state_hash()
    left = engines[1].order(1)
    assert left is not None
    assert left.remaining_lots == 1
