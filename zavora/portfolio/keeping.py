"""Portfolios between readings: counted forward, counted anew, and compared with that."""

import time
from collections.abc import Callable
from typing import Final

import structlog
from django.utils import timezone

from accounts.money import portfolios as rows
from zavora.portfolio.accounting import to_plain
from zavora.portfolio.folding import Count, bring_forward, market_for

# Other tasks wait meanwhile, and what is left is counted the next time.
KEEP_S: Final = 10.0

log = structlog.get_logger(__name__)


def keep(*, after_page: Callable[[], None] = lambda: None) -> None:
    """Count the books forward that are looked at, the furthest behind first, for some seconds.

    One that cannot be counted stops no other.
    """
    until = time.monotonic() + KEEP_S
    for owner_id, currency_id in rows.list_used_books(timezone.now()):
        try:
            market = market_for(currency_id)
            while bring_forward(owner_id, market, pages_max=1):
                after_page()
                if time.monotonic() > until:
                    return
        except Exception:
            log.exception("portfolio_not_counted", owner=owner_id, currency=currency_id)
        if time.monotonic() > until:
            return


def rebuild(owner_id: int | None = None) -> int:
    """Throw away what is kept, of a person or of all, and count it anew; return how many books."""
    books = [one for one in rows.list_books() if owner_id in (None, one[0])]
    rows.drop_books(owner_id=owner_id)
    for owner, currency_id in books:
        rows.open_book(owner, currency_id)
        market = market_for(currency_id)
        while bring_forward(owner, market):
            pass
    return len(books)


def list_different(owner_id: int | None = None) -> list[tuple[int, int]]:
    """Return owner and currency of books that differ from what a count from the beginning gives.

    Writes nothing. Only what has left for archives is taken as the book has it.
    """
    different = []
    for owner, currency_id in rows.list_books():
        if owner_id not in (None, owner):
            continue
        kept = rows.read_book(owner, currency_id)
        fresh = rows.empty_book(owner, currency_id)
        if fresh.position:
            continue
        anew = Count(fresh, rows.list_owned(owner), market_for(currency_id))
        anew.begin()
        while anew.forward(kept.position):
            pass
        told = {account_id: dict(plain) for account_id, (_, plain) in kept.newest.items()}
        found = {one: to_plain(anew.states[one]) for one in anew.accounts_reached}
        if told != found:
            different.append((owner, currency_id))
    return different
