"""How the v1 WebSocket spells what it sends: replies, failures, and the feed's pushes.

A subscription's id follows from its topic alone, so that one text serves all of its subscribers.
"""

from typing import Any, Final

import msgspec

from api.transport.errors import envelope, status_of
from api.transport.exact_json import Number, is_encodable
from api.v1 import words
from marketdata.feed.feed import MarketView, Message, Topic
from marketdata.feed.view import DepthDelta
from marketdata.wire import CandleState, PublicTrade
from zavora.foundation.errors import ZavoraError

_encode: Final = msgspec.json.Encoder().encode
# Answers what has no readable id of its own.
UNREADABLE_ID: Final = "0"
RequestId = str | msgspec.Raw


def text_frame(body: Any) -> Message:
    """Return an ASGI message that carries ``body`` as JSON text."""
    return {"type": "websocket.send", "text": _encode(body).decode()}


def reply(request_id: RequestId, result: Any) -> Message:
    """Return the answer to a request."""
    return text_frame({"id": request_id, "result": result})


def failure(request_id: RequestId, error: ZavoraError, *, trace_id: str) -> Message:
    """Return the refusal of a request: the status REST would have, and its envelope as data."""
    detail = {**envelope(error), "request_id": trace_id}
    body = {"code": status_of(error), "message": str(error), "data": detail}
    return text_frame({"id": request_id, "error": body})


def echoed_id(value: Any) -> RequestId:
    """Return a request's id as it is echoed: a number stays one; what is no text becomes "0"."""
    if isinstance(value, Number):
        return msgspec.Raw(value.encode())
    return value if isinstance(value, str) and is_encodable(value) else UNREADABLE_ID


def subscription_id(channel: str, symbol: str | None, interval: str | None = None) -> str:
    """Return the public id of what is followed, the same for everybody."""
    parts = [channel, symbol or "*"]
    return ":".join([*parts, interval] if interval else parts)


class V1Codec:
    """Spells the feed's public messages for v1."""

    def book_snapshot(self, topic: Topic, view: MarketView) -> Message:
        bids, asks, sequence = view.top()
        data = {
            "bids": bids,
            "asks": asks,
            "sequence": sequence,
            "checksum": view.book.checksum(),
        }
        return _push(topic, view, data)

    def book_delta(self, topic: Topic, view: MarketView, delta: DepthDelta) -> Message:
        data = {
            "bids": delta.bids,
            "asks": delta.asks,
            "prev_sequence": delta.prev_sequence,
            "sequence": delta.sequence,
            "checksum": view.book.checksum(),
        }
        return _push(topic, view, data)

    def trade(self, topic: Topic, view: MarketView, trade: PublicTrade) -> Message:
        return _push(topic, view, words.public_trade(trade, view.terms))

    def ticker(self, topic: Topic, view: MarketView) -> Message:
        return _push(topic, view, words.ticker(view.ticker, view.auction))

    def candle(self, topic: Topic, view: MarketView, candle: CandleState) -> Message:
        return _push(topic, view, words.candle(candle, view.terms.symbol))

    def market(self, topic: Topic, view: MarketView) -> Message:
        return _push(topic, view, words.market(view.terms, view.auction))


def _push(topic: Topic, view: MarketView, data: Any) -> Message:
    symbol = view.terms.symbol
    followed = None if topic.market_id is None else symbol
    name = subscription_id(topic.channel, followed, topic.interval)
    params = {"market": symbol, "data": data, "subscription_id": name}
    return text_frame({"method": topic.channel, "params": params})


V1: Final = V1Codec()
