"""Who was which side of trades: what portfolios and volumes are counted by."""

from collections.abc import Sequence
from typing import NamedTuple

from matching.models import Trade


class TradeSides(NamedTuple):
    """A trade's market, and the accounts of its maker and taker."""

    market_id: int
    maker_id: int
    taker_id: int


def list_sides(trade_ids: Sequence[int]) -> dict[int, TradeSides]:
    """Return the sides of trades by their ids, which are those of their ledger transactions."""
    if not trade_ids:
        return {}
    # The bounds once more: PostgreSQL then looks into their months alone.
    rows = Trade.objects.filter(
        pk__in=trade_ids, pk__gte=min(trade_ids), pk__lte=max(trade_ids)
    ).values_list("pk", "market_id", "maker_account_id", "taker_account_id")
    return {row[0]: TradeSides(*row[1:]) for row in rows.order_by("pk")}
