"""What was acknowledged after a moment: read in a record that goes on, past one brought back."""

from collections.abc import Iterator

import msgspec

from matching.models import Command, MarketState, Shard, Trade


class MatchingAsOf(msgspec.Struct, frozen=True):
    """How far each shard's journal, and each market's trades, had come."""

    journal: dict[str, int]
    trades: dict[str, int]


class CommandBeyond(msgspec.Struct, frozen=True):
    """A command of the journal that a record brought back does not know."""

    shard: int
    sequence: int
    at: str
    kind: str
    account_id: int | None
    market: str
    order_id: int | None
    outcome: str
    reason: str
    request_id: str


class TradeBeyond(msgspec.Struct, frozen=True):
    """A trade that a record brought back does not know: it is void. Another gets its number."""

    market: str
    number: int
    id: int
    at: str
    price: str
    quantity: str
    taker_side: str
    maker_order: int
    maker_account_id: int
    taker_order: int
    taker_account_id: int


def get_journal_positions() -> dict[str, int]:
    """Return the last sequence of each shard's journal, by its number."""
    rows = Shard.objects.order_by("pk").values_list("pk", "journal_sequence")
    return {str(pk): sequence for pk, sequence in rows}


def matching_as_of() -> MatchingAsOf:
    """Return what is needed to tell what came later."""
    trades = MarketState.objects.order_by("pk").values_list("market_id", "trade_sequence")
    return MatchingAsOf(get_journal_positions(), {str(pk): number for pk, number in trades})


def list_commands_beyond(since: MatchingAsOf) -> Iterator[CommandBeyond]:
    """Yield what the journals have after ``since``, by shard and sequence."""
    for shard in Shard.objects.order_by("pk").values_list("pk", flat=True):
        rows = Command.objects.filter(shard_id=shard, sequence__gt=since.journal.get(str(shard), 0))
        # Without what was asked, which may be large.
        for row in rows.defer("body").select_related("market").order_by("pk").iterator():
            yield CommandBeyond(
                shard, row.sequence, row.batch_at.isoformat(), row.kind, row.account_id,
                row.market.symbol if row.market else "", row.order_id, row.outcome, row.reason,
                row.request_id,
            )  # fmt: skip


def list_trades_beyond(since: MatchingAsOf) -> Iterator[TradeBeyond]:
    """Yield the trades after ``since``, by market and number."""
    for market in MarketState.objects.order_by("pk").values_list("market_id", flat=True):
        rows = Trade.objects.filter(market_id=market, sequence__gt=since.trades.get(str(market), 0))
        for row in rows.select_related("market").order_by("sequence").iterator():
            yield TradeBeyond(
                row.market.symbol, row.sequence, row.pk, row.created_at.isoformat(),
                f"{row.price.normalize():f}", f"{row.quantity.normalize():f}", row.taker_side,
                row.maker_order_id, row.maker_account_id, row.taker_order_id, row.taker_account_id,
            )  # fmt: skip
