"""An account's orders and trades, and a market's candles: reads of the tables."""

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from api.v1 import order_words
from api.v1 import words as v1_words
from api.v1.cursors import next_cursor, take_page
from api.v1.fields import Fields, spelling
from api.v1.openapi.operations import documented
from api.v1.order_words import Shape
from api.v1.requests import CLIENT_ORDER_ID_LENGTH_MAX, SYMBOL_LENGTH_MAX, symbol_of
from api.v1.rest.base import LIST_WEIGHTS, ApiView, answer, public_answer, query_of, reached_account
from marketdata.candles.intervals import INTERVALS
from marketdata.candles.past import list_past_candles
from marketdata.candles.selectors import CANDLES_MAX
from matching.markets.selectors import list_market_terms
from matching.markets.terms import MarketTerms
from matching.orders.selectors import Within, list_account_trades, list_orders
from matching.rows.orders import state_of_row
from matching.rows.trades import trade_state
from zavora.foundation.errors import MarketNotFound
from zavora.foundation.times import microseconds_of

CANDLES_DEFAULT = 100
STATUSES = {spelling(name): name for name in order_words.STATUSES}
SIDES = {"buy": "buy", "sell": "sell"}
OPEN = frozenset({"New", "PartiallyFilled", *order_words.WAITING_STATUS.values()})


class OrdersAsked(NamedTuple):
    """Which of an account's orders; ``market_id`` and the others of None fit any."""

    account_id: UUID
    account_pk: int
    market_id: int | None
    side: str | None
    statuses: list[str]
    waiting: list[str] | None
    client_order_id: str | None
    within: Within


class FillsAsked(NamedTuple):
    """Which of an account's fills."""

    account_pk: int
    market_id: int | None
    side: str | None
    within: Within


class OrdersView(ApiView):
    """An account's orders."""

    weights = LIST_WEIGHTS
    is_history = True

    @documented(
        "accounts_orders",
        "Order",
        is_list=True,
        is_paged=True,
        query=("market", "side", "status", "client_order_id", "start", "end"),
    )
    def get(self, request: Request, account: str) -> Response:
        """List an account's orders, newest first. `status` takes several, by commas, or `Open`.

        `start` and `end` are inclusive, and mean when an order was placed.
        """
        fields = query_of(request)
        limit, before = take_page(fields)
        asked = take_orders(request, account, fields)
        page, ids = order_page(asked, terms_by_id(), before=before, limit=limit + 1)
        return answer(page[:limit], next=next_cursor(ids, limit))


class FillsView(ApiView):
    """An account's side of its trades."""

    weights = LIST_WEIGHTS
    is_history = True

    @documented(
        "accounts_trades",
        "Fill",
        is_list=True,
        is_paged=True,
        query=("market", "side", "start", "end"),
    )
    def get(self, request: Request, account: str) -> Response:
        """List an account's fills, newest first; `start` and `end` are inclusive."""
        fields = query_of(request)
        limit, before = take_page(fields)
        asked = take_fills(request, account, fields)
        page, ids = fill_page(asked, terms_by_id(), before=before, limit=limit + 1)
        return answer(page[:limit], next=next_cursor(ids, limit))


def take_orders(request: Request, account: str, fields: Fields) -> OrdersAsked:
    """Take which orders a query asks for; the last that is taken of its fields."""
    account_id, account_pk = reached_account(request, account)
    symbol = take_symbol(fields)
    side = fields.choice("side", SIDES)
    statuses, waiting = _take_statuses(fields)
    client_order_id = fields.text("client_order_id", length_max=CLIENT_ORDER_ID_LENGTH_MAX)
    within = _take_times(fields)
    fields.check()
    market_id = _market_of(symbol)
    return OrdersAsked(
        account_id, account_pk, market_id, side, statuses, waiting, client_order_id, within
    )


def take_fills(request: Request, account: str, fields: Fields) -> FillsAsked:
    """Take which fills a query asks for; the last that is taken of its fields."""
    _, account_pk = reached_account(request, account)
    symbol = take_symbol(fields)
    side = fields.choice("side", SIDES)
    within = _take_times(fields)
    fields.check()
    return FillsAsked(account_pk, _market_of(symbol), side, within)


def _market_of(symbol: str | None) -> int | None:
    return None if symbol is None else terms_of(symbol, terms_by_id()).market_id


