"""Reading a new order: what its type needs, what its values must be, which filters it must pass.

The engine checks every rule again and alone decides what depends on the book. What is checked here
comes first, so that one mistake has one answer.
"""

import re
import secrets
from collections.abc import Callable
from decimal import Decimal
from typing import Final, Literal

import msgspec

from accounts.access.callers import Caller
from api.binance.rest.params import Params
from api.binance.words import errors, reports
from api.binance.words.symbols import find_traded
from marketdata.feed.feed import MarketView
from matching.commands.place import PlaceOrder
from matching.engine.amounts import notional_units
from matching.gateway.client import deadline_ms
from matching.markets.terms import MarketTerms
from zavora.foundation.money import EXACT, NotExact

CLIENT_ORDER_ID: Final = re.compile(r"[A-Za-z0-9._:/-]{1,36}", re.ASCII)
Side = Literal["buy", "sell"]
TimeInForce = Literal["gtc", "ioc", "fok"]
SIDES: Final[dict[str, Side]] = {"BUY": "buy", "SELL": "sell"}
TIMES_IN_FORCE: Final[dict[str, TimeInForce]] = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok"}
RESPONSE_TYPES: Final = {word: word for word in ("ACK", "RESULT", "FULL")}
SELF_TRADE_MODES: Final = frozenset(
    {"NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER"}
)
NAME_BYTES: Final = 11


class OrderKind(msgspec.Struct, frozen=True):
    """What a published order type stands for, and which parameters it needs.

    ``order_type`` None: the engine does not have it yet; ``refused_as`` is how it is then called.
    """

    order_type: Literal["limit", "market"] | None
    required: tuple[str, ...]
    post_only: bool = False
    is_full_by_default: bool = False
    refused_as: str = ""
    # Parameters that would mean something else than what is sent.
    excluded: tuple[str, ...] = ()


_LIMIT_NEEDS: Final = ("timeInForce", "quantity", "price")
KINDS: Final[dict[str, OrderKind]] = {
    "LIMIT": OrderKind(
        "limit",
        _LIMIT_NEEDS,
        is_full_by_default=True,
        excluded=("quoteOrderQty", "stopPrice", "trailingDelta"),
    ),
    "MARKET": OrderKind(
        "market",
        (),  # quantity or quoteOrderQty
        is_full_by_default=True,
        excluded=("price", "stopPrice", "trailingDelta", "icebergQty"),
    ),
    "LIMIT_MAKER": OrderKind(
        "limit",
        ("quantity", "price"),
        post_only=True,
        excluded=("quoteOrderQty", "stopPrice", "trailingDelta"),
    ),
    # For the engine to come: these need a mapping here, and nothing else.
    "STOP_LOSS": OrderKind(None, ("quantity", "stopPrice"), refused_as="Stop loss orders"),
    "STOP_LOSS_LIMIT": OrderKind(
        None, (*_LIMIT_NEEDS, "stopPrice"), refused_as="Stop loss limit orders"
    ),
    "TAKE_PROFIT": OrderKind(None, ("quantity", "stopPrice"), refused_as="Take profit orders"),
    "TAKE_PROFIT_LIMIT": OrderKind(
        None, (*_LIMIT_NEEDS, "stopPrice"), refused_as="Take profit limit orders"
    ),
}


class NewOrder(msgspec.Struct, frozen=True):
    """An order that is well-formed and passes the filters, ready to be sent."""

    command: PlaceOrder
    terms: MarketTerms
    response_type: str


def check_required(params: Params) -> None:
    """Raise -1102 for what a new order of its type must have and has not."""
    params.require("symbol", "side", "type")
    kind = KINDS.get(params.needed("type"))
    if kind is None:
        return  # a wrong value, which comes later
    params.require(*kind.required)
    if kind.order_type == "market" and not (params.get("quantity") or params.get("quoteOrderQty")):
        raise errors.one_of_two("quantity", "quoteOrderQty")


def new_name() -> str:
    """Return a client order id for who sent none."""
    return secrets.token_hex(NAME_BYTES)


def name_of(params: Params, parameter: str) -> str:
    """Return the name that a client gives an order or a cancel, or one made up."""
    return params.text(parameter, legal=CLIENT_ORDER_ID) or new_name()


