"""What a trade costs its parties, as the rules say it in words."""

from fractions import Fraction
from math import ceil, floor
from typing import Any

WHOLE = 1_000_000


def naive_fees(market: Any, maker: Any, taker: Any, base: int, quote: int) -> tuple[int, int, int]:
    """The buyer's fee in base, the seller's in quote, and what the maker gets of the taker's."""
    receives = {"buy": base, "sell": quote}
    fees = {}
    for order, ppm in ((maker, max(0, maker.maker_ppm)), (taker, taker.taker_ppm)):
        received = receives[order.side]
        fees[order.side] = min(received, ceil(Fraction(received * ppm, WHOLE)))
    rebate = 0
    if maker.maker_ppm < 0:
        share = Fraction(receives[taker.side] * -maker.maker_ppm, WHOLE)
        rebate = min(fees[taker.side], floor(share))
    return fees["buy"], fees["sell"], rebate


def naive_auction_fees(
    market: Any, one: Any, other: Any, base: int, quote: int
) -> tuple[int, int, int]:
    """The same of a trade in an auction, where nobody makes."""
    fees = {}
    for order in (one, other):
        received = base if order.side == "buy" else quote
        ppm = market.rules.auction_ppm
        ppm = max(0, order.maker_ppm) if ppm is None else ppm
        fees[order.side] = min(received, ceil(Fraction(received * ppm, WHOLE)))
    return fees["buy"], fees["sell"], 0
