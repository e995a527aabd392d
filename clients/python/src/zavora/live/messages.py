"""Messages of the v1 WebSocket, read and written; nothing here sends anything."""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from zavora.core.exchanges import Answer
from zavora.errors import Unreadable
from zavora.models import Fill, Order, Prevention

# What is sent again after a while: `Retry-After` has no place in a message.
RETRY_AFTER_S: Final = {429: "1", 503: "1"}


class Push(Struct, frozen=True):
    """What is told of something that is followed."""

    data: Raw
    market: str | None = None
    subscription_id: str | None = None
    # Of orders: what the step was, and what kept it from trading.
    change: str | None = None
    prevention: Prevention | None = None


class SocketError(Struct, frozen=True):
    """Why a request was refused: the status that REST would have, and REST's error."""

    code: int
    message: str
    data: Raw = Raw(b"null")


class Incoming(Struct, frozen=True):
    """A message of the exchange: an answer, which has an id, or a push."""

    id: str | int | None = None
    result: Raw = Raw(b"")
    error: SocketError | None = None
    method: str | None = None
    params: Push | None = None


class Subscribed(Struct, frozen=True):
    """The answer to a subscription."""

    subscription_id: str = msgspec.field(name="subscriptionId")


class OwnFill(Fill, frozen=True, kw_only=True):
    """A fill of one of the caller's accounts."""

    account_id: str = ""

    @property
    def place(self) -> tuple[str, int, str]:
        """What tells it from all others: both sides of a trade may be one's own."""
        return self.market, int(self.id), self.order_id


class OrderEvent(Struct, frozen=True):
    """An order after a step.

    `change` says which: `Listed`, as it was found when it was asked for; else `New`, `Trade`,
    `Amended`, `Triggered`, `Prevented`, `Cancelled` or `Expired`.
    """

    order: Order
    change: str
    prevention: Prevention | None = None


_read: Final = msgspec.json.Decoder(Incoming)


def read(text: str | bytes) -> Incoming:
    """Return a message. Raises Unreadable."""
    try:
        return _read.decode(text)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise Unreadable(f"a message of the exchange: {error}") from error


def request(request_id: str, method: str, params: Any) -> str:
    """Return the text of a request."""
    return msgspec.json.encode({"id": request_id, "method": method, "params": params}).decode()


def answer_of(message: Incoming) -> Answer:
    """Return an answer as REST would have given it."""
    if message.error is None:
        return Answer(200, {}, b'{"data":' + bytes(message.result) + b"}")
    error = message.error
    status = error.code if 400 <= error.code <= 599 else 400
    detail = _detail(error)
    content = msgspec.json.encode({"error": detail, "request_id": detail.get("request_id")})
    said = detail.get("details")
    # A market's own limit says when it takes more.
    asked = said.get("retry_after") if isinstance(said, dict) else None
    after = RETRY_AFTER_S.get(status) if asked is None else str(asked)
    return Answer(status, {} if after is None else {"retry-after": after}, content)


def _detail(error: SocketError) -> dict[str, Any]:
    try:
        detail = msgspec.json.decode(error.data)
    except msgspec.DecodeError:
        detail = None
    known = detail if isinstance(detail, dict) else {}
    return {"code": "", "message": error.message, **known}
