"""Trades as rows and alerts on them, for tests of the watch."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.actors import customer

START = datetime(2026, 3, 1, tzinfo=UTC)


def write_trades(market: int, prices: Sequence[Any], *, after: int = 0, step_s: int = 1) -> None:
    """Write a market's next trades at these prices, ``step_s`` apart."""
    from matching.models import Trade

    rows = [
        Trade(
            id=market * 1_000_000 + sequence,
            market_id=market,
            sequence=sequence,
            run_sequence=sequence,
            price=Decimal(price),
            quantity=Decimal(1),
            amount=Decimal(price),
            taker_side="buy",
            maker_order_id=1,
            taker_order_id=2,
            maker_account_id=1,
            taker_account_id=2,
            created_at=START + timedelta(seconds=sequence * step_s),
        )
        for sequence, price in enumerate(prices, after + 1)
    ]
    Trade.objects.bulk_create(rows)


def wish(condition: str, price: Any, **more: Any) -> Any:
    """Return the terms of an alert."""
    from marketdata.alerts.services import AlertTerms

    return AlertTerms(condition=condition, price=str(price), **more)


def set_one(owner: Any, condition: str, price: Any, **more: Any) -> Any:
    """Set somebody's alert in BTC/USD; return it as it is told."""
    from marketdata.alerts.services import set_alert

    terms = wish(condition, price, **more)
    return set_alert(by=customer(owner), market="BTC/USD", terms=terms)


def terms_of(market: int) -> Any:
    """Return a market's terms."""
    from matching.markets.selectors import list_market_terms

    return next(one for one in list_market_terms() if one.market_id == market)


def row_of(alert: Any) -> Any:
    """Return an alert's row as it is now."""
    from marketdata.models import PriceAlert

    return PriceAlert.objects.get(pk=alert.alert_id)