def order_page(
    asked: OrdersAsked, terms: Mapping[int, MarketTerms], *, before: int | None, limit: int
) -> tuple[list[Shape], list[int]]:
    """Return orders with ids below one, newest first, and these ids."""
    rows = list_orders(
        asked.account_pk,
        market_id=asked.market_id,
        side=asked.side,
        statuses=asked.statuses,
        waiting=asked.waiting,
        client_order_id=asked.client_order_id,
        before_id=before,
        within=asked.within,
        limit=limit,
    )
    shapes = [
        order_words.order(
            state_of_row(row, terms[row.market_id]), terms[row.market_id], asked.account_id
        )
        for row in rows
    ]
    return shapes, [row.pk for row in rows]


def fill_page(
    asked: FillsAsked, terms: Mapping[int, MarketTerms], *, before: int | None, limit: int
) -> tuple[list[Shape], list[int]]:
    """Return fills of trades with ids below one, newest first, and these ids."""
    rows = list_account_trades(
        asked.account_pk,
        market_id=asked.market_id,
        side=asked.side,
        before_id=before,
        within=asked.within,
        limit=limit,
    )
    shapes = [
        v1_words.fill(
            trade_state(row, terms[row.market_id]),
            terms[row.market_id],
            is_maker=row.maker_account_id == asked.account_pk,
        )
        for row in rows
    ]
    return shapes, [row.pk for row in rows]


class CandlesView(ApiView):
    """A market's candles; public."""

    weights = LIST_WEIGHTS
    is_public = True
    permission_classes = ()
    authentication_classes = ()

    @documented(
        "markets_candles", "Candles", query=("interval", "limit", "start", "end"), is_public=True
    )
    def get(self, request: Request, symbol: str) -> Response:
        """List a market's candles, newest first; an interval without a trade has none."""
        terms = terms_of(symbol_of(symbol), terms_by_id())
        fields = query_of(request)
        interval = _take_interval(fields)
        limit = fields.integer("limit", default=CANDLES_DEFAULT, low=1, high=CANDLES_MAX)
        start, end = fields.moment("start"), fields.moment("end")
        if start is not None and end is not None and start > end:
            fields.refuse("start", "expected a time not after end")
        fields.check()
        found = list_past_candles(terms, interval, start=start, end=end, limit=limit)
        candles = [v1_words.candle(state, terms.symbol) for state in found]
        name = v1_words.INTERVAL[interval]
        return public_answer({"market": terms.symbol, "interval": name, "candles": candles})


def terms_by_id() -> dict[int, MarketTerms]:
    """Return every market's terms by its id."""
    return {terms.market_id: terms for terms in list_market_terms()}


def terms_of(symbol: str, by_id: dict[int, MarketTerms]) -> MarketTerms:
    """Return a market's terms by its symbol. Raises MarketNotFound."""
    for terms in by_id.values():
        if terms.symbol == symbol:
            return terms
    raise MarketNotFound("There is no such market.")


def take_symbol(fields: Fields) -> str | None:
    """Take a market's symbol, in whatever spelling."""
    text = fields.text("market", length_max=SYMBOL_LENGTH_MAX, what="a market's symbol")
    return None if text is None else symbol_of(text)


def _take_times(fields: Fields) -> Within:
    """Take ``start`` and ``end``: between when, inclusive."""
    start, end = fields.moment("start"), fields.moment("end")
    if start is not None and end is not None and start > end:
        fields.refuse("start", "expected a time not after end")
    return Within(*(None if one is None else microseconds_of(one) for one in (start, end)))


def _take_statuses(fields: Fields) -> tuple[list[str], list[str] | None]:
    """Take statuses: those of the table, and how orders wait (None: it is all the same)."""
    text = fields.text("status", length_max=128)
    found: set[str] = set()
    for part in text.split(",") if text else []:
        name = spelling(part)
        if name == "open":
            found |= OPEN
        elif name in STATUSES:
            found.add(STATUSES[name])
        else:
            expected = ", ".join(["Open", *STATUSES.values()])
            fields.refuse("status", f"expected one or more of: {expected}")
    statuses = [status for status, name in order_words.STATUS.items() if name in found]
    waiting = [state for state, name in order_words.WAITING_STATUS.items() if name in found]
    every = len(order_words.WAITING_STATUS) if "new" in statuses else 0
    return statuses, None if len(waiting) == every else waiting


def _take_interval(fields: Fields) -> str:
    interval = v1_words.interval_of(fields.take("interval"))
    if interval is None:
        fields.refuse("interval", f"expected one of: {', '.join(INTERVALS)}")
    return interval or v1_words.INTERVAL_DEFAULT
