"""The codec between gateway, worker and feeds: replies and events as msgpack, names of the queue.

Amounts, prices and quantities travel as plain decimal text in the units people read (a large one
does not fit msgpack's 64 bits). Prices carry the tick's decimals, quantities the lot's, amounts
and balances their asset's. Structs are arrays on the wire: a field is only ever added at the end,
with a default.
"""

from typing import Final, Literal

import msgspec

from accounts.notices import BALANCES_CHANNEL as BALANCES_CHANNEL
from accounts.notices import CREDENTIALS_CHANNEL as CREDENTIALS_CHANNEL
from accounts.notices import BalanceState as BalanceState
from accounts.notices import decode_balances as decode_balances
from matching.conditions import Conditions
from matching.engine.orders import NOTHING_CARRIED, Carried
from zavora.foundation.versions import VERSION

# Stream entries: the body, the request's id, and where and as what its answer is awaited; of a
# request that is traced also the span that it belongs to. Who does not know a field passes it over.
FIELD_BODY: Final = b"b"
FIELD_REQUEST_ID: Final = b"r"
FIELD_REPLY_TO: Final = b"a"
FIELD_CORRELATION: Final = b"c"
FIELD_PARENT: Final = b"t"

# Longer than any rule of the edge; what is longer still is refused before it is queued.
BODY_BYTES_MAX: Final = 4_096
# What orders that are placed together take at most; what is longer goes by more messages.
BATCH_BYTES_MAX: Final = 32_768


def stream_name(shard_id: int) -> str:
    """Return the stream that carries a shard's commands (the braces are a cluster's hash tag)."""
    return f"commands:{{{shard_id}}}"


def heartbeat_name(shard_id: int) -> str:
    """Return the key that lives only while a worker makes progress on the shard."""
    return f"worker:{{{shard_id}}}"


def standby_name(shard_id: int) -> str:
    """Return the key that lives only while a worker waits to take the shard over."""
    return f"standby:{{{shard_id}}}"


def sign_of_life(owner: str) -> str:
    """Return what a worker says at these keys: who it is, and of which version."""
    return f"{owner} {VERSION}"


def version_of(sign: bytes) -> str:
    """Return the version that a worker's sign of life tells of; empty where it tells of none."""
    return sign.decode(errors="replace").partition(" ")[2]


def set_aside_name(shard_id: int) -> str:
    """Return the key that names the markets which the shard's worker could not load, if any."""
    return f"aside:{{{shard_id}}}"


def events_channel(market_id: int) -> str:
    """Return the channel on which a market's committed events are published."""
    return f"events:{market_id}"


def replies_channel(process: str) -> str:
    """Return the channel on which one process awaits replies."""
    return f"replies:{process}"


def traces_channel(market_id: int) -> str:
    """Return the channel that says which traced requests a market's next event tells of."""
    return f"traces:{market_id}"


EVENTS_PATTERN: Final = "events:*"
TRACES_PATTERN: Final = "traces:*"
# Under this the last reconciliation tells its result, as JSON.
RECONCILED_KEY: Final = "reconciled"


class Reconciled(msgspec.Struct, frozen=True):
    """What the last reconciliation found: when (microseconds since 1970), and the first breaks."""

    at_us: int
    breaks: int
    first: list[str] = []


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
    carried: Carried = NOTHING_CARRIED
    conditions: Conditions | None = None
    prevented_quantity: str | None = None  # None: nothing was


class PreventedState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Two orders of one owner that met and did not trade. ``id`` rises within the shard.

    ``quantity`` at ``price`` is what they would have traded. ``amount`` is set where their accounts
    exchanged that: what the buying one gave.
    """

    id: int
    market_id: int
    mode: str
    price: str
    quantity: str
    maker_order_id: int
    taker_order_id: int
    maker_account_id: int
    taker_account_id: int
    created_us: int
    amount: str | None = None


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
    is_auction: bool = False  # then nobody was the taker: the younger order is called so


ListKind = Literal["oco", "oto", "otoco"]
ChangeKind = Literal["new", "trade", "cancelled", "expired", "amended", "triggered", "prevented"]


class OrderChange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One step in an order's life, and the order right after it.

    ``trade_sequence`` names the trade of a step of kind "trade", else 0. ``is_maker`` tells which
    side of that trade the order was. ``cancel_name`` is what the client called the cancel that
    closed the order, if it called it anything. ``prevented`` is the trade that was not, of a step
    of kind "prevented"; where that ended the order, the step that says so follows.
    """

    kind: ChangeKind
    order: OrderState
    trade_sequence: int = 0
    is_maker: bool = False
    cancel_name: str = ""
    prevented: PreventedState | None = None


