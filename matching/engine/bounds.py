"""What the state of a market bounds: where trading goes on, and where an order slides to."""

from matching.engine.market import Market
from matching.engine.orders import Side


def collar(market: Market) -> tuple[int, int] | None:
    """Return from which to which price trades go on as the market stands, None: at any."""
    rules = market.rules
    if rules.dynamic_collar_ppm is None and rules.static_collar_ppm is None:
        return None
    bounds = [
        (
            about_ticks - about_ticks * ppm // 1_000_000,
            about_ticks + about_ticks * ppm // 1_000_000,
        )
        for ppm, about_ticks in (
            (rules.dynamic_collar_ppm, market.last_price_ticks),
            (rules.static_collar_ppm, market.static_ticks),
        )
        if ppm is not None and about_ticks is not None
    ]
    if not bounds:
        return None
    return max(low for low, _ in bounds), min(high for _, high in bounds)


def slid_ticks(market: Market, side: Side, price_ticks: int) -> int | None:
    """Return the limit, or the nearest that does not meet the best opposite price.

    None where the market takes no such price.
    """
    if not market.would_cross(side, price_ticks):
        return price_ticks
    slid_ticks = -market.asks.keys[-1] - 1 if side == "buy" else market.bids.keys[-1] + 1
    return slid_ticks if 0 < slid_ticks <= market.rules.max_price_ticks else None
