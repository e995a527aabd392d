"""Reads of markets and shards: rules as figures."""

from datetime import datetime

import structlog

from matching.markets.terms import AssetTerms, MarketTerms, build_terms, rules_of
from matching.models import Market, Shard
from zavora.foundation.errors import MarketNotFound, ZavoraError
from zavora.foundation.times import microseconds_of

# Markets that were said to be unreadable, and since when their rows are as they are.
_unreadable: dict[int, datetime] = {}

log = structlog.get_logger(__name__)


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
