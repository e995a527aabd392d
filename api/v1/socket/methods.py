"""The methods of the v1 WebSocket: parse, make one call, return the result."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from accounts.access.callers import SCOPE_READ, SCOPE_TRADE, Caller
from accounts.people import selectors
from api.access.auth import require_one_credential
from api.access.signatures import PARAMS, read_signed
from api.orders import as_caller
from api.transport.threads import read_lasting
from api.v1 import order_lists, orders, queue_places, replacing, words
from api.v1.fields import Fields, wrong_fields
from api.v1.previews import preview_order
from api.v1.requests import SYMBOL_LENGTH_MAX, symbol_of
from api.v1.rest import market_data
from api.v1.socket.codec import subscription_id
from api.v1.socket.private import OF_NO_MARKET, PRIVATE_CHANNELS
from api.v1.socket.session import Session
from api.v1.times import now_text, time_text
from api.v1.words import Shape
from marketdata.candles.intervals import INTERVALS
from marketdata.feed.feed import MarketView
from marketdata.feed.topics import PUBLIC_CHANNELS
from marketdata.feed.view import TRADES_KEPT_MAX
from matching.commands.switch import TIMEOUT_MAX_MS
from zavora.foundation.errors import ValidationFailed

Handler = Callable[[Session, Any, str], Awaitable[Any]]
CHANNELS: Final = {name: name for name in (*PUBLIC_CHANNELS, *PRIVATE_CHANNELS)}
TOKEN_LENGTH_MAX: Final = 128
ACCOUNT_ID_LENGTH: Final = 36
ORDER_ID_LENGTH_MAX: Final = 40
SUBSCRIPTION_ID_LENGTH_MAX: Final = 64
TIMEOUT_MIN_MS: Final = 1_000


class Method(NamedTuple):
    """A handler; ``is_beside``: it waits for a commit, and the next message is not held up."""

    handler: Handler
    is_beside: bool = False


# --- market data ----------------------------------------------------------------------------------


async def _ping(session: Session, params: Any, trace_id: str) -> Shape:
    return {"pong": now_text()}


async def _pulse(session: Session, params: Any, trace_id: str) -> Shape:
    """Say how many pushes come before this answer, and up to where they tell of a market.

    Answers and pushes stand in one queue, so that whoever counts finds what was lost on the way.
    """
    fields = Fields(params)
    symbol = fields.text("market", length_max=SYMBOL_LENGTH_MAX)
    fields.check()
    shown: Shape | None = None
    if symbol is not None:
        await session.feed.ensure_started()
        view = session.feed.market(symbol_of(symbol).upper())
        newest = next(iter(view.recent_trades(1)), None)
        shown = {
            "symbol": view.terms.symbol,
            # False while the process itself may have missed something.
            "is_live": view.is_synced,
            "sequence": view.depth_sequence,
            "trade_id": None if newest is None else str(newest.sequence),
            "counted_at": time_text(view.counted_us) if view.counted_us else None,
        }
    return {"time": now_text(), "pushes": session.pushes, "market": shown}


async def _subscribe(session: Session, params: Any, trace_id: str) -> Shape:
    await session.feed.ensure_started()
    fields = Fields(params)
    channel, view, interval = _take_topic(session, fields)
    fields.check()
    market_id, symbol = (view.terms.market_id, view.terms.symbol) if view else (None, None)
    name = await session.subscribe(channel, market_id, symbol, interval)
    result: Shape = {"subscriptionId": name, "channel": channel, "market": symbol}
    return {**result, "interval": interval} if interval else result


async def _unsubscribe(session: Session, params: Any, trace_id: str) -> Shape:
    fields = Fields(params)
    if fields.take("channel") is not None:
        # The older spelling names the topic.
        channel, view, interval = _take_topic(session, fields)
        fields.check()
        symbol = view.terms.symbol if view else None
        name: str | None = subscription_id(channel, symbol, interval)
    else:
        name = fields.text("subscriptionId", required=True, length_max=SUBSCRIPTION_ID_LENGTH_MAX)
        fields.check()
    session.unsubscribe(name or "")
    return {"unsubscribed": True}


async def _get_order_book(session: Session, params: Any, trace_id: str) -> Shape:
    fields = Fields(params)
    view = await _take_market(session, fields)
    depth = fields.integer(
        "depth", default=market_data.DEPTH_DEFAULT, low=1, high=market_data.DEPTH_MAX
    )
    fields.check()
    return market_data.order_book(view, depth)


async def _get_trades(session: Session, params: Any, trace_id: str) -> Shape:
    fields = Fields(params)
    view = await _take_market(session, fields)
    limit = fields.integer("limit", default=100, low=1, high=TRADES_KEPT_MAX)
    fields.check()
    return market_data.trades_page(view.terms, view.recent_trades(limit))


async def _get_ticker(session: Session, params: Any, trace_id: str) -> Shape:
    fields = Fields(params)
    view = await _take_market(session, fields)
    fields.check()
    return words.ticker(view.ticker, view.auction)


async def _take_market(session: Session, fields: Fields) -> MarketView:
    await session.feed.ensure_started()
    symbol = fields.text("market", required=True, length_max=SYMBOL_LENGTH_MAX)
    if symbol is None:
        fields.check()
    return session.feed.market(symbol_of(symbol or "").upper())


def _take_topic(session: Session, fields: Fields) -> tuple[str, MarketView | None, str | None]:
    channel = fields.choice("channel", CHANNELS, required=True)
    symbol = fields.text("market", length_max=SYMBOL_LENGTH_MAX)
    interval = fields.take("interval")
    if channel is None:
        fields.check()
    if channel in OF_NO_MARKET:
        symbol = None
    interval = _interval_of(interval) if channel == "candles" else None
    view = session.feed.market(symbol_of(symbol).upper()) if symbol else None
    return channel or "", view, interval


def _interval_of(value: Any) -> str:
    interval = words.interval_of(value)
    if interval is None:
        raise wrong_fields({"interval": f"expected one of {', '.join(INTERVALS)}"})
    return interval


# --- the caller's own -----------------------------------------------------------------------------


async def _authenticate(session: Session, params: Any, trace_id: str) -> Shape:
    fields = Fields(params)
    token = fields.text("token", length_max=TOKEN_LENGTH_MAX)
    parts = [_text_of(fields.take(name)) for name in PARAMS]
    fields.check()
    signed = read_signed(parts, PARAMS)
    require_one_credential(token, signed)
    if signed is not None:
        caller = await session.authenticate_signed(signed)
    else:
        caller = await session.authenticate(token)
    if SCOPE_READ not in caller.scopes:
        # It may trade, and is told no more than that it is let in.
        return {"accounts": []}
    rows = await read_lasting(selectors.list_reached_accounts, caller.user_id)
    return {"accounts": words.accounts(rows, caller)}


def _text_of(value: Any) -> str | None:
    """Return a part of a signature as text: times may come as JSON numbers, too."""
    return None if value is None else str(value)


async def _place_order(session: Session, params: Any, trace_id: str) -> Any:
    return await _as_caller(
        session, lambda caller: orders.place_order(caller, params, request_id=trace_id)
    )


async def _preview_order(session: Session, params: Any, trace_id: str) -> Any:
    return await _as_caller(session, lambda caller: preview_order(caller, params))


async def _get_queue(session: Session, params: Any, trace_id: str) -> Any:
    fields = Fields(params)
    account = fields.text("account", required=True, length_max=ACCOUNT_ID_LENGTH)
    symbol = fields.text("market", required=True, length_max=SYMBOL_LENGTH_MAX)
    fields.check()
    market = symbol_of(symbol or "").upper()
    return await _as_caller(
        session, lambda caller: queue_places.of_account(caller, account or "", market)
    )


async def _cancel_order(session: Session, params: Any, trace_id: str) -> Any:
    order_id, rest = _take_order_id(params)
    return await _as_caller(
        session, lambda caller: orders.cancel_order(caller, order_id, rest, request_id=trace_id)
    )


async def _place_list(session: Session, params: Any, trace_id: str) -> Any:
    return await _as_caller(
        session, lambda caller: order_lists.place_list(caller, params, request_id=trace_id)
    )


async def _cancel_list(session: Session, params: Any, trace_id: str) -> Any:
    fields = Fields(params)
    list_id = fields.text("list_id", required=True, length_max=ORDER_ID_LENGTH_MAX)
    fields.check()
    return await _as_caller(
        session, lambda caller: order_lists.cancel_list(caller, list_id or "", request_id=trace_id)
    )


async def _amend_order(session: Session, params: Any, trace_id: str) -> Any:
    order_id, rest = _take_order_id(params)
    return await _as_caller(
        session, lambda caller: orders.amend_order(caller, order_id, rest, request_id=trace_id)
    )


async def _replace_order(session: Session, params: Any, trace_id: str) -> Any:
    order_id, rest = _take_order_id(params)
    return await _as_caller(
        session,
        lambda caller: replacing.replace_order(caller, order_id, rest, request_id=trace_id),
    )


async def _cancel_all(session: Session, params: Any, trace_id: str) -> Any:
    return await _as_caller(
        session, lambda caller: orders.cancel_all(caller, params, request_id=trace_id)
    )


async def _as_caller(session: Session, call: Callable[[Caller], Awaitable[Any]]) -> Any:
    await session.feed.ensure_started()
    return await as_caller(await session.caller(), call, session.reloaded)


def _take_order_id(params: Any) -> tuple[str, Any]:
    """Return the order's id, which REST has in the path, and the other params."""
    if not isinstance(params, dict):
        raise ValidationFailed("Params must be a JSON object.", params="expected an object")
    names = [name for name in ("id", "order_id") if params.get(name) is not None]
    value = params[names[0]] if len(names) == 1 else None
    if not isinstance(value, str) or len(value) > ORDER_ID_LENGTH_MAX:
        raise wrong_fields({"order_id": "expected an order's id"})
    return value, {name: item for name, item in params.items() if name not in ("id", "order_id")}


