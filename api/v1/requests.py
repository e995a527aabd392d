"""What the order routes take: a struct per body, which the OpenAPI document shows, and its parser.

Figures stay text here; whether they fit a market's tick and lot is checked against its terms.
"""

from functools import partial
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from api.v1.fields import Fields, wrong_fields
from matching.engine.orders import Carried

SIDES: Final = {"buy": "Buy", "sell": "Sell"}
ORDER_TYPES: Final = {"limit": "Limit", "market": "Market"}
TIMES_IN_FORCE: Final = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK", "postonly": "PostOnly"}
CLIENT_ORDER_ID_LENGTH_MAX: Final = 64
SYMBOL_LENGTH_MAX: Final = 33
BATCH_MAX: Final = 100

Figure = Annotated[str, Meta(description="A decimal as a string or a number.", examples=["1.5"])]
ClientOrderId = Annotated[
    str,
    Meta(
        description="Yours, printable ASCII; also the idempotency key of the request.",
        max_length=CLIENT_ORDER_ID_LENGTH_MAX,
    ),
]


class PlaceOrderIn(msgspec.Struct, frozen=True, kw_only=True):
    """An order to place. Enumerations are taken in any letter case and spelling."""

    user_id: Annotated[UUID, Meta(description="The account's id.")]
    market: Annotated[str, Meta(examples=["BTC/USD"])]
    side: Literal["Buy", "Sell"]
    order_type: Literal["Limit", "Market"]
    price: Figure | None = None
    quantity: Figure | None = None
    quote_quantity: Annotated[
        str | None, Meta(description="Market orders: what to spend or earn, instead of quantity.")
    ] = None
    time_in_force: Literal["GTC", "IOC", "FOK", "PostOnly"] = "GTC"
    post_only: bool = False
    client_order_id: ClientOrderId | None = None


class AmendOrderIn(msgspec.Struct, frozen=True, kw_only=True):
    """A new price, a new total quantity (what is filled counts), or both."""

    price: Figure | None = None
    quantity: Figure | None = None


class CancelOrderIn(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing is needed; an account that is named must be the order's."""

    user_id: UUID | None = None


class CancelAllIn(msgspec.Struct, frozen=True, kw_only=True):
    """Whose open orders to cancel, and which of them."""

    account: Annotated[UUID, Meta(description="The account's id; `user_id` is taken as well.")]
    market: str | None = None
    side: Literal["Buy", "Sell"] | None = None


def symbol_of(text: str) -> str:
    """Return a market's symbol from any of its spellings: BTC/USD, BTC-USD."""
    return text.replace("-", "/", 1) if "/" not in text else text


def parse_place(data: Any) -> PlaceOrderIn:
    """Return an order's body. Raises ValidationFailed naming every wrong field."""
    fields = Fields(data)
    user_id = fields.uuid("user_id", required=True)
    market = fields.text(
        "market", required=True, length_max=SYMBOL_LENGTH_MAX, what="a market's symbol"
    )
    side = fields.choice("side", SIDES, required=True)
    order_type = fields.choice("order_type", ORDER_TYPES, required=True)
    price = fields.decimal("price")
    quantity = fields.decimal("quantity")
    quote_quantity = fields.decimal("quote_quantity")
    time_in_force = fields.choice("time_in_force", TIMES_IN_FORCE) or "GTC"
    post_only = fields.flag("post_only")
    client_order_id = fields.text("client_order_id", length_max=CLIENT_ORDER_ID_LENGTH_MAX)
    if time_in_force == "PostOnly":
        time_in_force, post_only = "GTC", True
    if order_type == "Limit":
        _check_limit(fields, price, quantity, quote_quantity)
        if post_only and time_in_force != "GTC":
            fields.refuse("time_in_force", "expected GTC for a post-only order")
    elif order_type == "Market":
        _check_market(fields, price, quantity, quote_quantity)
        if post_only:
            fields.refuse("post_only", "expected false for a market order, which never rests")
        if time_in_force == "GTC":
            time_in_force = "IOC"
    fields.check()
    return PlaceOrderIn(
        user_id=user_id,  # type: ignore[arg-type]  # check() raised where one is missing
        market=symbol_of(market),  # type: ignore[arg-type]
        side=side,  # type: ignore[arg-type]
        order_type=order_type,  # type: ignore[arg-type]
        price=price,
        quantity=quantity,
        quote_quantity=quote_quantity,
        time_in_force=time_in_force,  # type: ignore[arg-type]
        post_only=post_only,
        client_order_id=client_order_id,
    )


def asked_words(order: PlaceOrderIn) -> dict[str, Any]:
    """Return what an order asks for beside its figures, as commands spell it."""
    return {
        "side": order.side.lower(),
        "order_type": order.order_type.lower(),
        "time_in_force": order.time_in_force.lower(),
        "post_only": order.post_only,
        "client_order_id": order.client_order_id,
        "carried": Carried(*map(partial(getattr, order), Carried.__struct_fields__)),
    }


def _check_limit(
    fields: Fields, price: str | None, quantity: str | None, quote_quantity: str | None
) -> None:
    if price is None:
        fields.refuse("price", "is required for a limit order")
    if quantity is None:
        fields.refuse("quantity", "is required for a limit order")
    if quote_quantity is not None:
        fields.refuse("quote_quantity", "is for market orders only")


def _check_market(
    fields: Fields, price: str | None, quantity: str | None, quote_quantity: str | None
) -> None:
    if price is not None:
        fields.refuse("price", "is for limit orders only")
    if quantity is None and quote_quantity is None:
        fields.refuse("quantity", "is required, unless quote_quantity is given")
    if quantity is not None and quote_quantity is not None:
        fields.refuse("quote_quantity", "excludes quantity: give one of them")


def parse_amend(data: Any) -> AmendOrderIn:
    """Return an amendment's body. Raises ValidationFailed naming every wrong field."""
    fields = Fields(data)
    price, quantity = fields.decimal("price"), fields.decimal("quantity")
    if price is None and quantity is None:
        fields.refuse("price", "give a new price, a new quantity, or both")
    fields.check()
    return AmendOrderIn(price=price, quantity=quantity)


def parse_cancel(data: Any) -> CancelOrderIn:
    """Return a cancellation's body, which is usually empty."""
    fields = Fields(data)
    user_id = fields.uuid("user_id")
    fields.check()
    return CancelOrderIn(user_id=user_id)


def parse_cancel_all(data: Any) -> CancelAllIn:
    """Return whose orders to cancel. Raises ValidationFailed naming every wrong field."""
    fields = Fields(data)
    account = fields.uuid("account") or fields.uuid("user_id")
    fields.take("user_id")
    if account is None:
        fields.refuse("account", "is required")
    market = fields.text("market", length_max=SYMBOL_LENGTH_MAX, what="a market's symbol")
    side = fields.choice("side", SIDES)
    fields.check()
    return CancelAllIn(
        account=account,  # type: ignore[arg-type]
        market=symbol_of(market) if market is not None else None,
        side=side,  # type: ignore[arg-type]
    )


def parse_batch(data: Any) -> list[Any]:
    """Return a batch's items, each still to be parsed by itself."""
    if isinstance(data, dict) and set(data) == {"orders"}:
        data = data["orders"]
    if not isinstance(data, list) or not 1 <= len(data) <= BATCH_MAX:
        raise wrong_fields({"body": f"expected a list of 1 to {BATCH_MAX} orders"})
    return data
