"""A fingerprint of everything the engine remembers."""

import hashlib
from collections.abc import Iterable

from msgspec.structs import astuple

from matching.engine.market import Market

FORMAT = "zavora engine state 2"


def state_hash(markets: Iterable[Market]) -> str:
    """Return the SHA-256 (hex) of the markets, by id, with their open orders in book order.

    One line of ASCII each for a market's figures and for an order's fields, in the order in which
    the types declare them; two engines with the same hash do the same from here on.
    """
    digest = hashlib.sha256(FORMAT.encode())
    for market in sorted(markets, key=lambda market: market.rules.market_id):
        rules = astuple(market.rules)
        figures = (
            market.phase,
            market.trade_sequence,
            market.depth_sequence,
            market.last_price_ticks,
        )
        digest.update(f"\nmarket {rules!a} {figures!a}".encode())
        for order in market.open_orders():
            digest.update(f"\norder {astuple(order)!a}".encode())
    return digest.hexdigest()
