"""Amendments of the naive exchange, and how an order meets the others."""

from matching.engine.commands import Amend, Cancel, Replace
from tests.property.naive_checks import (
    check_band,
    check_limit,
    check_market_order,
    check_phase,
    check_price,
    check_total,
)
from tests.property.naive_funds import NaiveFunds
from tests.property.naive_matching import awaited, end, follow, is_reached, is_trailing, match
from tests.property.naive_orders import NaiveMarket, NaiveOrder, Outcome, RefusedError


class NaiveAmending(NaiveFunds):
    """Orders that are found, amended, and meet others."""

    def find(self, command: Cancel | Amend | Replace) -> NaiveOrder:
        market = self.markets.get(command.market_id)
        for order in market.orders if market else []:
            if (
                order.order_id == command.order_id
                and order.account_id == command.account_id
                and order.status == "open"
            ):
                return order
        raise RefusedError("order_not_open")

    def amend(self, command: Amend) -> Outcome:
        order = self.find(command)
        market = self.markets[command.market_id]
        if market.others(order):
            raise RefusedError("order_in_list")
        if not order.waits and command.trigger_ticks is not None:
            raise RefusedError("not_triggerable")
        check_phase(market, order)
        price = command.price_ticks if command.price_ticks is not None else order.price
        quantity = command.quantity_lots if command.quantity_lots is not None else order.quantity
        if order.waits:
            return self.amend_waiting(market, order, command, price, quantity)
        if (price, quantity) == (order.price, order.quantity):
            raise RefusedError("nothing_to_amend")
        check_limit(market, price, quantity)
        if price != order.price:
            check_band(market, price, market.last_price)
        check_total(market, order, quantity)
        if order.post_only and market.crosses(order.side, price):
            raise RefusedError("post_only_would_cross")
        rules = market.rules
        left = quantity - order.filled - order.prevented
        needed = left * (price * rules.tick_lot_units if order.side == "buy" else rules.lot_units)
        more_held = needed - market.held(order)
        self.check_funds(market, order, more_held)
        keeps_place = price == order.price and quantity < order.quantity
        order.price, order.quantity = price, quantity
        outcome = Outcome(order=order, more_held=more_held)
        if keeps_place:
            if order.shown_slice is not None:
                order.shown_slice = min(order.shown_slice, left)
        else:
            market.orders.remove(order)  # nobody meets it while it takes
            order.shown_slice = None
            self.meet(market, order, outcome)
        follow(market, outcome.log)
        return outcome

    def amend_waiting(
        self,
        market: NaiveMarket,
        order: NaiveOrder,
        command: Amend,
        price: int | None,
        quantity: int | None,
    ) -> Outcome:
        trigger, protection = order.trigger, order.protection
        if command.trigger_ticks is not None:
            trigger = command.trigger_ticks
            if is_trailing(order) or order.waits == "turn":
                raise RefusedError("not_triggerable")
            check_price(market, trigger)
            if is_reached(market.reference(order.looks_at), trigger, order.fires_on):
                raise RefusedError("would_trigger_at_once")
            if protection is not None:
                moved = protection + trigger - awaited(order)
                protection = min(max(1, moved), market.rules.max_price_ticks)
        asks = trigger, protection, price, quantity
        if asks == (order.trigger, order.protection, order.price, order.quantity):
            raise RefusedError("nothing_to_amend")
        if order.is_market:
            if price is not None:
                raise RefusedError("price_out_of_range")
            if order.budget is not None and quantity is not None:
                raise RefusedError("quantity_out_of_range")
            check_market_order(market, quantity, order.budget)
        else:
            check_limit(market, price, quantity)
            check_band(market, price, trigger)
        if quantity is not None:
            check_total(market, order, quantity)
        before = order.trigger, order.protection, order.price, order.quantity
        held_before = market.held(order)
        order.trigger, order.protection, order.price, order.quantity = asks
        more_held = market.held(order) - held_before
        order.trigger, order.protection, order.price, order.quantity = before
        self.check_funds(market, order, more_held)
        order.trigger, order.protection, order.price, order.quantity = asks
        return Outcome(order=order, more_held=more_held)

    def meet(self, market: NaiveMarket, order: NaiveOrder, outcome: Outcome) -> None:
        """Let an order trade with the others, or gather with them."""
        if market.phase == "auction":
            market.rest(order)
        else:
            end(market, order, match(market, order, outcome.log), outcome.log)
        market.orders.append(order)
