"""One order as it is asked for, alone or as one of a list: its values, and what they stand for."""

from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from api.binance.rest.order_filters import Figures, read_figures
from api.binance.rest.order_kinds import KINDS, OrderKind, check_excluded
from api.binance.rest.order_names import name_of
from api.binance.rest.params import Params
from api.binance.words import errors, reports
from marketdata.feed.feed import MarketView
from matching.conditions import Conditions
from matching.engine import rules
from matching.engine.orders import SelfTradeMode
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
_NOTHING: Final = Conditions()


class AskedOrder(msgspec.Struct, frozen=True):
    """An order that is well-formed. ``figures`` are as they were sent until filters passed them."""

    side: Side
    kind: OrderKind
    time_in_force: TimeInForce
    figures: Figures
    client_order_id: str

    @property
    def is_wrong_iceberg(self) -> bool:
        """Tell whether it hides a part and yet does not rest until it is cancelled."""
        return self.figures.iceberg_quantity is not None and self.time_in_force != "gtc"

    def words(self) -> dict[str, Any]:
        """Return what it asks for beside figures and conditions, as commands spell it."""
        return {
            "side": self.side,
            "order_type": self.kind.order_type,
            "time_in_force": self.time_in_force,
            "post_only": self.kind.post_only,
            "client_order_id": self.client_order_id,
        }


def read_side(params: Params) -> Side:
    """Return whether an order buys or sells."""
    side = SIDES.get(params.needed("side"))
    if side is None:
        raise errors.invalid_side()
    return side


def read_kind(params: Params) -> OrderKind:
    """Return what an order's type stands for."""
    kind = KINDS.get(params.needed("type"))
    if kind is None:
        raise errors.invalid_order_type()
    return kind


def read_order(params: Params, terms: MarketTerms, side: Side, kind: OrderKind) -> AskedOrder:
    """Return an order with the values that were sent; raise what is published for wrong ones."""
    order = AskedOrder(
        side,
        kind,
        _time_in_force(params, kind),
        read_figures(params, terms),
        name_of(params, "newClientOrderId"),
    )
    check_excluded(params, kind)
    return order


def read_self_trade_mode(params: Params, terms: MarketTerms) -> SelfTradeMode | None:
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


def conditions_asked(order: AskedOrder, self_trade: SelfTradeMode | None) -> Conditions | None:
    """Return what few orders ask for, None where this one asks for nothing of it."""
    figures = order.figures
    trails = figures.trail_bps is not None
    asked = Conditions(
        self_trade=self_trade,
        display_quantity=figures.iceberg_quantity,
        trigger=order.kind.trigger,
        # With a trailing delta the stop price says from where on the order trails.
        trigger_price=None if trails else figures.stop_price,
        trail_bps=figures.trail_bps,
        activation_price=figures.stop_price if trails else None,
    )
    return None if asked == _NOTHING else asked


def last_price(view: MarketView) -> Decimal | None:
    """Return the price of a market's last trade, None where there was none."""
    trades = view.recent_trades(1)
    return Decimal(trades[0].price) if trades else None


def _time_in_force(params: Params, kind: OrderKind) -> TimeInForce:
    """Return how long the order lasts; who cannot choose may still say what comes true anyway."""
    word = params.text("timeInForce")
    chosen = None if word is None else TIMES_IN_FORCE.get(word)
    if word is not None and chosen is None:
        raise errors.invalid_lifetime()
    name = params.sent_as("timeInForce")
    if kind.order_type == "market":
        if chosen == "fok":
            raise errors.not_required(name)
        return "ioc"
    if kind.post_only and chosen not in (None, "gtc"):
        raise errors.not_required(name)
    return chosen or "gtc"
