"""Reading a new order: what its type needs, what its values must be, which filters it must pass.

The engine checks every rule again and alone decides what depends on the book. What is checked here
comes first, so that one mistake has one answer.
"""

from decimal import Decimal
from typing import Final, Literal

import msgspec

from accounts.access.callers import Caller
from api.binance.rest.order_filters import Figures, filtered, read_figures
from api.binance.rest.order_kinds import KINDS, OrderKind, check_excluded
from api.binance.rest.order_names import name_of
from api.binance.rest.params import Params
from api.binance.words import errors, reports
from api.binance.words.symbols import find_traded
from marketdata.feed.feed import MarketView
from matching.commands.place import PlaceOrder
from matching.conditions import Conditions
from matching.engine import rules
from matching.engine.orders import SelfTradeMode
from matching.gateway.client import deadline_ms
from matching.markets.terms import MarketTerms

Side = Literal["buy", "sell"]
TimeInForce = Literal["gtc", "ioc", "fok"]
SIDES: Final[dict[str, Side]] = {"BUY": "buy", "SELL": "sell"}
TIMES_IN_FORCE: Final[dict[str, TimeInForce]] = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok"}
RESPONSE_TYPES: Final = {word: word for word in ("ACK", "RESULT", "FULL")}
# Known, and not offered by any market.
TRANSFER: Final = "TRANSFER"
SELF_TRADE_MODES: Final[dict[str, SelfTradeMode]] = {
    reports.SELF_TRADE_MODES[mode]: mode for mode in rules.SELF_TRADE_MODES
}


class NewOrder(msgspec.Struct, frozen=True):
    """An order that is well-formed and passes the filters, ready to be sent."""

    command: PlaceOrder
    terms: MarketTerms
    response_type: str


def read_new_order(params: Params, caller: Caller, account_pk: int) -> NewOrder:
    """Return the order that the parameters ask for; ``order_kinds.check_required`` passed them.

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
    asked = read_figures(params, terms)
    client_order_id = name_of(params, "newClientOrderId")
    response_type = params.choice("newOrderRespType", RESPONSE_TYPES)
    self_trade = _self_trade_mode(params, terms)
    check_excluded(params, kind)
    if asked.quantity is not None and asked.quote_quantity is not None:
        raise errors.not_required("quoteOrderQty")
    if asked.iceberg_quantity is not None and time_in_force != "gtc":
        raise errors.unsupported_combination()
    figures = filtered(view, asked)
    _check_activation(view, kind, side, figures)
    command = PlaceOrder(
        account_id=account_pk,
        market_id=terms.market_id,
        side=side,
        order_type=kind.order_type,
        time_in_force=time_in_force,
        post_only=kind.post_only,
        price=figures.price,
        quantity=figures.quantity,
        quote_quantity=figures.quote_quantity,
        client_order_id=client_order_id,
        key=None,  # a client order id is no idempotency key here
        deadline_ms=deadline_ms(),
        conditions=_conditions(kind, figures, self_trade),
    )
    default = "FULL" if kind.is_full_by_default else "ACK"
    return NewOrder(command, terms, response_type or default)


def _conditions(
    kind: OrderKind, figures: Figures, self_trade: SelfTradeMode | None
) -> Conditions | None:
    """Return what few orders ask for, None where this one asks for nothing of it."""
    trails = figures.trail_bps is not None
    asked = Conditions(
        self_trade=self_trade,
        display_quantity=figures.iceberg_quantity,
        trigger=kind.trigger,
        # With a trailing delta the stop price says from where on the order trails.
        trigger_price=None if trails else figures.stop_price,
        trail_bps=figures.trail_bps,
        activation_price=figures.stop_price if trails else None,
    )
    return None if asked == _NOTHING else asked


_NOTHING: Final = Conditions()


def _check_activation(view: MarketView, kind: OrderKind, side: Side, figures: Figures) -> None:
    """Raise -2010 where an order that trails from its stop price on has that behind it already.

    The engine waits for the market to come to it from wherever it is.
    """
    trades = view.recent_trades(1)
    if figures.trail_bps is None or figures.stop_price is None or not trades:
        return
    rises = (kind.trigger == "stop") == (side == "buy")
    last, stop = Decimal(trades[0].price), Decimal(figures.stop_price)
    if last >= stop if rises else last <= stop:
        raise errors.would_trigger()


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


def _self_trade_mode(params: Params, terms: MarketTerms) -> SelfTradeMode | None:
    """Return the mode that was named, None: as the market says."""
    word = params.text("selfTradePreventionMode")
    if word is None:
        return None
    mode = SELF_TRADE_MODES.get(word)
    if mode is None and word != TRANSFER:
        raise errors.invalid_parameter("selfTradePreventionMode")
    if mode not in terms.integers.self_trade_modes:
        raise errors.self_trade_mode_not_allowed()
    return mode
