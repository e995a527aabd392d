"""The shapes of the OpenAPI document about the proof of an order."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from api.v1.openapi.documents import Fill, Order
from api.v1.openapi.kinds import Decimal, Time
from api.v1.openapi.money import LedgerEntry
from api.v1.openapi.order_shapes import Amendment


class JournalPlace(Struct):
    """Where a command stands in its shard's journal, and the request that it came by."""

    shard: int
    sequence: int
    command: str
    request_id: str | None


class Placement(Struct):
    """When an order came into the queue, was decided, and was written just before its commit.

    What is not on record any more is null; `written_at` is kept for a day.
    """

    received_at: Time | None
    decided_at: Time
    written_at: Time | None
    milliseconds: Annotated[
        int | None, Meta(description="From `received_at` to `written_at`, both to the millisecond.")
    ]
    journal: JournalPlace | None


class Prevention(Struct):
    """What kept an order from trading with another of its owner."""

    mode: Literal["None", "Taker", "Maker", "Both", "Decrement", "Transfer"]
    price: Decimal
    quantity: Decimal
    amount: Decimal | None
    liquidity: Literal["Maker", "Taker"]
    other_order_id: str | None
    created_at: Time


class OrderStep(Struct):
    """A step in an order's life, and what it moved in the account's ledger.

    `journal`: of an amendment that somebody asked for.
    """

    change: Literal["Amended", "Trade", "Prevented"]
    at: Time
    amendment: Amendment | None
    fill: Fill | None
    prevention: Prevention | None
    journal: JournalPlace | None
    entries: list[LedgerEntry]


class Ending(Struct):
    """How an order ended; `journal`: of the account's command that ended it, if one did."""

    status: Literal["Filled", "Cancelled", "Expired"]
    reason: str | None
    at: Time
    journal: JournalPlace | None


class FeeSum(Struct):
    """What all fills of an order cost in an asset; below zero: what was paid for them."""

    asset: str
    amount: Decimal


class OrderProof(Struct):
    """What journal, trades and ledger say of an order; its steps oldest first, in pages."""

    order: Order
    placed: Placement
    steps: list[OrderStep]
    ended: Ending | None
    fees: list[FeeSum]


PROOF_SHAPES: Final[tuple[type[Struct], ...]] = (OrderProof,)