class ListState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A list of orders when it was placed, and when none of its orders is open any more.

    ``order_ids``: its orders as they were placed, the working one first.
    """

    id: int
    account_id: int
    market_id: int
    kind: ListKind
    client_list_id: str | None
    status: Literal["executing", "done"]
    created_us: int
    order_ids: list[int]


class ProtectionState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What protects an account's quotes in a market: so many fills, or so much, in a window.

    None: any. ``is_tripped``: it has ended them, and takes nothing until it is reset.
    """

    fills_max: int | None
    quantity_max: str | None
    window_ms: int
    is_tripped: bool


class PrivatePart(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The part of an event that only the accounts named in it may see, in engine order."""

    changes: list[OrderChange]
    balances: list[BalanceState]
    lists: list[ListState] = []


class DepthChange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The whole quantity at a price after the change; a quantity of zero removes the level."""

    side: Literal["buy", "sell"]
    price: str
    quantity: str


class AuctionState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What would trade if a market's auction ended now; ``price`` None: nothing would.

    ``surplus`` is what is left at that price, above zero of buyers, below of sellers. ``ends_us``:
    when it ends by itself (microseconds since 1970); None: it does not.
    """

    price: str | None
    quantity: str
    surplus: str
    ends_us: int | None


class MarketEvent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one committed batch did to one market.

    ``depth`` are changes of price levels in order; the first has depth sequence
    ``prev_depth_sequence + 1``, each next one more. ``private`` is an encoded ``PrivatePart``:
    a reader without private listeners need not decode it. ``phase`` is set where rules or phase
    changed: readers then load the market anew. ``auction`` is told of a market that is in one after
    the batch.
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
    auction: AuctionState | None = None


class Refusal(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Why one half of a command was refused."""

    reason: str
    message: str


class Halves(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What became of a cancel and of the order in its place; None: it took effect.

    ``is_tried``: whether the order was to be placed; not where the cancel was refused before.
    """

    cancel_refused: Refusal | None
    place_refused: Refusal | None
    is_tried: bool = True


class Reply(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The answer to a command. ``code`` is empty where it took effect, else an error's code.

    ``orders`` are the orders that the command touched for its account, as they stand after it;
    ``trades`` those of a placed or amended order, oldest first. ``due_us`` is when a switch is due
    that the command set, in microseconds since 1970, else 0. ``list_id`` is that of a list that was
    placed, whose orders are then in the list's order; ``protection`` what it was set to, or reset.
    ``halves`` are told of a replacement, also where neither took effect: ``orders`` are then the
    cancelled one, if it was, and the placed one, if it was. ``parts`` are the encoded replies to
    the commands of a message of several, in its order.
    ``limit``: the bound that it would have gone beyond, of a refusal by one that is not published
    as a filter; else 0.
    """

    code: str
    message: str = ""
    reason: str = ""
    orders: list[OrderState] = []
    trades: list[TradeState] = []
    due_us: int = 0
    list_id: int = 0
    protection: ProtectionState | None = None
    halves: Halves | None = None
    parts: list[bytes] = []
    limit: int = 0


class Replies(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The replies of one batch to one process: correlation number and encoded ``Reply``.

    ``sequences``: which event told of the batch, for each market it touched.
    """

    items: list[tuple[int, bytes]]
    sequences: list[tuple[int, int]] = []


class TracedEvent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Said just before an event: the spans that it belongs to, and when it was told.

    ``told_us`` in microseconds since 1970.
    """

    sequence: int
    told_us: int
    parents: list[str]


encode = msgspec.msgpack.Encoder().encode


decode_reply = msgspec.msgpack.Decoder(Reply).decode
decode_replies = msgspec.msgpack.Decoder(Replies).decode
decode_event = msgspec.msgpack.Decoder(MarketEvent).decode
decode_private = msgspec.msgpack.Decoder(PrivatePart).decode
decode_traced = msgspec.msgpack.Decoder(TracedEvent).decode
