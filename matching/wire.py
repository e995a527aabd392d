"""The codec between gateway, worker and feeds: commands, replies and events as msgpack.

Amounts, prices and quantities travel as plain decimal text in the units people read (a large one
does not fit msgpack's 64 bits). Prices carry the tick's decimals, quantities the lot's, amounts
and balances their asset's. Structs are arrays on the wire: a field is only ever added at the end,
with a default.
"""

from collections.abc import Callable
from hashlib import blake2b
from operator import attrgetter
from typing import Annotated, Final, Literal, get_args

import msgspec

from accounts.notices import BALANCES_CHANNEL as BALANCES_CHANNEL
from accounts.notices import CREDENTIALS_CHANNEL as CREDENTIALS_CHANNEL
from accounts.notices import BalanceState as BalanceState
from accounts.notices import decode_balances as decode_balances

# Stream entries: the body, the request's id, and where and as what its answer is awaited.
FIELD_BODY: Final = b"b"
FIELD_REQUEST_ID: Final = b"r"
FIELD_REPLY_TO: Final = b"a"
FIELD_CORRELATION: Final = b"c"

# Longer than any rule of the edge; what is longer still is refused before it is queued.
BODY_BYTES_MAX: Final = 4_096


def stream_name(shard_id: int) -> str:
    """Return the stream that carries a shard's commands (the braces are a cluster's hash tag)."""
    return f"commands:{{{shard_id}}}"


def heartbeat_name(shard_id: int) -> str:
    """Return the key that lives only while a worker makes progress on the shard."""
    return f"worker:{{{shard_id}}}"


def standby_name(shard_id: int) -> str:
    """Return the key that lives only while a worker waits to take the shard over."""
    return f"standby:{{{shard_id}}}"


def set_aside_name(shard_id: int) -> str:
    """Return the key that names the markets which the shard's worker could not load, if any."""
    return f"aside:{{{shard_id}}}"


def events_channel(market_id: int) -> str:
    """Return the channel on which a market's committed events are published."""
    return f"events:{market_id}"


def replies_channel(process: str) -> str:
    """Return the channel on which one process awaits replies."""
    return f"replies:{process}"


EVENTS_PATTERN: Final = "events:*"


# --- commands -----------------------------------------------------------------------------------

# What the tables hold. A command beyond it cannot be journaled by its fields, so it is none: what
# is read from the queue is refused where it is decoded, and journaled as unreadable.
Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
ClientOrderId = Annotated[str, msgspec.Meta(max_length=64)]
Key = Annotated[str, msgspec.Meta(max_length=160)]
Figure = Annotated[str, msgspec.Meta(max_length=40)]


class PlaceOrder(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="place"):
    """Place an order. ``key``: idempotency key; ``deadline_ms``: Unix time to drop it after."""

    account_id: Id
    market_id: Id
    side: Literal["buy", "sell"]
    order_type: Literal["limit", "market"]
    time_in_force: Literal["gtc", "ioc", "fok"]
    post_only: bool
    price: Figure | None
    quantity: Figure | None
    quote_quantity: Figure | None
    client_order_id: ClientOrderId | None
    key: Key | None
    deadline_ms: int


class CancelOrder(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="cancel"):
    """Cancel an open order, by its id or by its client order id (then ``order_id`` is None).

    ``cancel_name`` is what the client calls the cancel itself; it comes back in the order's change.
    ``reason`` is why the order ends; another one than the default is the worker's alone to give.
    With ``only_status`` an order of another status stays. ``replacement`` is an order that is to
    follow: where it is known that it would be refused, the old one stays. Both are decided by the
    worker, so that nothing happens in between.
    """

    account_id: Id
    market_id: Id
    order_id: Id | None
    client_order_id: ClientOrderId | None = None
    key: Key | None = None
    cancel_name: str = ""
    reason: Literal["requested", "balance_full"] = "requested"
    only_status: Literal["", "new", "partially_filled"] = ""
    replacement: PlaceOrder | None = None


class CancelAllOrders(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="cancel_all"):
    """Cancel an account's open orders; None: in every market of the shard, on both sides.

    ``actor``: who had them cancelled, where it was not the account's owner.
    """

    account_id: Id
    market_id: Id | None
    side: Literal["buy", "sell"] | None
    key: Key | None = None
    cancel_name: str = ""
    actor: str = ""


class AmendOrder(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="amend"):
    """Change price or total quantity of an open limit order; None leaves a figure as it is."""

    account_id: Id
    market_id: Id
    order_id: Id
    price: Figure | None
    quantity: Figure | None
    key: Key | None
    deadline_ms: int