# --- dead-man's switches --------------------------------------------------------------------------


async def _cancel_on_disconnect(session: Session, params: Any, trace_id: str) -> Shape:
    fields = Fields(params)
    fields.take("enabled", required=True)
    enabled = fields.flag("enabled")
    fields.check()
    caller = await session.caller()
    caller.require(SCOPE_TRADE)
    caller.require_all_markets()
    if enabled:
        await session.disconnect_switch(caller).turn_on(request_id=trace_id)
    elif session.switch is not None:
        await session.switch.turn_off(request_id=trace_id)
    return {"enabled": enabled}


async def _cancel_all_after(session: Session, params: Any, trace_id: str) -> Shape:
    fields = Fields(params)
    fields.take("timeout_ms", required=True)
    timeout_ms = fields.integer("timeout_ms", default=0, low=0, high=TIMEOUT_MAX_MS)
    if 0 < timeout_ms < TIMEOUT_MIN_MS:
        fields.refuse("timeout_ms", f"expected 0 or at least {TIMEOUT_MIN_MS}")
    fields.check()
    due_us = await _as_caller(
        session, lambda caller: orders.cancel_all_after(caller, timeout_ms, request_id=trace_id)
    )
    return {"timeout_ms": timeout_ms, "cancel_at": time_text(due_us) if due_us else None}


METHODS: Final = {
    "ping": Method(_ping),
    "pulse": Method(_pulse),
    "subscribe": Method(_subscribe),
    "unsubscribe": Method(_unsubscribe),
    "getOrderBook": Method(_get_order_book),
    "getTrades": Method(_get_trades),
    "getTicker": Method(_get_ticker),
    "authenticate": Method(_authenticate),
    "placeOrder": Method(_place_order, is_beside=True),
    "previewOrder": Method(_preview_order, is_beside=True),
    "getQueue": Method(_get_queue, is_beside=True),
    "cancelOrder": Method(_cancel_order, is_beside=True),
    "amendOrder": Method(_amend_order, is_beside=True),
    "replaceOrder": Method(_replace_order, is_beside=True),
    "placeOrderList": Method(_place_list, is_beside=True),
    "cancelOrderList": Method(_cancel_list, is_beside=True),
    "cancelAll": Method(_cancel_all, is_beside=True),
    "cancelOnDisconnect": Method(_cancel_on_disconnect),
    "cancelAllAfter": Method(_cancel_all_after, is_beside=True),
}
