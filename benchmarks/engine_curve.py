"""(g) The engine as its books grow: what an order costs among few others, and among a million.

A book of so many resting orders on so many levels, with a tenth as many orders that wait for a
price, in a process of its own; then orders that rest, cancels of any order, and orders that trade
one lot, each timed on their own by turns. The best of some runs counts, as for all that has a
lower bound.
"""

import gc
import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

from matching.engine import Engine
from matching.engine.commands import Cancel, Command, ConfigureMarket, Place
from matching.engine.orders import UNCONDITIONAL, Conditions, OrderTerms, Side
from matching.engine.rules import IntegerRules

SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
TRIGGERS_SHARE: Final = 10
ACCOUNTS: Final = 1_000
MIDDLE_TICKS: Final = 10_000_000
# From the best price on; a level of a large book holds ten orders.
LEVELS_SHARE: Final = 20
ORDERS_IN_TURN: Final = 2_000
TURNS: Final = 10
_PLENTY: Final = 10**40
_PAGE_BYTES: Final = 4_096
_RULES: Final = IntegerRules(
    market_id=1,
    base_id=1,
    quote_id=2,
    lot_units=10,
    tick_lot_units=5,
    min_notional_units=0,
    max_notional_units=_PLENTY,
    max_price_ticks=_PLENTY,
    max_quantity_lots=_PLENTY,
)


def measure(sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """Return microseconds by size and kind, how many times they grow, and an order's bytes."""
    curve = []
    for size in sizes:
        # A process of its own: what another size left in memory does not count.
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            curve.append(pool.apply(_measure, (size,)))
    first, last = curve[0], curve[-1]
    return {
        "engine_curve": curve,
        **{
            f"engine_{kind}_growth": round(last[f"{kind}_us"] / first[f"{kind}_us"], 2)
            for kind in ("rest", "cancel", "match")
        },
        "engine_bytes_per_order": last["bytes_per_order"],
    }


def _measure(size: int) -> dict[str, Any]:
    book = _Book(size)
    before = _resident_bytes()
    for command in book.fill():
        book.engine.apply(command)
    book.engine.commit()
    bytes_per_order = (_resident_bytes() - before) // (size + size // TRIGGERS_SHARE)
    gc.collect()
    gc.freeze()
    gc.disable()
    best = dict.fromkeys(("rest", "cancel", "match"), float("inf"))
    for _ in range(TURNS):
        for kind, commands in (
            ("rest", [book.rest() for _ in range(ORDERS_IN_TURN)]),
            ("cancel", [book.cancel() for _ in range(ORDERS_IN_TURN)]),
            ("match", [book.match() for _ in range(ORDERS_IN_TURN)]),
        ):
            started = time.perf_counter()
            for command in commands:
                book.engine.apply(command)
            took_s = time.perf_counter() - started
            best[kind] = min(best[kind], took_s / ORDERS_IN_TURN * 1e6)
            book.engine.commit()
    return {
        "orders": size,
        "triggers": size // TRIGGERS_SHARE,
        **{f"{kind}_us": round(took_us, 2) for kind, took_us in best.items()},
        "bytes_per_order": bytes_per_order,
    }


class _Book:
    def __init__(self, size: int) -> None:
        self._random = Random(size)
        self._size = size
        self._levels = max(10, size // LEVELS_SHARE)
        self._ids = 0
        self._resting: list[tuple[int, int]] = []  # account, order
        self.engine = Engine()
        self.engine.apply(ConfigureMarket(_RULES, "continuous", 0))

    def fill(self) -> Iterator[Command]:
        """Yield what fills the book, the best prices with plenty, and the orders that wait."""
        yield self._place("buy", MIDDLE_TICKS, 10**9)
        yield self._place("sell", MIDDLE_TICKS + 1, 10**9)
        for _ in range(self._size):
            yield self.rest()
        for _ in range(self._size // TRIGGERS_SHARE):
            side: Side = self._random.choice(("buy", "sell"))
            away = self._random.randint(2, self._levels)
            ticks = MIDDLE_TICKS + (away if side == "buy" else -away)
            yield self._place(side, ticks, 5, Conditions(trigger="stop", trigger_ticks=ticks))

    def rest(self) -> Place:
        """Return an order that rests somewhere in the book."""
        side: Side = self._random.choice(("buy", "sell"))
        away = self._random.randint(1, self._levels)
        ticks = MIDDLE_TICKS - away if side == "buy" else MIDDLE_TICKS + 1 + away
        place = self._place(side, ticks, self._random.randint(1, 50))
        self._resting.append((place.account_id, place.order_id))
        return place

    def cancel(self) -> Cancel:
        """Return the cancel of any order that rests."""
        resting = self._resting
        position = self._random.randrange(len(resting))
        resting[position], resting[-1] = resting[-1], resting[position]
        return Cancel(1, *resting.pop(), self._ids)

    def match(self) -> Place:
        """Return an order that trades one lot at the best price."""
        side: Side = self._random.choice(("buy", "sell"))
        return self._place(side, MIDDLE_TICKS + (side == "buy"), 1)

    def _place(
        self, side: Side, ticks: int, lots: int, conditions: Conditions = UNCONDITIONAL
    ) -> Place:
        self._ids += 1
        # The large orders at the best prices are of accounts that nobody else has.
        account_id = self._random.randint(1, ACCOUNTS) if lots < 10**9 else -self._ids
        terms = OrderTerms(None, side, "limit", "gtc", False, None, conditions)
        return Place(
            1, account_id, self._ids, terms, ticks, lots, 1_000, 2_000, _PLENTY, self._ids, 0
        )


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES
