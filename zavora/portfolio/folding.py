"""Portfolios counted forward from the ledger, page by page: each transaction once, as a whole.

What is written lies far enough back that it never changes (``SETTLED_AFTER``, and no candle is
behind): counted anew from the beginning it comes to the same, to the last unit. What came since is
counted on top in memory, by whoever reads.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from django.db import transaction
from django.utils import timezone

from accounts.money import portfolios as rows
from accounts.money.portfolios import Book, CountedEntry, Point
from accounts.reports.services import SETTLED_AFTER
from marketdata.candles.closes import counted_until_us
from matching.markets.selectors import list_market_terms
from matching.orders.sides import list_sides
from zavora.foundation.money import decimal_to_units
from zavora.foundation.time_ids import first_id_of, time_ms_of
from zavora.foundation.times import microseconds_of, moment_of
from zavora.portfolio.accounting import (
    TRADING,
    AccountState,
    Entry,
    Sides,
    count,
    from_plain,
    to_plain,
)
from zavora.portfolio.rates import Path, Rates, find_paths

# Entries that are counted at once, and of which a reader waits for so many pages.
PAGE: Final = 5_000
PAGES_MAX: Final = 4
HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)
_EVER: Final = 2**63 - 1


class Market(msgspec.Struct, frozen=True):
    """What all counting goes by: paths to the currency, quote assets, scales."""

    currency_id: int
    paths: Mapping[int, list[Path]]
    quotes: Mapping[int, int]
    scales: Mapping[int, int]

    def rates(self, moments: Sequence[datetime]) -> Rates:
        """Return rates at some moments."""
        return Rates(self.currency_id, self.paths, self.scales, moments)


def market_for(currency_id: int) -> Market:
    """Return what values in a currency go by, as markets and assets are now."""
    terms = list_market_terms()
    return Market(
        currency_id,
        find_paths(terms, currency_id),
        {one.market_id: one.quote.asset_id for one in terms},
        {pk: scale for pk, (_, scale) in rows.list_scales().items()},
    )


class Count:
    """Accounts of one owner, being counted: their states now, and after each hour that had any."""

    def __init__(self, book: Book, account_ids: Sequence[int], market: Market) -> None:
        self.book = book
        self._account_ids = list(account_ids)
        self._market = market
        self.states: dict[int, AccountState] = {}
        self._hours: dict[int, datetime] = {}
        # What was reached since, by account and hour.
        self.reached: dict[tuple[int, datetime], AccountState] = {}
        for account_id in self._account_ids:
            hour, plain = book.newest.get(account_id, (None, {}))
            self.states[account_id] = from_plain(plain)
            if hour is not None:
                self._hours[account_id] = hour

    def begin(self) -> None:
        """Begin with what has left for archives, of which only sums are known."""
        for account_id, asset_id, amount in rows.list_opening(self._account_ids):
            holding = self.states[account_id].of(asset_id)
            holding.put(0, 0, decimal_to_units(amount, self._market.scales[asset_id]))
            self._reach([account_id], moment_of(time_ms_of(self.book.position) * 1_000))

    def forward(self, upto: int, *, is_settled: bool = True, page_max: int = PAGE) -> bool:
        """Count the next page of entries with ids up to one; return whether more are left.

        Where they are not settled there is no more than the page: nothing after it is looked for.
        """
        page = rows.list_counted(
            self._account_ids, after=self.book.position, upto=upto, limit=page_max
        )
        has_more = len(page) == page_max
        last = page[-1].id if has_more else upto
        ahead = set(self.book.ahead)
        fresh = [entry for entry in page if entry.id not in ahead]
        rest: list[CountedEntry] = []
        if is_settled or has_more:
            ids = {entry.transaction_id for entry in fresh}
            late = rows.list_rest(self._account_ids, after=last, transaction_ids=ids)
            rest = [entry for entry in late if entry.id not in ahead]
        self._count([*fresh, *rest])
        if page:
            self.book.position = max(self.book.position, page[-1].id)
            self.book.ahead = [
                one
                for one in (*self.book.ahead, *(entry.id for entry in rest))
                if one > self.book.position
            ]
        return has_more

    @property
    def reached_until(self) -> datetime | None:
        """Return up to which hour it is counted; None where there was nothing."""
        return max(self._hours.values(), default=None)

    @property
    def accounts_reached(self) -> list[int]:
        """Return the accounts that had anything."""
        return list(self._hours)

    def points(self) -> list[Point]:
        """Return what was reached as points."""
        return [
            Point(account_id, hour, to_plain(state))
            for (account_id, hour), state in self.reached.items()
        ]

    def _count(self, entries: Sequence[CountedEntry]) -> None:
        groups: dict[int, list[CountedEntry]] = {}
        for entry in entries:
            groups.setdefault(entry.transaction_id, []).append(entry)
        trades = [pk for pk, group in groups.items() if group[0].kind in TRADING]
        sides = list_sides(trades)
        minutes = [_minute_of(group[0].created_at) for group in groups.values()]
        rates = self._market.rates(minutes)
        for (pk, group), minute in zip(groups.items(), minutes, strict=True):
            sided = sides.get(pk)
            accounts = {entry.account_id for entry in group}
            self._close_hours(accounts, group[0].created_at)

            def value_of(asset_id: int, units: int, at: datetime = minute) -> int | None:
                return rates.value(asset_id, units, at)

            count(
                self.states,
                [self._entry(entry) for entry in group],
                sides=None
                if sided is None
                else Sides(self._market.quotes[sided.market_id], sided.maker_id, sided.taker_id),
                currency_id=self._market.currency_id,
                value_of=value_of,
            )
            self._reach(accounts, group[0].created_at)

    def _entry(self, entry: CountedEntry) -> Entry:
        units = decimal_to_units(entry.amount, self._market.scales[entry.asset_id])
        return Entry(entry.account_id, entry.asset_id, entry.kind, units)

    def _close_hours(self, account_ids: Iterable[int], moment: datetime) -> None:
        """Keep how accounts stand, before what is of a later hour changes that."""
        hour = _hour_of(moment)
        for account_id in account_ids:
            before = self._hours.get(account_id)
            if before is not None and hour > before and (account_id, before) in self.reached:
                state = self.states[account_id]
                self.reached[account_id, before] = from_plain(to_plain(state))

    def _reach(self, account_ids: Iterable[int], moment: datetime) -> None:
        hour = _hour_of(moment)
        for account_id in account_ids:
            # Of two shards one may be a moment behind: what it has belongs to the later hour.
            self._hours[account_id] = max(hour, self._hours.get(account_id, hour))
            self.reached[account_id, self._hours[account_id]] = self.states[account_id]


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _minute_of(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def settled_below(now: datetime) -> tuple[int, datetime]:
    """Return the highest id below which nothing changes any more, and its time."""
    moment = moment_of(
        min(microseconds_of(now - SETTLED_AFTER), counted_until_us(microseconds_of(now)))
    )
    return first_id_of(microseconds_of(moment) // 1_000) - 1, moment


def bring_forward(
    owner_id: int, market: Market, *, pages_max: int = PAGES_MAX, page_max: int = PAGE
) -> bool:
    """Count a person's book forward and keep it; return whether there is more to do here.

    Each page is a transaction. Who finds somebody else at it leaves it to them.
    """
    upto, moment = settled_below(timezone.now())
    for _ in range(pages_max):
        with transaction.atomic():
            book = rows.lock_book(owner_id, market.currency_id)
            if book is None:
                return False
            is_anew = not book.newest
            counted = Count(book, rows.list_owned(owner_id), market)
            if is_anew:
                counted.begin()
            has_more = counted.forward(upto, page_max=page_max)
            is_news = bool(counted.reached) or is_anew
            if not has_more and (is_news or _is_old(book.counted_until, moment)):
                book.counted_until = moment
                is_news = True
            if is_news:
                rows.save_book(book, counted.points(), is_anew=is_anew)
        if not has_more:
            return False
    return True


def _is_old(before: datetime | None, moment: datetime) -> bool:
    return before is None or moment - before > HOUR


def count_tail(owner_id: int, market: Market) -> tuple[Count, bool]:
    """Count what is not kept yet on top of what is, in memory; and tell whether that is all.

    All accounts of the owner, as what one carries to another one has the cost that it had there.
    """
    book = rows.read_book(owner_id, market.currency_id)
    counted = Count(book, rows.list_owned(owner_id), market)
    if not book.newest:
        counted.begin()
    for _ in range(PAGES_MAX):
        if not counted.forward(_EVER, is_settled=False):
            return counted, True
    return counted, False