class ConfigureMarket(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="configure"):
    """Add a market, or change the rules of one. The worker writes the row.

    ``actor`` says for the journal who asked for it (``accounts.access.Actor.text``).
    """

    market_id: Id
    symbol: str
    base_id: Id
    quote_id: Id
    tick_size: Figure
    lot_size: Figure
    min_notional: Figure
    max_notional: Figure
    max_price: Figure
    max_quantity: Figure
    band_ppm: int | None
    maker_fee_ppm: int
    taker_fee_ppm: int
    phase: str
    is_demo: bool = False
    actor: str = ""
    # As journals without them mean it: their orders' owners are not known, and nothing was limited.
    self_trade_scope: str = "owner"
    max_open_orders: int | None = None


class SetMarketPhase(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="phase"):
    """Halt, resume or otherwise change the trading phase of a market. The worker writes the row."""

    market_id: Id
    phase: str
    actor: str = ""


WireCommand = (
    PlaceOrder | CancelOrder | CancelAllOrders | AmendOrder | ConfigureMarket | SetMarketPhase
)


# --- what replies and events speak of -----------------------------------------------------------


class OrderState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An order as it stands after a change."""

    id: int
    account_id: int
    market_id: int
    client_order_id: str | None
    side: str
    order_type: str
    time_in_force: str
    post_only: bool
    price: str | None
    quantity: str | None
    quote_quantity: str | None
    remaining_quantity: str
    filled_quantity: str
    filled_quote: str
    status: str
    reason: str
    created_us: int
    updated_us: int


class TradeState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One match. ``sequence`` is the public trade id; fees are in what each party received."""

    market_id: int
    sequence: int
    run_sequence: int
    price: str
    quantity: str
    amount: str
    taker_side: str
    maker_order_id: int
    taker_order_id: int
    maker_account_id: int
    taker_account_id: int
    maker_fee: str
    taker_fee: str
    created_us: int


ChangeKind = Literal["new", "trade", "cancelled", "expired", "amended"]


class OrderChange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One step in an order's life, and the order right after it.

    ``trade_sequence`` names the trade of a step of kind "trade", else 0. ``is_maker`` tells which
    side of that trade the order was. ``cancel_name`` is what the client called the cancel that
    closed the order, if it called it anything.
    """

    kind: ChangeKind
    order: OrderState
    trade_sequence: int = 0
    is_maker: bool = False
    cancel_name: str = ""


class PrivatePart(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The part of an event that only the accounts named in it may see, in engine order."""

    changes: list[OrderChange]
    balances: list[BalanceState]


class DepthChange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The whole quantity at a price after the change; a quantity of zero removes the level."""

    side: Literal["buy", "sell"]
    price: str
    quantity: str


class MarketEvent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one committed batch did to one market.

    ``depth`` are changes of price levels in order; the first has depth sequence
    ``prev_depth_sequence + 1``, each next one more. ``private`` is an encoded ``PrivatePart``:
    a reader without private listeners need not decode it. ``phase`` is set where rules or phase
    changed: readers then load the market anew.
    """

    market_id: int
    prev_sequence: int
    sequence: int
    batch_us: int
    prev_depth_sequence: int
    depth: list[DepthChange]
    trades: list[TradeState]
    private: bytes
    phase: str | None = None


class Reply(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The answer to a command. ``code`` is empty where it took effect, else an error's code.

    ``orders`` are the orders that the command touched for its account, as they stand after it;
    ``trades`` those of a placed or amended order, oldest first.
    """

    code: str
    message: str = ""
    reason: str = ""
    orders: list[OrderState] = []
    trades: list[TradeState] = []


class Replies(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The replies of one batch to one process: correlation number and encoded ``Reply``.

    ``sequences``: which event told of the batch, for each market it touched.
    """

    items: list[tuple[int, bytes]]
    sequences: list[tuple[int, int]] = []


encode = msgspec.msgpack.Encoder().encode


def fingerprint(command: WireCommand) -> bytes:
    """Return a digest of what a command asks for, whatever its key, deadline and own name."""
    kind = type(command)
    return blake2b(encode((kind.__name__, _CONTENTS[kind](command))), digest_size=16).digest()


# Conditions of a cancel never come with a key, and what a former version bound reads as before.
_NOT_ASKED_FOR: Final = frozenset(
    {"key", "deadline_ms", "cancel_name", "reason", "actor", "only_status", "replacement"}
)


def _content_of(kind: type[msgspec.Struct]) -> Callable[[object], tuple[object, ...]]:
    """Return what reads the fields of a command that say what it asks for."""
    names = [name for name in kind.__struct_fields__ if name not in _NOT_ASKED_FOR]
    return attrgetter(*names)


_CONTENTS: Final = {kind: _content_of(kind) for kind in get_args(WireCommand)}


decode_command = msgspec.msgpack.Decoder(WireCommand).decode
decode_reply = msgspec.msgpack.Decoder(Reply).decode
decode_replies = msgspec.msgpack.Decoder(Replies).decode
decode_event = msgspec.msgpack.Decoder(MarketEvent).decode
decode_private = msgspec.msgpack.Decoder(PrivatePart).decode
