"""Orders in, answers after the commit: what REST and sockets share.

Each function takes the same parameters as the REST body and returns the same ``data``; it raises a
ZavoraError for every refusal. A command is queued at most once by us; with a key (the client order
id, or an Idempotency-Key) a client may repeat it as often as it likes.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from accounts.access.callers import SCOPE_READ, SCOPE_TRADE, Caller
from api import limits
from api.orders import submit, submit_batch
from api.process import web_process
from api.transport.errors import envelope, known_error
from api.transport.threads import in_thread, read_lasting
from api.v1 import order_words, requests
from api.v1 import words as v1_words
from api.v1.fields import order_id_of
from api.v1.fitting import fitting, public_id_of, terms_of_id, terms_of_symbol
from api.v1.header_keys import checked_header_key
from api.v1.places import Places
from api.v1.words import Shape
from matching import wire
from matching.commands.amend import AmendOrder
from matching.commands.cancel import CancelOrder
from matching.commands.cancel_all import CancelAllOrders
from matching.commands.place import PlaceOrder
from matching.commands.switch import SetTimer
from matching.gateway.client import deadline_ms
from matching.markets.terms import MarketTerms
from matching.orders.selectors import get_order, get_order_place
from matching.rows.orders import state_of_row
from zavora.foundation.errors import (
    EngineUnavailable,
    OrderNotFound,
    OrderNotOpen,
    ZavoraError,
)

# A header's key never equals a client order id, which is printable ASCII in one line.
_HEADER_KEY_PREFIX: Final = "\n"
# How often a switch is set again because markets were moved meanwhile.
MOVES_FOLLOWED_MAX: Final = 5
_places: Final = Places()


def header_key(text: str | None) -> str | None:
    """Return the key that an Idempotency-Key header stands for; raises ValidationFailed."""
    key = checked_header_key(text)
    if key is None:
        return None
    return _HEADER_KEY_PREFIX + key


# --- commands -------------------------------------------------------------------------------------


async def place_order(
    caller: Caller, params: Any, *, request_id: str, key: str | None = None
) -> Shape:
    """Place an order and return ``{order, trades}``. ``key`` comes before the client order id."""
    asked = requests.parse_place(params)
    command = asked_order(caller, asked, key)
    await limits.take_for_account(command.account_id)
    reply = await submit(command, request_id)
    terms = terms_of_symbol(asked.market)
    return with_trades(caller, reply.orders[0], reply.trades, terms, asked.user_id)


def asked_order(caller: Caller, asked: requests.PlaceOrderIn, key: str | None) -> PlaceOrder:
    """Return the command that places an order, if the caller may."""
    caller.require(SCOPE_TRADE)
    account_pk = caller.account_pk(asked.user_id, SCOPE_TRADE)
    terms = terms_of_symbol(asked.market)
    caller.require_market(terms.symbol)
    return PlaceOrder(
        account_id=account_pk,
        market_id=terms.market_id,
        key=key or asked.client_order_id,
        deadline_ms=deadline_ms(),
        **requests.asked_words(fitting(terms, asked)),
    )


async def place_batch(
    caller: Caller, params: Any, *, request_id: str, key: str | None = None
) -> list[Shape]:
    """Place a list of orders; return ``{order, trades}`` or ``{error}`` for each, in its order.

    Each stands for itself: one that is refused stops no other.
    """
    caller.require(SCOPE_TRADE)
    items = requests.parse_batch(params)
    asked = [
        await _asked_item(caller, item, f"{key}:{index}" if key else None)
        for index, item in enumerate(items)
    ]
    orders = [one for one in asked if not isinstance(one, ZavoraError)]
    results = iter(await submit_batch(orders, request_id))
    return [
        _batch_item(caller, one if isinstance(one, ZavoraError) else next(results)) for one in asked
    ]


async def _asked_item(caller: Caller, item: Any, key: str | None) -> PlaceOrder | ZavoraError:
    """Return the command that places an order of a batch, or why there is none."""
    try:
        command = asked_order(caller, requests.parse_place(item), key)
        await limits.take_for_account(command.account_id)
    except ZavoraError as error:
        return error
    return command


def _batch_item(caller: Caller, result: wire.Reply | ZavoraError) -> Shape:
    if isinstance(result, ZavoraError):
        return {"error": envelope(known_error(result))}
    state = result.orders[0]
    account_id = public_id_of(caller, state.account_id)
    return with_trades(caller, state, result.trades, terms_of_id(state.market_id), account_id)


async def cancel_order(
    caller: Caller, order_id: str, params: Any = None, *, request_id: str, key: str | None = None
) -> Shape:
    """Cancel an open order and return it."""
    caller.require(SCOPE_TRADE)
    asked = requests.parse_cancel({} if params is None else params)
    number, account_pk, market_id = await own_order(caller, order_id)
    account_id = public_id_of(caller, account_pk)
    if asked.user_id is not None and asked.user_id != account_id:
        raise OrderNotFound("There is no such order.")
    terms = terms_of_id(market_id)
    caller.require_market(terms.symbol)
    command = CancelOrder(account_id=account_pk, market_id=market_id, order_id=number, key=key)
    try:
        reply = await submit(command, request_id)
    except OrderNotFound:
        raise OrderNotOpen("The order is no longer open.") from None
    return order_words.order(reply.orders[0], terms, account_id)


async def amend_order(
    caller: Caller, order_id: str, params: Any, *, request_id: str, key: str | None = None
) -> Shape:
    """Change an open order's figures; return ``{order, trades}``."""
    caller.require(SCOPE_TRADE)
    asked = requests.parse_amend(params)
    number, account_pk, market_id = await own_order(caller, order_id)
    terms = terms_of_id(market_id)
    caller.require_market(terms.symbol)
    asked = fitting(terms, asked)
    command = AmendOrder(
        account_id=account_pk,
        market_id=market_id,
        order_id=number,
        price=asked.price,
        quantity=asked.quantity,
        key=key,
        deadline_ms=deadline_ms(),
        trigger_price=asked.stop_price,
    )
    await limits.take_for_account(account_pk)
    try:
        reply = await submit(command, request_id)
    except OrderNotFound:
        raise OrderNotOpen("The order is no longer open.") from None
    account_id = public_id_of(caller, account_pk)
    return with_trades(caller, reply.orders[0], reply.trades, terms, account_id)