def read_new_order(params: Params, caller: Caller, account_pk: int) -> NewOrder:
    """Return the order that the parameters ask for; ``check_required`` has passed them.

    Raises the published errors, those of values before those of filters.
    """
    view = find_traded(params.needed("symbol"), caller)
    terms = view.terms
    side = SIDES.get(params.needed("side"))
    if side is None:
        raise errors.invalid_side()
    kind = KINDS.get(params.needed("type"))
    if kind is None:
        raise errors.invalid_order_type()
    time_in_force = _time_in_force(params, kind)
    price = _figure(params, "price", terms.quote.scale)
    quantity = _figure(params, "quantity", terms.base.scale)
    quote_quantity = _figure(params, "quoteOrderQty", terms.quote.scale)
    client_order_id = name_of(params, "newClientOrderId")
    response_type = params.choice("newOrderRespType", RESPONSE_TYPES)
    _check_self_trade_mode(params)
    order_type = _supported(params, kind)
    if quantity is not None and quote_quantity is not None:
        raise errors.not_required("quoteOrderQty")
    price, quantity, quote_quantity = _filtered(view, price, quantity, quote_quantity)
    command = PlaceOrder(
        account_id=account_pk,
        market_id=terms.market_id,
        side=side,
        order_type=order_type,
        time_in_force=time_in_force,
        post_only=kind.post_only,
        price=price,
        quantity=quantity,
        quote_quantity=quote_quantity,
        client_order_id=client_order_id,
        key=None,  # a client order id is no idempotency key here
        deadline_ms=deadline_ms(),
    )
    default = "FULL" if kind.is_full_by_default else "ACK"
    return NewOrder(command, terms, response_type or default)


# --- values ---------------------------------------------------------------------------------------


def _time_in_force(params: Params, kind: OrderKind) -> TimeInForce:
    """Return how long the order lasts; who cannot choose may still say what comes true anyway."""
    word = params.text("timeInForce")
    chosen = None if word is None else TIMES_IN_FORCE.get(word)
    if word is not None and chosen is None:
        raise errors.invalid_lifetime()
    if kind.order_type == "market":
        if chosen == "fok":
            raise errors.not_required("timeInForce")
        return "ioc"
    if kind.post_only and chosen not in (None, "gtc"):
        raise errors.not_required("timeInForce")
    return chosen or "gtc"


def _figure(params: Params, name: str, scale: int) -> str | None:
    """Return a figure with no more decimals than its asset has (-1111)."""
    if name not in params:
        return None
    text = params.decimal(name)
    if text is not None and "." in text:
        fraction = text.partition(".")[2]
        if len(fraction) > scale and len(fraction.rstrip("0")) > scale:
            raise errors.too_precise(name)
    return text


def _check_self_trade_mode(params: Params) -> None:
    mode = params.text("selfTradePreventionMode")
    if mode is None or mode == reports.SELF_TRADE_PREVENTION:
        return
    if mode not in SELF_TRADE_MODES:
        raise errors.invalid_parameter("selfTradePreventionMode")
    raise errors.order_refused(
        "This symbol does not allow the specified self-trade prevention mode."
    )


def _supported(params: Params, kind: OrderKind) -> Literal["limit", "market"]:
    """Return the engine's type. Refuses what it does not have, and what contradicts the type."""
    if kind.order_type is None:
        params.decimal("stopPrice")
        raise errors.unsupported(kind.refused_as)
    for name in kind.excluded:
        if name in params:
            raise errors.not_required(name)
    if "icebergQty" in params:
        iceberg = params.decimal("icebergQty") or ""
        if iceberg.strip("0."):
            raise errors.unsupported("Iceberg orders")
    return kind.order_type


# --- filters --------------------------------------------------------------------------------------


def _filtered(
    view: MarketView, price: str | None, quantity: str | None, quote_quantity: str | None
) -> tuple[str | None, str | None, str | None]:
    """Return the figures as the market writes them. Raises -1013 naming the filter."""
    terms, rules = view.terms, view.terms.integers
    price_ticks = None
    if price is not None:
        price_ticks = _count(price, terms.price_to_ticks, rules.max_price_ticks, "PRICE_FILTER")
        price = terms.price_text(price_ticks)
    if quote_quantity is not None:
        units = _count(
            quote_quantity, terms.quote_amount_to_units, rules.max_notional_units, "NOTIONAL"
        )
        if not terms.allows_notional(units):
            raise errors.filter_failure("NOTIONAL")
        quote_quantity = terms.quote_text(units)
    if quantity is not None:
        lots = _count(quantity, terms.quantity_to_lots, rules.max_quantity_lots, "LOT_SIZE")
        quantity = terms.quantity_text(lots)
        if price_ticks is None:
            _check_market_notional(view, quantity)
        else:
            if not terms.allows_notional(notional_units(rules, price_ticks, lots)):
                raise errors.filter_failure("NOTIONAL")
    return price, quantity, quote_quantity


def _count(text: str, count: Callable[[str], int], count_max: int, name: str) -> int:
    try:
        number = count(text)
    except NotExact:
        raise errors.filter_failure(name) from None
    if number > count_max:
        raise errors.filter_failure(name)
    return number


def _check_market_notional(view: MarketView, quantity: str) -> None:
    """Check that a market order is worth the minimum at the last price, if there is one."""
    trades = view.recent_trades(1)
    if trades:
        amount = EXACT.multiply(Decimal(trades[0].price), Decimal(quantity))
        if view.terms.is_below_smallest(amount):
            raise errors.filter_failure("NOTIONAL")
