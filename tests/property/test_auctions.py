"""Auctions against a search over every price: the same price, lots, surplus and book."""

from random import Random

import pytest
from msgspec.structs import astuple

from matching.engine import Engine
from matching.engine.auction import indicate
from matching.engine.commands import Command, ConfigureMarket, Place, SetPhase
from matching.engine.orders import UNCONDITIONAL, Conditions, OrderTerms
from matching.engine.rules import IntegerRules
from tests.property.naive_auction import indicate as naive_indicate
from tests.property.naive_book import NaiveExchange

AUCTIONS = 10_000
RULES = IntegerRules(1, 1, 2, 10, 5, 0, 10**12, 10**4, 10**4)
PLENTY = 10**12


class Both:
    """One market, in the engine and in the naive exchange."""

    def __init__(self, draw: Random) -> None:
        self.draw = draw
        self.engine, self.naive = Engine(), NaiveExchange()
        self.order_count = 0
        for account_id in (1, 2):
            for asset_id in (RULES.base_id, RULES.quote_id):
                self.naive.credit(account_id, asset_id, PLENTY)
        self.apply(ConfigureMarket(RULES, "continuous", 0))
        if draw.random() < 0.8:  # there was a price before
            price_ticks = draw.randint(85, 115)
            self.place(1, "sell", price_ticks, 1)
            self.place(2, "buy", price_ticks, 1)
        self.apply(SetPhase(RULES.market_id, "auction", 1))

    def apply(self, command: Command) -> None:
        self.engine.apply(command)
        assert not self.naive.apply(command).refusal

    def place(self, account_id: int, side: str, price_ticks: int, lots: int) -> None:
        self.order_count += 1
        hides = self.draw.random() < 0.2
        conditions = Conditions(display_lots=self.draw.randint(1, 3)) if hides else UNCONDITIONAL
        terms = OrderTerms(None, side, "limit", "gtc", False, None, conditions)
        number = self.order_count
        self.apply(Place(1, account_id, number, terms, price_ticks, lots, 0, 0, PLENTY, 1))

    def gather(self) -> None:
        """Few prices and sizes, so that many auctions have several prices that are as good."""
        pick = self.draw.choice
        for _ in range(self.draw.randint(1, 9)):
            anywhere = self.draw.random() < 0.7
            price_ticks = self.draw.randint(90, 110) if anywhere else pick((97, 100, 103))
            self.place(pick((1, 2)), pick(("buy", "sell")), price_ticks, pick((1, 2, 2, 3, 5)))


@pytest.mark.parametrize("seed", range(2))
def test_an_auction_ends_where_a_search_over_every_price_says(seed):
    draw = Random(seed)
    met: dict[str, int] = {}
    for _ in range(AUCTIONS):
        both = Both(draw)
        both.gather()
        market, naive = both.engine.market(1), both.naive.markets[1]
        indication, expected = indicate(market), naive_indicate(naive)
        assert (None if indication is None else astuple(indication)) == expected
        left = "nothing" if expected is None else ("sellers", "even", "buyers")[_sign(expected[2])]
        what = f"{left} after {'a price' if naive.last_price else 'none'}"
        met[what] = met.get(what, 0) + 1

        both.apply(SetPhase(1, "continuous", 2))

        for side in ("buy", "sell"):
            assert market.depth(side) == naive.depth(side)
        assert (market.last_price_ticks, market.trade_sequence) == (
            naive.last_price,
            naive.trade_count,
        )
    assert len(met) == 8, met
    assert min(met.values()) > AUCTIONS // 100, met


def _sign(number: int) -> int:
    """0: below zero, 1: zero, 2: above."""
    return 1 + (number > 0) - (number < 0)
