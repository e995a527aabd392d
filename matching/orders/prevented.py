"""Reads of prevented matches: bounded queries, explicit order, no locks."""

from collections.abc import Collection
from decimal import Decimal
from typing import Final

from django.db.models import Max

from matching.models import Order, PreventedMatch
from matching.orders.selectors import PAGE_MAX

# By which mode the order of a role loses nothing.
_STAYS: Final = {"maker": "taker", "taker": "maker"}


def list_prevented_matches(
    account_id: int,
    market_id: int,
    *,
    match_id: int | None = None,
    order_id: int | None = None,
    from_id: int | None = None,
    before_id: int | None = None,
    is_oldest: bool = False,
    limit: int = 500,
) -> list[PreventedMatch]:
    """Return matches of an account in a market that were prevented, whichever side it was on.

    Ids are those of the matches: ``match_id`` one of them, ``from_id`` (inclusive) and
    ``before_id`` a part; with ``order_id`` only those that this order took part in. The oldest of
    them first where ``is_oldest``, else the newest. Each role has an index of its own, so the two
    are read apart and merged.
    """
    limit = min(limit, PAGE_MAX)
    found: dict[int, PreventedMatch] = {}
    for role in ("maker", "taker"):
        rows = PreventedMatch.objects.filter(
            **{f"{role}_account_id": account_id}, market_id=market_id
        )
        if match_id is not None:
            rows = rows.filter(pk=match_id)
        if order_id is not None:
            rows = rows.filter(**{f"{role}_order_id": order_id})
        if from_id is not None:
            rows = rows.filter(pk__gte=from_id)
        if before_id is not None:
            rows = rows.filter(pk__lt=before_id)
        page = rows.order_by("pk" if is_oldest else "-pk")[:limit]
        found |= {row.pk: row for row in page}
    return [found[pk] for pk in sorted(found, reverse=not is_oldest)[:limit]]


def last_prevented_ids(order_ids: Collection[int]) -> dict[int, int]:
    """Return by order the last prevented match by which it lost something, if there is one."""
    last: dict[int, int] = {}
    for role, mode in _STAYS.items():
        name = f"{role}_order_id"
        rows = PreventedMatch.objects.filter(**{f"{name}__in": order_ids}).exclude(mode=mode)
        for order_id, match_id in rows.order_by(name).values_list(name).annotate(Max("pk")):
            last[order_id] = max(match_id, last.get(order_id, 0))
    return last


def list_rests(order_ids: Collection[int]) -> dict[int, Decimal]:
    """Return by order what it had left when it ended; those that are not kept are not there."""
    rows = Order.objects.filter(pk__in=order_ids)
    return dict(rows.order_by("pk").values_list("pk", "remaining_quantity"))
