"""Reads of markets and shards: rules as figures."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

import structlog
from django.db.models import Max
from django.db.models.functions import Now

from matching.markets.terms import AssetTerms, MarketTerms, build_terms, rules_of
from matching.models import Handover, Market, Shard
from zavora.foundation.errors import MarketNotFound, ZavoraError
from zavora.foundation.times import microseconds_of

# Markets that were said to be unreadable, and since when their rows are as they are.
_unreadable: dict[int, datetime] = {}

# How long ago a market may have been let go that who asked every shard has to look after: longer
# than anybody waits for an answer.
_LATELY: Final = timedelta(seconds=60)

log = structlog.get_logger(__name__)


class Moved(NamedTuple):
    """Markets that were moved lately, by id; the shards that have any; the newest handover."""

    market_ids: list[int]
    shard_ids: list[int]
    newest: int


class Place(NamedTuple):
    """Where a market is. ``handover_id``: by which it was let go there, until it is adopted."""

    market_id: int
    symbol: str
    shard_id: int
    handover_id: int | None


def list_market_terms(*, shard_id: int | None = None) -> list[MarketTerms]:
    """Return the terms of every market, or of a shard's, by id.

    A market whose rules cannot be represented is left out, and said so: it stops no other.
    """
    rows = Market.objects.select_related("base", "quote").order_by("pk")
    if shard_id is not None:
        rows = rows.filter(shard_id=shard_id)
    found = []
    for row in rows:
        try:
            found.append(_terms_of(row))
        except (ZavoraError, ValueError, ArithmeticError) as error:
            if _unreadable.get(row.pk) != row.updated_at:
                _unreadable[row.pk] = row.updated_at
                log.error("market_rules_unreadable", market=row.symbol, error=str(error))
    return found


def list_market_symbols() -> list[str]:
    """Return the symbol of every market, by id, whether its rules can be represented or not."""
    return list(Market.objects.order_by("pk").values_list("symbol", flat=True))


def list_market_phases() -> dict[str, str]:
    """Return the phase of every market that has not ended, by its symbol."""
    rows = Market.objects.exclude(phase="delisted").order_by("pk")
    return dict(rows.values_list("symbol", "phase"))


def _terms_of(row: Market) -> MarketTerms:
    return build_terms(
        market_id=row.pk,
        symbol=row.symbol,
        shard_id=row.shard_id,
        base=AssetTerms(row.base_id, row.base.code, row.base.scale),
        quote=AssetTerms(row.quote_id, row.quote.code, row.quote.scale),
        rules=rules_of(row),
    )


def get_market_terms(symbol: str) -> MarketTerms:
    """Return the terms of one market; raise MarketNotFound."""
    for terms in list_market_terms():
        if terms.symbol == symbol.upper():
            return terms
    raise MarketNotFound(f"there is no market {symbol}")


def get_shard_time_us(shard_id: int) -> int:
    """Return the time of a shard's last batch in microseconds since 1970; 0 if there was none."""
    shard = Shard.objects.filter(pk=shard_id).first()
    return 0 if shard is None else microseconds_of(shard.last_batch_at)


def list_shard_ids() -> list[int]:
    """Return every shard that has markets, by id."""
    return list(Market.objects.order_by("shard_id").values_list("shard_id", flat=True).distinct())


def list_journal_shard_ids() -> list[int]:
    """Return every shard that has journaled anything, by id, whether it has markets or not."""
    rows = Shard.objects.filter(journal_sequence__gt=0).order_by("pk")
    return list(rows.values_list("pk", flat=True))


def get_place(symbol: str) -> Place:
    """Return where a market is; raise MarketNotFound."""
    row = Market.objects.filter(symbol=symbol.upper()).first()
    if row is None:
        raise MarketNotFound(f"there is no market {symbol}")
    return Place(row.pk, row.symbol, row.shard_id, row.handover_id)


def list_symbols_of_shard(shard_id: int) -> list[str]:
    """Return the symbols of a shard's markets, by id."""
    rows = Market.objects.filter(shard_id=shard_id).order_by("pk")
    return list(rows.values_list("symbol", flat=True))


def has_shard(shard_id: int) -> bool:
    """Tell whether there is such a shard."""
    return Shard.objects.filter(pk=shard_id).exists()


def get_moved_lately() -> Moved:
    """Return which markets were let go lately, and the shards that have markets after it."""
    newest = Handover.objects.aggregate(newest=Max("pk"))["newest"] or 0
    lately = Handover.objects.filter(created_at__gt=Now() - _LATELY)
    market_ids = sorted(set(lately.values_list("market_id", flat=True)))
    return Moved(market_ids, list_shard_ids() if market_ids else [], newest)
