"""The engine's orders and amounts in book notation (``notation``), as the rule tables show them."""

from matching.engine.market import Market
from matching.engine.orders import Order
from tests.property.engine_views import mark_of
from tests.unit.matching.engine.grammar import SECOND_US


def show_resting(order: Order) -> str:
    """Return ``sell 2(+7) @ 101``: what the book shows of an order, and what it hides."""
    hidden = f"(+{order.hidden_lots})" if order.hidden_lots else ""
    return f"{order.terms.side} {order.remaining_lots}{hidden} @ {order.price_ticks}"


def show_waiting(order: Order, market: Market) -> str:
    """Return an order that waits as one would write it.

    ``behind 104`` says from where one trails by now, ``queued`` that its turn has come, ``pending``
    that another of its list comes first.
    """
    terms, conditions = order.terms, order.terms.conditions
    if terms.budget_units is not None:
        words = [f"{terms.side} for {in_decimals(terms.budget_units)}"]
    elif order.price_ticks is not None:
        words = [f"{terms.side} {order.quantity_lots} @ {order.price_ticks}"]
    else:
        words = [f"{terms.side} {order.quantity_lots} market"]
    if terms.time_in_force == "gtd":
        words.append(f"gtd {(conditions.expires_us or 0) // SECOND_US}")
    elif terms.time_in_force != ("ioc" if order.price_ticks is None else "gtc"):
        words.append(terms.time_in_force)
    for is_asked, word in (
        (terms.post_only, "post-only"),
        (conditions.slides, "slide"),
        (conditions.display_lots, f"show {conditions.display_lots}"),
        (conditions.self_trade, f"self {conditions.self_trade}"),
        (conditions.protection_ticks, f"protect {conditions.protection_ticks}"),
        (conditions.trigger, _trigger(order, market)),
        (terms.client_order_id, f"#{terms.client_order_id}"),
        (order.trigger_state in ("queued", "pending"), order.trigger_state),
    ):
        if is_asked:
            words.append(word)
    return " ".join(words)


def _trigger(order: Order, market: Market) -> str:
    conditions = order.terms.conditions
    kind = "take-profit" if conditions.trigger == "take_profit" else "stop"
    words = [f"{kind} {conditions.trigger_ticks}"]
    if conditions.trails:
        words = ["take-profit"] if kind == "take-profit" else []
        bps = conditions.trail_bps
        words.append(f"trail {bps}bps" if bps is not None else f"trail {conditions.trail_ticks}")
        if order.trigger_state == "trailing":
            words.append(f"behind {mark_of(order, market)}")
        elif conditions.activation_ticks is not None:
            words.append(f"from {conditions.activation_ticks}")
    if conditions.trigger_by == "opposite":
        words.append("by opposite")
    return " ".join(words)


def amount(units: int, order: Order) -> str:
    """Return what an order holds: dollars for a buy, bitcoins for a sell."""
    return f"{in_decimals(units)} {'USD' if order.terms.side == 'buy' else 'BTC'}"


def in_decimals(units: int) -> str:
    """Return units of an asset with two decimals."""
    return f"{units // 100}.{units % 100:02}"
