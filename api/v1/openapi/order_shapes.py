"""The shapes of the OpenAPI document about what is done with orders beside placing one."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from api.v1.openapi.kinds import Decimal


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


ORDER_SHAPES: Final[tuple[type[Struct], ...]] = (OrderPreview,)
