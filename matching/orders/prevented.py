"""Reads of prevented matches: bounded queries, explicit order, no locks."""

from matching.models import PreventedMatch
from matching.orders.selectors import PAGE_MAX


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