async def cancel_all(
    caller: Caller, params: Any, *, request_id: str, key: str | None = None
) -> list[Shape]:
    """Cancel an account's open orders; return ``{order}`` for each, or ``{error}`` for a shard.

    Without a market the command goes to every shard, of a key that is limited to markets to each of
    those; what one shard refuses stops no other.
    """
    caller.require(SCOPE_TRADE)
    asked = requests.parse_cancel_all(params)
    account_pk = caller.account_pk(asked.account, SCOPE_TRADE)
    by_id = {view.terms.market_id: view.terms for view in web_process().feed.markets()}

    def cancel(name: str, shard_id: int | None, market_id: int | None) -> Awaitable[wire.Reply]:
        command = CancelAllOrders(
            account_id=account_pk,
            market_id=market_id,
            side=asked.side.lower() if asked.side else None,  # type: ignore[arg-type]
            key=f"{key}:{name}" if key else None,
        )
        return submit(command, request_id, shard_id=shard_id)

    places = _places_to_cancel(caller, asked.market)
    results = await asyncio.gather(*(cancel(*place) for place in places), return_exceptions=True)
    if len(results) == 1 and isinstance(results[0], BaseException):
        raise results[0]
    if any(market_id is None for _, _, market_id in places):
        # One that was under way was in no shard.
        moved = (await web_process().gateway.moved_lately()).market_ids
        results += await asyncio.gather(
            *(cancel(f"market-{id_}", None, id_) for id_ in moved), return_exceptions=True
        )
    answer: list[Shape] = []
    for result in results:
        if isinstance(result, BaseException):
            answer.append({"error": envelope(known_error(result))})
            continue
        answer += [
            {"order": order_words.order(state, by_id[state.market_id], asked.account)}
            for state in result.orders
        ]
    return answer


