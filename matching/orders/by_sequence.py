"""Reads for those who follow markets by sequence: events, books, public trades.

A feed that missed something fills the gap from ``Event`` rows, or takes a book from one snapshot
of the tables in which sequences, open orders and trades agree.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec
from django.db import DEFAULT_DB_ALIAS, connection, transaction
from django.db.models import F, Max, Min, Sum

from matching.engine.orders import OPEN_STATUSES, WAITING
from matching.markets.terms import MarketTerms
from matching.models import Event, MarketState, Order, OrderConditions, Trade
from matching.orders.auctions import indicated
from matching.wire import AuctionState
from zavora.foundation import money
from zavora.foundation.partitions.newest import RECENT_MS
from zavora.foundation.time_ids import first_id_of
from zavora.foundation.times import microseconds_of, now_us

EVENTS_PAGE_MAX: Final = 1_000
TRADES_PAGE_MAX: Final = 20_000
RUNS_PAGE_MAX: Final = 1_000


class PublicTradeRow(msgspec.Struct, frozen=True, gc=False):
    """A trade as everybody may see it; ``time_us`` in microseconds since 1970."""

    sequence: int
    run_sequence: int
    price: Decimal
    quantity: Decimal
    amount: Decimal
    taker_side: str
    time_us: int
    is_auction: bool = False


class BookOrder(NamedTuple):
    """An order in the book, in the units people read; it may show only a part of what is left."""

    order_id: int
    account_id: int
    side: str
    price: str
    left: str
    shown: str
    display: str | None


class OrderedSnapshot(msgspec.Struct, frozen=True):
    """All orders in a market's book at one moment, those of one price in the order of their turns.

    ``orders`` is None where there are more than were asked for.
    """

    event_sequence: int
    depth_sequence: int
    orders: list[BookOrder] | None


class TradeRun(msgspec.Struct, frozen=True, gc=False):
    """The fills of one taker at one price: trades ``run_sequence`` to ``last_sequence``."""

    run_sequence: int
    last_sequence: int
    price: Decimal
    quantity: Decimal
    taker_side: str
    time_us: int


class BookSnapshot(msgspec.Struct, frozen=True):
    """A market at one moment: all price levels in no order, newest trades first.

    Levels are (side, price, quantity) in the units people read. ``auction``: how one would end now,
    while it is held.
    """

    event_sequence: int
    depth_sequence: int
    trade_sequence: int
    levels: list[tuple[str, str, str]]
    trades: list[PublicTradeRow]
    auction: AuctionState | None = None


def get_book_snapshot(terms: MarketTerms, *, trades_max: int) -> BookSnapshot | None:
    """Return a market's sequences, whole book and newest trades from one REPEATABLE READ snapshot.

    None for a market that has no state yet. Must not be called inside a transaction.
    """
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        rows = MarketState.objects.filter(market_id=terms.market_id).select_related("market")
        state = rows.first()
        if state is None:
            return None
        levels = _list_levels(terms)
        auction = None
        if state.market.phase == "auction":
            auction = indicated(terms, state, _list_levels(terms, are_whole=True))
        trades = list_trades_before(terms.market_id, before_sequence=None, limit=trades_max)
    return BookSnapshot(
        event_sequence=state.event_sequence,
        depth_sequence=state.depth_sequence,
        trade_sequence=state.trade_sequence,
        levels=levels,
        trades=trades,
        auction=auction,
    )


def get_ordered_snapshot(terms: MarketTerms, *, orders_max: int) -> OrderedSnapshot:
    """Return the orders in a market's book and its sequences from one REPEATABLE READ snapshot.

    Must not be called inside a transaction.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        state = MarketState.objects.filter(market_id=terms.market_id).first()
        if state is None:
            return OrderedSnapshot(0, 0, [])
        cursor.execute(
            "SELECT o.id, o.account_id, o.side, o.price, o.remaining_quantity,"
            " coalesce(c.hidden_quantity, 0), c.display_quantity"
            f" FROM {_IN_BOOK} ORDER BY o.priority, o.id LIMIT %s",
            [*_in_book(terms), orders_max + 1],
        )
        rows = cursor.fetchall()
    lots = terms.lot_decimals
    orders = [
        BookOrder(
            order_id,
            account_id,
            side,
            money.format_decimal(price, terms.tick_decimals),
            money.format_decimal(left, lots),
            money.format_decimal(left - hidden, lots),
            None if display is None else money.format_decimal(display, lots),
        )
        for order_id, account_id, side, price, left, hidden, display in rows
    ]
    is_whole = len(orders) <= orders_max
    return OrderedSnapshot(state.event_sequence, state.depth_sequence, orders if is_whole else None)


def get_event_sequence(market_id: int) -> int:
    """Return the event sequence a market has reached; 0 where nothing happened yet."""
    rows = MarketState.objects.filter(market_id=market_id).values_list("event_sequence", flat=True)
    return rows.first() or 0


def list_event_payloads(market_id: int, *, after: int, limit: int = EVENTS_PAGE_MAX) -> list[bytes]:
    """Return the published events of a market after an event sequence, oldest first."""
    rows = Event.objects.filter(market_id=market_id, sequence__gt=after).order_by("sequence")
    return [bytes(payload) for payload in rows.values_list("payload", flat=True)[:limit]]


