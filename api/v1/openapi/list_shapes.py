"""The body of an order list as the document shows it (``api.v1.list_requests`` reads it)."""

from typing import TYPE_CHECKING, Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from api.v1.requests import ClientOrderId, PlaceOrderIn

# What the list has for all of them, and what none of a list may be.
OF_THE_LIST: Final = ("user_id", "market", "quote_quantity")

# An order of a list: as ``PlaceOrderIn``, but for what the list says.
if TYPE_CHECKING:
    ListedOrderIn = PlaceOrderIn
else:
    ListedOrderIn = msgspec.defstruct(
        "ListedOrderIn",
        [
            (field.name, field.type)
            if field.default is msgspec.NODEFAULT
            else (field.name, field.type, field.default)
            for field in msgspec.structs.fields(PlaceOrderIn)
            if field.name not in OF_THE_LIST
        ],
        namespace={
            "__doc__": "An order of a list: as one that comes alone, never by quote amount."
        },
        frozen=True,
        kw_only=True,
    )


class PlaceListIn(msgspec.Struct, frozen=True, kw_only=True):
    """Orders that are one thing. The working order of an OTO or OTOCO comes first."""

    user_id: Annotated[UUID, Meta(description="The account's id.")]
    market: Annotated[str, Meta(examples=["BTC/USD"])]
    kind: Literal["OCO", "OTO", "OTOCO"]
    client_list_id: ClientOrderId | None = None
    orders: Annotated[list[ListedOrderIn], Meta(min_length=2, max_length=3)]
