"""Orders of every kind that v1 takes, drawn at random: what is killed must keep them all."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

MODES: Final = ("taker", "maker", "both", "decrement", "transfer")
EXPIRES_IN_S: Final = (0.4, 8.0)
TRAILS_BPS: Final = (10, 25, 60)


class Prices(Protocol):
    """Where orders of a market lie."""

    @property
    def symbol(self) -> str:
        """Return its name."""

    def price(self, draw: random.Random) -> str:
        """Return a price near the middle."""

    def quantity(self, draw: random.Random) -> str:
        """Return a small quantity."""


def draw_order(account: str, market: Prices, draw: random.Random) -> dict[str, Any]:
    """Return an order's body without a name."""
    body: dict[str, Any] = {
        "user_id": account,
        "market": market.symbol,
        "side": draw.choice(("buy", "sell")),
        "order_type": "limit",
        "price": market.price(draw),
        "quantity": market.quantity(draw),
        "time_in_force": draw.choice(("GTC", "GTC", "GTC", "GTC", "IOC", "FOK")),
    }
    _vary(body, market, draw)
    return body


def _vary(body: dict[str, Any], market: Prices, draw: random.Random) -> None:
    """Make something else of a limit order, more often than not."""
    for change, share in (
        (_let_wait, 0.25),
        (_let_trail, 0.1),
        (_hide, 0.15),
        (_end_in_time, 0.15),
        (_slide, 0.1),
        (_protect, 0.1),
    ):
        if draw.random() < share:
            change(body, market, draw)
            break
    if draw.random() < 0.3:
        body["self_trade_prevention"] = draw.choice(MODES)


def _let_wait(body: dict[str, Any], market: Prices, draw: random.Random) -> None:
    kind = draw.choice(("Stop", "StopLimit", "TakeProfit", "TakeProfitLimit"))
    body["order_type"] = kind
    body["stop_price"] = market.price(draw)
    body["trigger_by"] = draw.choice(("Last", "Opposite"))
    if not kind.endswith("Limit"):
        del body["price"], body["time_in_force"]


def _let_trail(body: dict[str, Any], market: Prices, draw: random.Random) -> None:
    body["order_type"] = "TrailingStop"
    body["trail_bps"] = draw.choice(TRAILS_BPS)
    if draw.random() < 0.4:
        body["activation_price"] = market.price(draw)
    del body["price"], body["time_in_force"]


def _hide(body: dict[str, Any], market: Prices, draw: random.Random) -> None:
    body["time_in_force"] = "GTC"
    body["display_quantity"] = market.quantity(draw)


def _end_in_time(body: dict[str, Any], market: Prices, draw: random.Random) -> None:
    body["time_in_force"] = draw.choice(("GTD", "GTD", "Day"))
    if body["time_in_force"] == "GTD":
        ends = datetime.now(UTC) + timedelta(seconds=draw.uniform(*EXPIRES_IN_S))
        body["expires_at"] = ends.isoformat().replace("+00:00", "Z")


def _slide(body: dict[str, Any], market: Prices, draw: random.Random) -> None:
    body["time_in_force"] = "GTC"
    body |= {"post_only": True, "post_only_mode": "Slide"}


def _protect(body: dict[str, Any], market: Prices, draw: random.Random) -> None:
    body["order_type"] = "market"
    body["protection_price"] = body.pop("price")
    del body["time_in_force"]
