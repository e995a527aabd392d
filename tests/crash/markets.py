"""Markets as clients trade in them: where orders lie, and how large they are."""

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Final


@dataclass(frozen=True, slots=True)
class MarketPlan:
    """Where orders of a market lie: a middle price, a step, and quantities in steps."""

    symbol: str
    middle: Decimal
    tick: Decimal
    lot: Decimal
    base: str
    quote: str
    # Whose worker has it.
    shard: int = 0

    def price(self, draw: random.Random, away: int = 0) -> str:
        """Return a price within 12 ticks of the middle: about a third of the orders trade.

        ``away``: so many ticks further from there.
        """
        return str(self.middle + (draw.randint(-12, 12) + away) * self.tick)

    def quantity(self, draw: random.Random) -> str:
        """Return one to nine lots."""
        return str(draw.randint(1, 9) * self.lot)


MARKETS: Final = (
    MarketPlan("BTC/USD", Decimal(60_000), Decimal(1), Decimal("0.001"), "BTC", "USD"),
    MarketPlan("ETH/USD", Decimal(3_000), Decimal("0.5"), Decimal("0.01"), "ETH", "USD"),
    MarketPlan("ETH/BTC", Decimal("0.05"), Decimal("0.00001"), Decimal("0.01"), "ETH", "BTC"),
    MarketPlan("BTC/EUR", Decimal(55_000), Decimal(1), Decimal("0.001"), "BTC", "EUR"),
)
