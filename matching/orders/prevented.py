"""Reads of prevented matches: trades that were not, between orders of one owner."""

from collections.abc import Collection
from decimal import Decimal
from typing import Final

from django.db.models import Max, Q

from matching.models import Order, PreventedMatch
from matching.orders.selectors import PAGE_MAX

# By these one of the two orders loses nothing: the one that stands, the one that arrives.
_MAKER_STAYS: Final = "taker"
_TAKER_STAYS: Final = "maker"


def list_prevented(
    account_id: int,
    market_id: int,
    *,
    prevented_id: int | None = None,
    order_id: int | None = None,
    from_id: int | None = None,
    limit: int = 100,
) -> list[PreventedMatch]:
    """Return an account's prevented matches in a market that match every filter, oldest first."""
    rows = PreventedMatch.objects.filter(
        Q(maker_account_id=account_id) | Q(taker_account_id=account_id), market_id=market_id
    )
    if prevented_id is not None:
        rows = rows.filter(pk=prevented_id)
    if order_id is not None:
        rows = rows.filter(
            Q(maker_order_id=order_id, maker_account_id=account_id)
            | Q(taker_order_id=order_id, taker_account_id=account_id)
        )
    if from_id is not None:
        rows = rows.filter(pk__gte=from_id)
    return list(rows.order_by("pk")[: min(limit, PAGE_MAX)])


def last_prevented_ids(order_ids: Collection[int]) -> dict[int, int]:
    """Return the last prevented match by which each order lost something, if there is one."""
    last: dict[int, int] = {}
    for role, stays in (("maker_order_id", _MAKER_STAYS), ("taker_order_id", _TAKER_STAYS)):
        rows = PreventedMatch.objects.filter(**{f"{role}__in": order_ids}).exclude(mode=stays)
        for order_id, prevented_id in rows.values_list(role).annotate(Max("pk")).order_by():
            last[order_id] = max(prevented_id, last.get(order_id, 0))
    return last


def list_rests(order_ids: Collection[int]) -> dict[int, Decimal]:
    """Return what orders that ended had left then; those that are not kept are not there."""
    rows = Order.objects.filter(pk__in=order_ids)
    return dict(rows.values_list("pk", "remaining_quantity").order_by("pk"))
