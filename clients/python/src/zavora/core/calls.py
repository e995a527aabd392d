"""A call: what is asked of the exchange, and how its answer reads. Nothing here sends anything."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec

T = TypeVar("T")
Figure = Decimal | int | str
Moment = datetime | int | str

PREFIX: Final = "/api/v1"
# A page has at most so many rows, and candles more.
PAGE_MAX: Final = 500
CANDLES_PAGE_MAX: Final = 1_500
LIST_WEIGHT: Final = 5


class Mine:
    """Stands where the account's id goes: the client's own, unless another is named."""

    def __repr__(self) -> str:
        return "MINE"


MINE: Final = Mine()


class Meta(msgspec.Struct, frozen=True):
    """What stands beside a page."""

    next: str | None = None


class Envelope(msgspec.Struct, Generic[T], frozen=True):
    """How every success comes."""

    data: T
    meta: Meta = Meta()


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request of the API whose answer is a T.

    `parts` fill the path's names; `is_repeatable`: however often it is sent, it takes effect once
    at most, by its nature or by `key`; `socket`: its method there, which takes `parts` as params.
    """

    method: str
    path: str
    answer: Any
    parts: Mapping[str, str | Mine] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    key: str | None = None
    # The key stands in the body, as a client order id, and so on a socket as well.
    has_key_within: bool = False
    is_public: bool = False
    is_bare: bool = False
    is_file: bool = False
    is_repeatable: bool = False
    weight: int = 1
    also_answers: frozenset[int] = frozenset()
    socket: str | None = None

    @property
    def needs_account(self) -> bool:
        """Tell whether the account's id is still to be put in."""
        return MINE in self.parts.values() or any(
            MINE in one.values() for one in _objects(self.body)
        )

    def of(self, account: str) -> "Call[T]":
        """Return the call with the account's id where it goes."""
        parts = {name: account if part is MINE else part for name, part in self.parts.items()}
        return replace(self, parts=parts, body=_filled(self.body, account))

    def with_query(self, **more: Any) -> "Call[T]":
        """Return the call with other query values."""
        return replace(self, query={**self.query, **more})

    def target(self) -> str:
        """Return path and query as they are sent."""
        parts = {name: quote(_named(part), safe="") for name, part in self.parts.items()}
        query = {name: text_of(value) for name, value in self.query.items() if value is not None}
        path = PREFIX + self.path.format(**parts)
        return f"{path}?{urlencode(query)}" if query else path

    def content(self) -> bytes:
        """Return the body as it is sent."""
        return b"" if self.body is None else msgspec.json.encode(self.body, enc_hook=_encodable)

    def socket_params(self) -> dict[str, Any]:
        """Return the call's params on the WebSocket."""
        query = {name: value for name, value in self.query.items() if value is not None}
        body = self.body if isinstance(self.body, Mapping) else {}
        return {**self.parts, **query, **body}

    def read(self, content: bytes) -> T:
        """Return what a success says. Raises msgspec.ValidationError or DecodeError."""
        return self.read_page(content)[0]

    def read_page(self, content: bytes) -> tuple[T, str | None]:
        """Return what a success says, and the cursor of the page after it."""
        if self.is_file:
            data: T = content  # type: ignore[assignment]
            return data, None
        if self.is_bare:
            data = _decoder(self.answer).decode(content)
            return data, None
        envelope = _decoder(Envelope[self.answer]).decode(content)  # type: ignore[name-defined]
        return envelope.data, envelope.meta.next


@dataclass(frozen=True)
class Listing(Generic[T]):
    """A call whose answer comes in pages: where the rows are, and which call is the next page's."""

    first: Call[Any]
    rows: Callable[[Any], Sequence[T]] = list
    # Of answers that have no cursor.
    older: Callable[[Call[Any], Any], Call[Any] | None] | None = None

    def following(self, call: Call[Any], data: Any, cursor: str | None) -> Call[Any] | None:
        """Return the call for the page after one, None after the last."""
        if self.older is not None:
            return self.older(call, data)
        return call.with_query(cursor=cursor) if cursor else None


def figure(value: Figure | None, *, name: str) -> str | None:
    """Return a figure as it is sent, exactly. Raises TypeError for what is not exact."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise TypeError(f"{name}: expected a Decimal, an int or a str, not {value!r}")
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{name}: expected a finite figure, not {value}")
        return f"{value:f}"
    return str(value)


def text_of(value: Any) -> str:
    """Return a query value as it is sent."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"expected a time with a time zone, not {value!r}")
        return value.isoformat()
    return str(value)


def given(**values: Any) -> dict[str, Any]:
    """Return the values that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def of_account(account: str | None) -> dict[str, str | Mine]:
    """Return the part of a path that names an account."""
    return {"account": account or MINE}


def _objects(body: Any) -> list[Mapping[str, Any]]:
    found = body if isinstance(body, list) else [body]
    return [one for one in found if isinstance(one, Mapping)]


def _filled(body: Any, account: str) -> Any:
    if isinstance(body, list):
        return [_filled(one, account) for one in body]
    if isinstance(body, Mapping):
        return {name: account if value is MINE else value for name, value in body.items()}
    return body


def _named(part: str | Mine) -> str:
    if isinstance(part, Mine):
        raise TypeError("the account's id was not put in")
    return part


def _encodable(value: Any) -> Any:
    raise TypeError(f"expected what JSON can say, not {value!r}")


@functools.lru_cache(maxsize=256)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)
