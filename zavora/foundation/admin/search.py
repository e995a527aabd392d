"""How operators search: one term, looked up in every way that its spelling fits, each by an index.

A list may be of any size, so nothing here scans it. A look-up turns a term into branches, each a
condition that one index answers in the order it is asked for; each branch gives its newest rows and
no more. What has no index is looked for among the newest rows only, and the page says so.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from django.db.models import Q, QuerySet

from zavora.foundation.digits import number_of

# What one search finds at most, the newest; beyond it the page asks to narrow the search.
ROWS_MAX: Final = 2_000
# Among so many of the newest rows a look-up without an index goes on.
RECENT_MAX: Final = 50_000


class Branch(NamedTuple):
    """Rows that one index finds. ``order`` is the order in which that index has them."""

    condition: Q
    order: str = "-pk"
    # No index knows the condition: only the newest rows are asked.
    is_recent: bool = False
    # What to tell whoever searched, where the branch is not all that there is.
    note: str = ""


LookUp = Callable[[str], Iterable[Branch]]


class Found(NamedTuple):
    """What a search found, and what to tell about it."""

    rows: QuerySet[Any]
    notes: tuple[str, ...] = ()


# --- look-ups -------------------------------------------------------------------------------------


def uuid_of(term: str) -> uuid.UUID | None:
    """Return the UUID that a term spells, in any of the usual ways."""
    try:
        return uuid.UUID(term)
    except ValueError:
        return None


def _day_of(term: str) -> date | None:
    try:
        return date.fromisoformat(term)
    except ValueError:
        return None


def numbers(*names: str) -> LookUp:
    """Find rows where one of these columns is the term, a number."""

    def look_up(term: str) -> Iterator[Branch]:
        number = number_of(term)
        if number is not None:
            yield from (Branch(Q(**{name: number})) for name in names)

    return look_up


def uuids(*names: str) -> LookUp:
    """Find rows where one of these columns is the term, a UUID."""

    def look_up(term: str) -> Iterator[Branch]:
        identifier = uuid_of(term)
        if identifier is not None:
            yield from (Branch(Q(**{name: identifier})) for name in names)

    return look_up


def dates(*names: str) -> LookUp:
    """Find rows by columns that are dates, written as ``2026-11-25``."""

    def look_up(term: str) -> Iterator[Branch]:
        day = _day_of(term)
        if day is not None:
            yield from (Branch(Q(**{name: day})) for name in names)

    return look_up


def texts(*names: str) -> LookUp:
    """Find rows where one of these columns is the term, letter for letter."""

    def look_up(term: str) -> Iterator[Branch]:
        yield from (Branch(Q(**{name: term})) for name in names)

    return look_up


def parts(*names: str) -> LookUp:
    """Find rows where one of these columns holds the term in any letter case: small tables only."""

    def look_up(term: str) -> Iterator[Branch]:
        yield from (Branch(Q(**{f"{name}__icontains": term})) for name in names)

    return look_up


def recent(*names: str) -> LookUp:
    """Find the term in columns without an index, in any letter case, among the newest rows."""

    def look_up(term: str) -> Iterator[Branch]:
        yield from (Branch(Q(**{f"{name}__iexact": term}), is_recent=True) for name in names)

    return look_up


def recent_numbers(*names: str) -> LookUp:
    """Find the term, a number, in columns without an index, among the newest rows."""

    def look_up(term: str) -> Iterator[Branch]:
        for branch in numbers(*names)(term):
            yield branch._replace(is_recent=True)

    return look_up


# --- searching ------------------------------------------------------------------------------------


def branches_of(look_ups: Iterable[LookUp], term: str) -> list[Branch]:
    """Return all that a term may mean."""
    return [branch for look_up in look_ups for branch in look_up(term)]


def rows_of(
    rows: QuerySet[Any], branches: Sequence[Branch], *, rows_max: int = ROWS_MAX + 1
) -> list[QuerySet[Any]]:
    """Return each branch as a query for the keys of its newest rows, one more than are shown."""
    oldest = _oldest_recent(rows) if any(branch.is_recent for branch in branches) else None
    queries = []
    rows = rows.prefetch_related(None)  # keys have nothing to read ahead for
    for condition, order, is_recent, _ in branches:
        found = rows.filter(condition)
        if is_recent and oldest is not None:
            found = found.filter(pk__gt=oldest)
        queries.append(found.order_by(order).values_list("pk", flat=True)[:rows_max])
    return queries


def _oldest_recent(rows: QuerySet[Any]) -> int | None:
    """Return the key after which rows are recent; None where all are."""
    keys = rows.model._default_manager.order_by("-pk").values_list("pk", flat=True)
    return next(iter(keys[RECENT_MAX : RECENT_MAX + 1]), None)


def search(rows: QuerySet[Any], look_ups: Iterable[LookUp], term: str) -> Found:
    """Return the rows (of those given, which may be filtered already) that a term finds.

    The keys are read first and then asked for: whatever else the page's query joins, sorts by or
    counts, it is by the primary key of at most ``ROWS_MAX`` rows.
    """
    branches = branches_of(look_ups, term)
    if not branches:
        return Found(rows.none())
    first, *others = rows_of(rows, branches)
    keys = set(first.union(*others, all=True) if others else first)
    notes = [branch.note for branch in branches if branch.note]
    if len(keys) > ROWS_MAX:
        notes.append(f"Only the newest {ROWS_MAX:,} rows are shown: filter, too, to see others.")
    newest = sorted(keys, reverse=True)[:ROWS_MAX]
    return Found(rows.filter(pk__in=newest), tuple(dict.fromkeys(notes)))


def newest(rows: QuerySet[Any], look_ups: Iterable[LookUp], term: str, rows_max: int) -> list[Any]:
    """Return the newest rows that a term finds, ``rows_max`` at most; as ``search`` does it."""
    branches = branches_of(look_ups, term)
    if not branches:
        return []
    first, *others = rows_of(rows, branches, rows_max=rows_max)
    keys = sorted(set(first.union(*others, all=True) if others else first), reverse=True)
    return list(rows.filter(pk__in=keys[:rows_max]).order_by("-pk"))
