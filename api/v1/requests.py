"""What the order routes take: a struct per body, which the OpenAPI document shows, and its parser.

Figures stay text here; whether they fit a market's tick and lot is checked against its terms.
"""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from api.v1.conditions import (
    RESTING_TIMES,
    TRAIL_BPS_MAX,
    asked_conditions,
    check_conditions,
    take_conditions,
    take_stop_price,
)
from api.v1.fields import Fields, spelling, wrong_fields
from api.v1.order_words import ORDER_TYPES as TYPES
from api.v1.order_words import TIME_IN_FORCE, engine_type
from matching.commands.place_batch import BATCH_MAX
from matching.engine.orders import Carried

SIDES: Final = {"buy": "Buy", "sell": "Sell"}
ORDER_TYPES: Final = {spelling(name): name for name in TYPES}
TIMES_IN_FORCE: Final = {**TIME_IN_FORCE, "postonly": "PostOnly"}
POLICIES: Final = {"stoponfailure": "StopOnFailure", "allowfailure": "AllowFailure"}
CLIENT_ORDER_ID_LENGTH_MAX: Final = 64
SYMBOL_LENGTH_MAX: Final = 33

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
    order_type: Literal[
        "Limit", "Market", "Stop", "StopLimit", "TakeProfit", "TakeProfitLimit", "TrailingStop"
    ]
    price: Figure | None = None
    quantity: Figure | None = None
    quote_quantity: Annotated[
        str | None, Meta(description="Market orders: what to spend or earn, instead of quantity.")
    ] = None
    time_in_force: Literal["GTC", "IOC", "FOK", "GTD", "Day", "PostOnly"] = "GTC"
    post_only: bool = False
    client_order_id: ClientOrderId | None = None
    stop_price: Annotated[
        str | None, Meta(description="The price that a stop or take profit waits for.")
    ] = None
    trigger_price: Annotated[str | None, Meta(description="Another name of `stop_price`.")] = None
    trigger_by: Annotated[
        Literal["Last", "Opposite"] | None,
        Meta(description="Of the last trade, or the best that it would trade with. Default Last."),
    ] = None
    trail_price: Annotated[
        str | None, Meta(description="How far behind the market the price waited for moves.")
    ] = None
    trail_bps: (
        Annotated[int, Meta(description="The same in ten thousandths.", ge=1, le=TRAIL_BPS_MAX)]
        | None
    ) = None
    activation_price: Annotated[
        str | None, Meta(description="The price from which on it trails; without: at once.")
    ] = None
    expires_at: Annotated[
        datetime | None, Meta(description="GTD: RFC 3339, or milliseconds since 1970.")
    ] = None
    post_only_mode: Annotated[
        Literal["Reject", "Slide"] | None,
        Meta(description="Of a post-only order that would trade: a price one tick off. Reject."),
    ] = None
    display_quantity: Annotated[
        str | None, Meta(description="An iceberg: how much of it the book shows at a time.")
    ] = None
    protection_price: Annotated[
        str | None, Meta(description="Market orders: the worst price at which they trade.")
    ] = None
    self_trade_prevention: Annotated[
        Literal["None", "Taker", "Maker", "Both", "Decrement", "Transfer"] | None,
        Meta(description="Which of your orders that meet gives way. Default: as the market says."),
    ] = None


class ReplaceOrderIn(PlaceOrderIn, frozen=True, kw_only=True):
    """An order to place where another was, of the same account and market."""

    policy: Annotated[
        Literal["StopOnFailure", "AllowFailure"],
        Meta(description="Whether it is placed where the other one could not be cancelled."),
    ]


class AmendOrderIn(msgspec.Struct, frozen=True, kw_only=True):
    """A new price, total quantity (what is filled counts), price to wait for, or several."""

    price: Figure | None = None
    quantity: Figure | None = None
    stop_price: Annotated[
        str | None, Meta(description="Of an order that still waits, and does not trail.")
    ] = None
    trigger_price: Annotated[str | None, Meta(description="Another name of `stop_price`.")] = None


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
    where = take_place(fields)
    asked = take_order(fields)
    fields.check()
    return PlaceOrderIn(user_id=where["user_id"], market=symbol_of(where["market"]), **asked)