def list_trades_after(
    market_id: int, *, after: int, limit: int, using: str = DEFAULT_DB_ALIAS
) -> list[PublicTradeRow]:
    """Return committed trades after a trade sequence, oldest first; the sequence has no gaps."""
    trades = Trade.objects.using(using)
    rows = trades.filter(market_id=market_id, sequence__gt=after).order_by("sequence")
    return _trade_rows(rows.values_list(*_TRADE_FIELDS)[: min(limit, TRADES_PAGE_MAX)])


def list_trades_before(
    market_id: int, *, before_sequence: int | None, limit: int, using: str = DEFAULT_DB_ALIAS
) -> list[PublicTradeRow]:
    """Return trades below a trade sequence (None: the newest), newest first."""
    limit = min(limit, TRADES_PAGE_MAX)
    rows = Trade.objects.using(using).filter(market_id=market_id).order_by("-sequence")
    if before_sequence is not None:
        rows = rows.filter(sequence__lt=before_sequence)
    else:
        # Of the newest partitions alone, where these are enough: sequences name no partition.
        recent = rows.filter(pk__gte=first_id_of(now_us() // 1_000 - RECENT_MS))
        found = _trade_rows(recent.values_list(*_TRADE_FIELDS)[:limit])
        if len(found) == limit:
            return found
    return _trade_rows(rows.values_list(*_TRADE_FIELDS)[:limit])


def list_trade_runs(
    market_id: int,
    *,
    low: int,
    high: int | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    is_newest: bool = False,
    limit: int,
    using: str = DEFAULT_DB_ALIAS,
) -> list[TradeRun]:
    """Return runs whose first trade lies within bounds of sequence and time, inclusive.

    Oldest first: the first ``limit`` of them, or the last where ``is_newest``. Times have no
    index: without sequences that are close to them the trades are searched one by one.
    """
    trades = Trade.objects.using(using).filter(market_id=market_id)
    heads = trades.filter(sequence__gte=low, sequence=F("run_sequence"))
    if high is not None:
        heads = heads.filter(sequence__lte=high)
    if start is not None:
        heads = heads.filter(created_at__gte=start)
    if end is not None:
        heads = heads.filter(created_at__lte=end)
    limit = min(limit, RUNS_PAGE_MAX)
    order = "-sequence" if is_newest else "sequence"
    firsts = sorted(heads.order_by(order).values_list("sequence", flat=True)[:limit])
    if not firsts:
        return []
    following = (
        trades.filter(sequence__gt=firsts[-1], sequence=F("run_sequence"))
        .order_by("sequence")
        .values_list("sequence", flat=True)
        .first()
    )
    rows = trades.filter(sequence__gte=firsts[0])
    if following is not None:
        rows = rows.filter(sequence__lt=following)
    runs = (
        rows.values("run_sequence")
        .annotate(
            last=Max("sequence"),
            at_price=Min("price"),
            total=Sum("quantity"),
            side=Min("taker_side"),
            time=Min("created_at"),
        )
        .order_by("run_sequence")
        .values_list("run_sequence", "last", "at_price", "total", "side", "time")
    )
    wanted = set(firsts)
    return [TradeRun(*row[:-1], microseconds_of(row[-1])) for row in runs if row[0] in wanted]


def list_trade_sequences() -> dict[int, int]:
    """Return how far each market's trade sequence has come, by market id."""
    return dict(
        MarketState.objects.order_by("market_id").values_list("market_id", "trade_sequence")
    )


_TRADE_FIELDS: Final = (
    "sequence",
    "run_sequence",
    "price",
    "quantity",
    "amount",
    "taker_side",
    "created_at",
    "is_auction",
)


def _trade_rows(rows: Iterable[tuple[object, ...]]) -> list[PublicTradeRow]:
    return [PublicTradeRow(*row[:-2], microseconds_of(row[-2]), row[-1]) for row in rows]  # type: ignore[arg-type, call-arg]


# What the book shows: nothing of what waits for a price.
_IN_BOOK: Final = (
    f"{Order._meta.db_table} o"
    f" LEFT JOIN {OrderConditions._meta.db_table} c ON c.order_id = o.id"
    " WHERE o.market_id = %s AND o.status = ANY(%s) AND o.price IS NOT NULL"
    " AND coalesce(c.trigger_state, '') <> ALL(%s)"
)


def _in_book(terms: MarketTerms) -> list[int | list[str]]:
    return [terms.market_id, sorted(OPEN_STATUSES), sorted(WAITING)]


def _list_levels(terms: MarketTerms, *, are_whole: bool = False) -> list[tuple[str, str, str]]:
    """Return what the book shows, of icebergs a part.

    ``are_whole``: with all that icebergs hide.
    """
    hidden = "0" if are_whole else "coalesce(c.hidden_quantity, 0)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT o.side, o.price, sum(o.remaining_quantity - {hidden})"
            f" FROM {_IN_BOOK} GROUP BY o.side, o.price",
            _in_book(terms),
        )
        rows = cursor.fetchall()
    return [
        (
            side,
            money.format_decimal(price, terms.tick_decimals),
            money.format_decimal(quantity, terms.lot_decimals),
        )
        for side, price, quantity in rows
    ]