def _places_to_cancel(
    caller: Caller, symbol: str | None
) -> list[tuple[str, int | None, int | None]]:
    """Return where to cancel: a name for each place, and a market, or a shard with all it has."""
    if symbol is not None:
        terms = terms_of_symbol(symbol)
        caller.require_market(terms.symbol)
        return [(f"market-{terms.market_id}", None, terms.market_id)]
    everywhere = [view.terms for view in web_process().feed.markets()]
    if caller.only_markets is None:
        return [(str(shard), shard, None) for shard in sorted({one.shard_id for one in everywhere})]
    return [
        (f"market-{one.market_id}", None, one.market_id)
        for one in everywhere
        if one.symbol in caller.only_markets
    ]


async def cancel_all_after(caller: Caller, timeout_ms: int, *, request_id: str) -> int:
    """Have all orders of the caller's own accounts cancelled in ``timeout_ms``; 0: not any more.

    Raises Forbidden for a key that is limited to markets: it would cancel in all.

    Return when that is due, in microseconds since 1970 (0: never), once every shard has it. Where
    one refuses, others may have it; asking again is safe.
    """
    caller.require(SCOPE_TRADE)
    caller.require_all_markets()
    accounts = caller.meant_by_all.values()
    return await set_timers(accounts, caller.key_id or 0, timeout_ms, request_id=request_id)


async def set_timers(
    accounts: Iterable[int], name: int, timeout_ms: int, *, request_id: str
) -> int:
    """Set the switch of that name for accounts (by key) on every shard; 0 ends it.

    Returns and raises as ``cancel_all_after``, but that it asks for no right.
    """
    pks, seen = list(accounts), 0
    shards = sorted({view.terms.shard_id for view in web_process().feed.markets()})
    for _ in range(MOVES_FOLLOWED_MAX):
        commands = [
            submit(SetTimer(account_pk, name, timeout_ms), request_id, shard_id=shard_id)
            for account_pk in pks
            for shard_id in shards
        ]
        due_us = 0
        for result in await asyncio.gather(*commands, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
            due_us = max(due_us, result.due_us)
        # A market that was under way took with it what its former shard had been told before.
        moved = await web_process().gateway.moved_lately()
        if not moved.market_ids or moved.newest == seen:
            return due_us
        shards, seen = moved.shard_ids, moved.newest
    raise EngineUnavailable("markets are being moved; the switch may be set in some of them")


async def read_order(caller: Caller, order_id: str) -> Shape:
    """Return one of the caller's orders, in whatever state."""
    caller.require(SCOPE_READ)
    number = order_id_of(order_id)
    if number is None:
        raise OrderNotFound("There is no such order.")
    row = await read_lasting(get_order, number, account_ids=list(caller.accounts.values()))
    terms = terms_of_id(row.market_id)
    return order_words.order(state_of_row(row, terms), terms, public_id_of(caller, row.account_id))


# --- the parts ------------------------------------------------------------------------------------


def with_trades(
    caller: Caller,
    state: wire.OrderState,
    trades: Sequence[wire.TradeState],
    terms: MarketTerms,
    account_id: UUID,
) -> Shape:
    """Return an order of an account with the trades that it had at once."""
    _places.put(state.id, state.account_id, state.market_id)
    shown: list[Shape] = []
    if trades:
        own = {pk: public_id for public_id, pk in caller.accounts.items()}
        shown = [v1_words.trade(trade, terms, own) for trade in trades]
    return {"order": order_words.order(state, terms, account_id), "trades": shown}


async def own_order(caller: Caller, order_id: str) -> tuple[int, int, int]:
    """Return number, account and market of an order that the caller may change.

    OrderNotFound for anybody else's, Forbidden where they may only look at it.
    """
    number = order_id_of(order_id)
    if number is None:
        raise OrderNotFound("There is no such order.")
    place = _places.get(number)
    if place is None:
        place = await in_thread(get_order_place, number)
        if place is None:
            raise OrderNotFound("There is no such order.")
        _places.put(number, *place)
    account_pk, market_id = place
    if account_pk not in caller.accounts.values():
        raise OrderNotFound("There is no such order.")
    caller.require_in(account_pk, SCOPE_TRADE)
    return number, account_pk, market_id
