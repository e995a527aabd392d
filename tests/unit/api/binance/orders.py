"""A market and an order of it, as the tests of this API's words have them."""

from decimal import Decimal
from typing import Any

from matching.markets.terms import AssetTerms, MarketTerms
from matching.wire import OrderState
from tests.terms import flat_terms

US = 1_790_000_000_123_456
MS = 1_790_000_000_123


def terms_of(symbol: str = "BTC/USDT", *, scale: int = 8) -> MarketTerms:
    """Return a market of two assets with as many decimals."""
    base, quote = symbol.split("/")
    return flat_terms(
        market_id=1,
        symbol=symbol,
        shard_id=0,
        base=AssetTerms(1, base, scale),
        quote=AssetTerms(2, quote, scale),
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.0001"),
        min_notional=Decimal(5),
        max_notional=Decimal(10**9),
        max_price=Decimal(10**9),
        max_quantity=Decimal(10**9),
        band_ppm=None,
        maker_fee_ppm=750,
        taker_fee_ppm=1_000,
        phase="continuous",
    )


def order(**fields: Any) -> OrderState:
    """Return an order to buy that rests, but for the fields given."""
    given: dict[str, Any] = {
        "id": 77,
        "account_id": 5,
        "market_id": 1,
        "client_order_id": "mine",
        "side": "buy",
        "order_type": "limit",
        "time_in_force": "gtc",
        "post_only": False,
        "price": "100.50",
        "quantity": "2.0000",
        "quote_quantity": None,
        "remaining_quantity": "2.0000",
        "filled_quantity": "0.0000",
        "filled_quote": "0.00000000",
        "status": "new",
        "reason": "",
        "created_us": US - 5_000_000,
        "updated_us": US,
    }
    return OrderState(**(given | fields))
