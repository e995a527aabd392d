"""The shapes of the OpenAPI document about what is done with orders beside placing one."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from api.v1.openapi.kinds import AccountId, Decimal, Time


class OrderPreview(Struct):
    """What would become of an order as things stand; it is not placed.

    Where it would be refused, `code` and `reason` are those of the refusal.
    """

    accepted: bool
    code: str | None
    reason: Annotated[
        str | None, Meta(description="Why it would be refused, or would end at once.")
    ]
    message: str | None
    status: (
        Literal["New", "PartiallyFilled", "Filled", "Cancelled", "Expired", "Pending", "Triggered"]
        | None
    )
    price: Annotated[Decimal | None, Meta(description="Its own price, as a slide leaves it.")]
    average_price: Decimal | None
    worst_price: Decimal | None
    filled_quantity: Decimal
    resting_quantity: Annotated[Decimal, Meta(description="Left in the book, or waiting.")]
    amount: Annotated[Decimal, Meta(description="Of the fills, in the quote asset.")]
    fee: Decimal
    fee_asset: str
    hold: Annotated[Decimal, Meta(description="What placing it would lock.")]
    hold_asset: str
    sequence: Annotated[int, Meta(description="Of the order book that it was tried out on.")]


class Amendment(Struct):
    """What an open order asked for before it was amended, and asks for since."""

    id: str
    order_id: str
    market: str
    price_before: Decimal | None
    price: Decimal | None
    quantity_before: Decimal | None
    quantity: Decimal | None
    stop_price_before: Decimal | None
    stop_price: Decimal | None
    created_at: Time


class QueuePlace(Struct):
    """What is shown at an order's price by those whose turn is before its own."""

    order_id: str
    queue_ahead: Decimal


class QueuePlaces(Struct):
    """Places of an account's orders in a market's book, as of its `sequence`; oldest first."""

    user_id: AccountId
    market: str
    sequence: int
    orders: list[QueuePlace]


class OrderList(Struct):
    """Orders that are one thing; `Done` once none of them is open any more."""

    id: str
    client_list_id: str | None
    user_id: AccountId
    market: str
    kind: Literal["OCO", "OTO", "OTOCO"]
    status: Literal["Executing", "Done"]
    order_ids: Annotated[list[str], Meta(description="As placed, the working order first.")]
    created_at: Time


class Protection(Struct):
    """What ends an account's quotes in a market: so many fills, or so much, in a window.

    Null where nothing does. `tripped`: it has ended them, and lets nothing in until it is reset.
    """

    user_id: AccountId
    market: str
    max_fills: int | None
    max_quantity: Decimal | None
    window_ms: int | None
    tripped: bool


class ProtectionIn(Struct):
    """What may happen to an account's resting orders within a window: one of both, or both."""

    window_ms: Annotated[int, Meta(ge=1, le=86_400_000)]
    max_fills: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    max_quantity: Annotated[str | None, Meta(description="In the base asset.")] = None


ORDER_SHAPES: Final[tuple[type[Struct], ...]] = (
    OrderPreview,
    Amendment,
    OrderList,
    QueuePlaces,
    Protection,
    ProtectionIn,
)
