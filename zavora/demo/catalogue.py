"""What the demo consists of: its assets, markets, people and their funds."""

from decimal import Decimal
from typing import Final

import msgspec

# Printed for everybody to use. An exchange with DEBUG off refuses to start while it opens one.
DEMO_PASSWORD: Final = "try-the-demo"  # noqa: S105
SCALE: Final = 8
ASSETS: Final = (
    ("USD", "US dollar"),
    ("EUR", "Euro"),
    ("USDT", "Tether"),
    ("BTC", "Bitcoin"),
    ("ETH", "Ether"),
)


class DemoMarket(msgspec.Struct, frozen=True):
    """A market of the demo. One with a ``quote_step`` is traded by the demo traders.

    ``quote_step`` (in ticks) is the distance between their quotes, ``order_lots`` the lots of a
    typical order.
    """

    base: str
    quote: str
    tick_size: Decimal
    lot_size: Decimal
    min_notional: Decimal
    maker_fee_ppm: int
    taker_fee_ppm: int
    band_ppm: int | None
    quote_step: int = 0
    order_lots: int = 0

    @property
    def symbol(self) -> str:
        """Base and quote, with a slash."""
        return f"{self.base}/{self.quote}"


MAKER_FEE_PPM: Final = 750
TAKER_FEE_PPM: Final = 1_000
# Half of the last price: a guard against slips of the keyboard, not against markets.
BAND_PPM: Final = 500_000

CENT: Final = Decimal("0.01")


def _traded(
    base: str, quote: str, tick: Decimal, lot: str, minimum: str, *, step: int, lots: int
) -> DemoMarket:
    return DemoMarket(
        base=base,
        quote=quote,
        tick_size=tick,
        lot_size=Decimal(lot),
        min_notional=Decimal(minimum),
        maker_fee_ppm=MAKER_FEE_PPM,
        taker_fee_ppm=TAKER_FEE_PPM,
        band_ppm=BAND_PPM,
        quote_step=step,
        order_lots=lots,
    )


MARKETS: Final = (
    _traded("BTC", "USD", CENT, "0.00001", "1", step=900, lots=9_000),
    _traded("ETH", "USD", CENT, "0.0001", "1", step=55, lots=11_000),
    _traded("ETH", "BTC", Decimal("0.00001"), "0.001", "0.0001", step=1, lots=1_200),
    _traded("BTC", "USDT", CENT, "0.00001", "1", step=1_100, lots=6_000),
    _traded("ETH", "USDT", CENT, "0.0001", "1", step=70, lots=8_000),
    # For trying things by hand: no fees, no band, nobody else in it.
    DemoMarket("BTC", "EUR", CENT, Decimal("0.00001"), Decimal(1), 0, 0, None),
)
TRADED: Final = tuple(market for market in MARKETS if market.quote_step)

# Where the simulated prices begin, in cents of a dollar.
BTC_CENTS: Final = 6_150_000
ETH_CENTS: Final = 306_500


class Person(msgspec.Struct, frozen=True):
    """A user of the demo and the funds of their first account."""

    name: str
    email: str
    funds: tuple[tuple[str, str], ...]


VISITOR: Final = Person(
    "Trader",
    "trader@zavora.example",
    (("USD", "100000"), ("USDT", "100000"), ("EUR", "100000"), ("BTC", "2"), ("ETH", "40")),
)
OPERATOR: Final = Person("Operator", "operator@zavora.example", ())
_DEEP: Final = (
    ("USD", "50000000"),
    ("USDT", "50000000"),
    ("BTC", "1000"),
    ("ETH", "20000"),
)
MAKER: Final = Person("Demo maker", "demo-maker@zavora.example", _DEEP)
TAKER: Final = Person("Demo taker", "demo-taker@zavora.example", _DEEP)
TRADERS: Final = (MAKER, TAKER)
