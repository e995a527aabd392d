"""Reads of markets, orders and trades: bounded queries, explicit order, no locks."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from django.db.models import QuerySet

from accounts.notices import microseconds
from matching.models import Market, Order, OrderKey, Shard, Trade
from matching.terms import AssetTerms, MarketTerms, build_terms
from zavora.errors import MarketNotFound, OrderNotFound

PAGE_MAX: Final = 1_001  # a page of the API and one more, which tells whether there is a next


# --- markets -------------------------------------------------------------------------------------


def list_market_terms(*, shard_id: int | None = None) -> list[MarketTerms]:
    """Return the terms of every market, or of a shard's, by id."""
    rows = Market.objects.select_related("base", "quote").order_by("pk")
    if shard_id is not None:
        rows = rows.filter(shard_id=shard_id)
    return [
        build_terms(
            market_id=row.pk,
            symbol=row.symbol,
            shard_id=row.shard_id,
            base=AssetTerms(row.base_id, row.base.code, row.base.scale),
            quote=AssetTerms(row.quote_id, row.quote.code, row.quote.scale),
            tick_size=row.tick_size,
            lot_size=row.lot_size,
            min_notional=row.min_notional,
            max_notional=row.max_notional,
            max_price=row.max_price,
            max_quantity=row.max_quantity,
            band_ppm=row.band_ppm,
            maker_fee_ppm=row.maker_fee_ppm,
            taker_fee_ppm=row.taker_fee_ppm,
            phase=row.phase,
            is_demo=row.is_demo,
        )
        for row in rows
    ]


# --- orders --------------------------------------------------------------------------------------


def get_order(order_id: int, *, account_ids: Iterable[int]) -> Order:
    """Return an order of one of the accounts, in whatever state; else raise OrderNotFound."""
    row = Order.objects.filter(pk=order_id, account_id__in=list(account_ids)).first()
    if row is None:
        raise OrderNotFound("There is no such order.")
    return row


def get_order_place(order_id: int) -> tuple[int, int] | None:
    """Return the account and the market of an order: they never change. None if unknown."""
    return Order.objects.filter(pk=order_id).values_list("account_id", "market_id").first()


def list_orders(
    account_id: int,
    *,
    market_id: int | None = None,
    statuses: Sequence[str] = (),
    client_order_id: str | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[Order]:
    """Return an account's orders, newest first, that match every filter given."""
    rows = Order.objects.filter(account_id=account_id)
    if market_id is not None:
        rows = rows.filter(market_id=market_id)
    if statuses:
        rows = rows.filter(status__in=statuses)
    if client_order_id is not None:
        rows = rows.filter(client_order_id=client_order_id)
    if before_id is not None:
        rows = rows.filter(pk__lt=before_id)
    return list(rows.order_by("-pk")[: min(limit, PAGE_MAX)])


# --- trades --------------------------------------------------------------------------------------


def list_account_trades(
    account_id: int,
    *,
    market_id: int | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[Trade]:
    """Return the trades in which an account was maker or taker, newest first.

    Each role has an index of its own, so the two are read apart and merged.
    """
    limit = min(limit, PAGE_MAX)

    def of_role(role: str) -> QuerySet[Trade]:
        rows = Trade.objects.filter(**{f"{role}_account_id": account_id})
        if market_id is not None:
            rows = rows.filter(market_id=market_id)
        if before_id is not None:
            rows = rows.filter(pk__lt=before_id)
        return rows.order_by("-pk")[:limit]

    found = {row.pk: row for role in ("maker", "taker") for row in of_role(role)}
    return [found[pk] for pk in sorted(found, reverse=True)[:limit]]


def get_market_terms(symbol: str) -> MarketTerms:
    """Return the terms of one market; raise MarketNotFound."""
    for terms in list_market_terms():
        if terms.symbol == symbol.upper():
            return terms
    raise MarketNotFound(f"there is no market {symbol}")


def get_shard_time_us(shard_id: int) -> int:
    """Return the time of a shard's last batch in microseconds since 1970; 0 if there was none."""
    shard = Shard.objects.filter(pk=shard_id).first()
    return 0 if shard is None else microseconds(shard.last_batch_at)


def list_shard_ids() -> list[int]:
    """Return every shard that has markets, by id."""
    return list(Market.objects.order_by("shard_id").values_list("shard_id", flat=True).distinct())


# --- idempotency keys ----------------------------------------------------------------------------


class KeyResult(msgspec.Struct, frozen=True):
    """What an idempotency key is bound to: a digest of the request, and the encoded first reply."""

    fingerprint: bytes
    result: bytes


def find_key_result(*, account_id: int, key: str) -> KeyResult | None:
    """Return what a key is bound to, if a command with it has committed."""
    row = (
        OrderKey.objects.filter(account_id=account_id, key=key)
        .values_list("fingerprint", "result")
        .first()
    )
    return None if row is None else KeyResult(bytes(row[0]), bytes(row[1]))