def take_place(fields: Fields) -> dict[str, Any]:
    """Take the account and the market of what is to be placed."""
    return {
        "user_id": fields.uuid("user_id", required=True),
        "market": fields.text(
            "market", required=True, length_max=SYMBOL_LENGTH_MAX, what="a market's symbol"
        ),
    }


def take_order(fields: Fields) -> dict[str, Any]:
    """Take what an order asks for, wherever it is to be placed."""
    asked: dict[str, Any] = {
        "side": fields.choice("side", SIDES, required=True),
        "order_type": fields.choice("order_type", ORDER_TYPES, required=True),
        "price": fields.decimal("price"),
        "quantity": fields.decimal("quantity"),
        "quote_quantity": fields.decimal("quote_quantity"),
        "time_in_force": fields.choice("time_in_force", TIMES_IN_FORCE) or "GTC",
        "post_only": fields.flag("post_only"),
        "client_order_id": fields.text("client_order_id", length_max=CLIENT_ORDER_ID_LENGTH_MAX),
        **take_conditions(fields),
    }
    if asked["time_in_force"] == "PostOnly":
        asked |= {"time_in_force": "GTC", "post_only": True}
    if asked["order_type"] is not None:
        _check_place(fields, asked)
    return asked


def asked_words(order: PlaceOrderIn) -> dict[str, Any]:
    """Return what an order asks for, as commands spell it; its figures as they stand in it."""
    trigger, plain = engine_type(order.order_type, order.price)
    return {
        "side": order.side.lower(),
        "order_type": plain,
        "time_in_force": order.time_in_force.lower(),
        "post_only": order.post_only,
        "price": order.price,
        "quantity": order.quantity,
        "quote_quantity": order.quote_quantity,
        "client_order_id": order.client_order_id,
        "carried": Carried(*map(partial(getattr, order), Carried.__struct_fields__)),
        "conditions": asked_conditions(order, trigger),
    }


def _check_place(fields: Fields, asked: dict[str, Any]) -> None:
    """Name what does not go together; give a market order the time in force that it has."""
    figures = asked["price"], asked["quantity"], asked["quote_quantity"]
    trigger, plain = engine_type(asked["order_type"], asked["price"])
    time = asked["time_in_force"]
    if plain == "limit":
        _check_limit(fields, *figures)
        if asked["post_only"] and time not in RESTING_TIMES:
            fields.refuse("time_in_force", "expected GTC, GTD or Day for a post-only order")
    else:
        _check_market(fields, *figures)
        if asked["post_only"]:
            fields.refuse("post_only", "expected false for a market order, which never rests")
        if trigger is None and time in ("GTD", "Day"):
            fields.refuse("time_in_force", "expected IOC or FOK for a market order")
        if time == "GTC":
            asked["time_in_force"] = "IOC"
    check_conditions(fields, asked, time=time)


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


def parse_replace(data: Any) -> ReplaceOrderIn:
    """Return a replacement's body. Raises ValidationFailed naming every wrong field."""
    fields = Fields(data)
    policy = fields.choice("policy", POLICIES, required=True)
    where = take_place(fields)
    asked = take_order(fields)
    fields.check()
    return ReplaceOrderIn(
        user_id=where["user_id"],
        market=symbol_of(where["market"]),
        policy="AllowFailure" if policy == "AllowFailure" else "StopOnFailure",
        **asked,
    )


def parse_amend(data: Any) -> AmendOrderIn:
    """Return an amendment's body. Raises ValidationFailed naming every wrong field."""
    fields = Fields(data)
    price, quantity = fields.decimal("price"), fields.decimal("quantity")
    stop_price = take_stop_price(fields)
    if price is None and quantity is None and stop_price is None:
        fields.refuse("price", "give a new price, quantity or stop_price, or several of them")
    fields.check()
    return AmendOrderIn(price=price, quantity=quantity, stop_price=stop_price)


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
