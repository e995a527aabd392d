"""A deliberately naive exchange, written from docs/matching.md, to judge the engine by.

It shares nothing with the engine but the commands: all orders in one plain list, looked through and
sorted anew for every question; what an order would cost is found by letting a copy of it trade; no
stored holds (what is locked is added up from the open orders) and no undo. Slow, easy to believe.
"""

from dataclasses import replace

from matching.engine.commands import (
    Amend,
    Cancel,
    CancelAll,
    Command,
    ConfigureMarket,
    Continue,
    EndAuction,
    Expire,
    Place,
    PlaceList,
    Replace,
    ResetProtection,
    SetPhase,
    SetProtection,
)
from matching.engine.phases import may_change
from tests.property.naive_amending import NaiveAmending
from tests.property.naive_auction import uncross
from tests.property.naive_checks import (
    check_band,
    check_conditions,
    check_limit,
    check_listed,
    check_lists,
    check_market_order,
    check_name,
    check_open_orders,
    check_phase,
    check_protection,
)
from tests.property.naive_matching import (
    CHAIN,
    begin_trailing,
    close,
    follow,
    is_reached,
    is_trailing,
    would_cost,
    would_fill,
    would_sell,
)
from tests.property.naive_orders import (
    NaiveMarket,
    NaiveOrder,
    NaiveProtection,
    Outcome,
    RefusedError,
    holder,
    new_order,
)
from tests.property.naive_replacing import replace_order

DAY_US = 24 * 60 * 60 * 1_000_000
EXPIRIES = 200


class NaiveExchange(NaiveAmending):
    """What its commands do."""

    # --- commands -----------------------------------------------------------------------------

    def apply(self, command: Command) -> Outcome:
        """Apply a command; a refusal changes nothing."""
        for market in self.markets.values():
            market.now = command.time_us
            market.orders = [order for order in market.orders if order.status == "open"]
        try:
            outcome = self._apply(command)
        except RefusedError as refusal:
            return Outcome(refusal=str(refusal))
        for index, entry in enumerate(outcome.log):
            if entry[0] == "trade":
                outcome.log[index] = self.pay(self.market(market_of(command)), outcome.log, entry)
            elif entry[:2] == ("prevented", "transfer"):
                self.transfer(self.market(market_of(command)), entry)
        return outcome

    def _apply(self, command: Command) -> Outcome:
        match command:
            case Place():
                return self.place(command)
            case PlaceList():
                return self.place_list(command)
            case Amend():
                return self.amend(command)
            case Replace():
                return replace_order(self, command)
            case Cancel():
                order, outcome = self.find(command), Outcome()
                close(order, "cancelled", command.reason, outcome.log)
            case CancelAll():
                outcome = self.cancel_all(command)
            case Expire():
                outcome = self.expire(command)
            case Continue():
                self.market(command.market_id)
                outcome = Outcome()
                self.end_closed(self.markets[command.market_id], outcome)
                follow(self.markets[command.market_id], outcome.log, command.enter_max or CHAIN)
                return outcome
            case SetProtection() | ResetProtection():
                return self.set_protection(command)
            case ConfigureMarket():
                outcome = self.configure(command)
            case SetPhase():
                market, outcome = self.market(command.market_id), Outcome()
                check_listed(market)
                if not may_change(command.cause, market.phase, command.phase):
                    raise RefusedError("phase_not_possible")
                self.change_phase(market, command.phase, command.auction_ends_us, outcome)
            case EndAuction():
                market, outcome = self.market(command.market_id), Outcome()
                if (market.phase, market.auction_ends) != ("auction", command.due_us):
                    return outcome
                self.change_phase(market, "continuous", None, outcome)
            case _:
                raise TypeError(command)
        follow(self.markets[market_of(command)], outcome.log)
        return outcome

    def market(self, market_id: int) -> NaiveMarket:
        if market_id not in self.markets:
            raise RefusedError("market_not_found")
        return self.markets[market_id]

    def cancel_all(self, command: CancelAll) -> Outcome:
        market, outcome = self.market(command.market_id), Outcome()
        mine = [
            order
            for order in market.orders
            if order.status == "open"
            and order.account_id == command.account_id
            and command.side in (None, order.side)
        ]
        for order in sorted(mine, key=lambda order: order.order_id):
            close(order, "cancelled", "requested", outcome.log)
        return outcome

    def expire(self, command: Expire) -> Outcome:
        market, outcome = self.market(command.market_id), Outcome()
        due = [
            (order.expires, order.order_id, order)
            for order in market.orders
            if order.status == "open" and order.expires and order.expires <= command.time_us
        ]
        for _, _, order in sorted(due, key=lambda entry: entry[:2])[:EXPIRIES]:
            close(order, "expired", "time_over", outcome.log)
        return outcome

    def configure(self, command: ConfigureMarket) -> Outcome:
        new = command.rules
        market, outcome = self.markets.get(new.market_id), Outcome()
        if market is not None:
            check_listed(market)
        if command.phase == "delisted":
            raise RefusedError("phase_not_possible")
        if market is None:
            self.markets[new.market_id] = NaiveMarket(new, command.phase)
            outcome.log.append(("phase", command.phase, None))
            return outcome
        old = market.rules
        same_scale = (new.base_id, new.quote_id, new.lot_units, new.tick_lot_units) == (
            old.base_id,
            old.quote_id,
            old.lot_units,
            old.tick_lot_units,
        )
        if not same_scale:
            if market.phase != "halted" or any(o.status == "open" for o in market.orders):
                raise RefusedError("rules_not_changeable")
            market.last_price = market.static_price = None
        market.rules = new
        ends = market.auction_ends if market.phase == command.phase else None
        self.change_phase(market, command.phase, ends, outcome)
        return outcome

    def set_protection(self, command: SetProtection | ResetProtection) -> Outcome:
        protections, account_id = self.market(command.market_id).protections, command.account_id
        if isinstance(command, ResetProtection):
            if account_id in protections:
                protections[account_id] = replace(protections[account_id], fills=[], tripped=False)
        elif command.fills_max is None and command.lots_max is None:
            protections.pop(account_id, None)
        else:
            protections[account_id] = NaiveProtection(
                command.fills_max, command.lots_max, command.window_us
            )
        return Outcome()

    def change_phase(
        self, market: NaiveMarket, phase: str, ends: int | None, outcome: Outcome
    ) -> None:
        is_end = phase in ("closed", "delisted")
        if phase in ("continuous", "post_only") or (market.phase == "auction" and is_end):
            uncross(market, outcome.log)
        market.phase = phase
        market.auction_ends = ends if phase == "auction" else None
        outcome.log.append(("phase", phase, market.auction_ends))
        self.end_closed(market, outcome)

    def end_closed(self, market: NaiveMarket, outcome: Outcome) -> None:
        cancels = market.phase == "closed" and market.rules.cancels_on_close
        if cancels or market.phase == "delisted":
            every = [*market.resting("buy"), *market.resting("sell"), *market.waiting()]
            for order in every[:EXPIRIES]:
                close(order, "cancelled", "market_closed", outcome.log)

    # --- placing ------------------------------------------------------------------------------

    def place(self, command: Place) -> Outcome:
        market = self.market(command.market_id)
        order = self.accept(market, command, 0)
        if order.asked.trigger:
            return self.let_wait(market, order)
        needed = self.needed(market, order)
        self.check_funds(market, order, needed)
        outcome = Outcome(order=order, more_held=needed)
        self.enter(market, order, outcome)
        return outcome

    def enter(self, market: NaiveMarket, order: NaiveOrder, outcome: Outcome) -> None:
        if order.time_in_force == "fok" and not would_fill(market, order):
            close(order, "expired", "fok_unfillable", outcome.log)
            market.orders.append(order)
        else:
            self.meet(market, order, outcome)
        follow(market, outcome.log)

    def place_list(self, command: PlaceList) -> Outcome:
        market, outcome = self.market(command.market_id), Outcome()
        orders = []
        for leg in command.legs:
            place = Place(
                command.market_id,
                command.account_id,
                leg.order_id,
                leg.terms,
                leg.price_ticks,
                leg.quantity_lots,
                command.maker_ppm,
                command.taker_ppm,
                command.available_units,
                command.time_us,
                command.owner_id,
            )
            orders.append(self.accept(market, place, len(orders)))
        self.check_list(orders)
        check_lists(market, command.account_id)
        pair = orders if orders[0].asked.leg == "one" else orders[1:]
        follows = pair is not orders and pair[0].side != orders[0].side
        holds = [0 if follows else max(map(market.need, pair)) * (o is holder(pair)) for o in pair]
        if pair is not orders:
            first = orders[0]
            waits = first.asked.trigger
            holds.insert(0, market.need(first) if waits else self.needed(market, first))
        self.check_funds(market, orders[0], sum(holds))
        outcome.placed = [(o.order_id, held) for o, held in zip(orders, holds, strict=True)]
        entering = None
        for order in orders:
            if order.asked.leg == "pending":
                order.waits = "other"
            elif order.asked.trigger:
                self.wait(market, order)
            else:
                entering = order
                continue
            market.orders.append(order)
        if entering is not None:
            self.enter(market, entering, outcome)
        return outcome

    def check_list(self, orders: list[NaiveOrder]) -> None:
        legs = [order.asked.leg for order in orders]
        names = [order.client_order_id for order in orders if order.client_order_id]
        pair = orders if legs[0] == "one" else orders[1:]
        if (
            legs not in (["one"] * 2, ["working", "pending"], ["working", "pending", "pending"])
            or len({order.asked.list_id for order in orders}) > 1
            or None in [order.quantity for order in orders]
        ):
            raise RefusedError("list_not_possible")
        if len(names) != len(set(names)):
            raise RefusedError("duplicate_client_order_id")
        if len(pair) == 2 and (
            len({(order.side, order.quantity) for order in pair}) > 1
            or not any(order.asked.trigger for order in pair)
        ):
            raise RefusedError("list_not_possible")

    def accept(self, market: NaiveMarket, command: Place, ahead: int) -> NaiveOrder:
        """The order as it is accepted, but for its funds."""
        terms, asked = command.terms, command.terms.conditions
        check_phase(market, new_order(command))
        check_protection(market, new_order(command))
        if terms.order_type == "limit":
            check_limit(market, command.price_ticks, command.quantity_lots)
            about = market.last_price if asked.trigger is None else asked.trigger_ticks
            check_band(market, command.price_ticks, about)
        else:
            check_market_order(market, command.quantity_lots, terms.budget_units)
        check_name(market, command)
        order = new_order(command)
        if order.may_rest or asked.trigger:
            check_open_orders(market, command.account_id, ahead)
        check_conditions(market, order, command.time_us)
        if order.time_in_force == "day":
            order.expires = (command.time_us // DAY_US + 1) * DAY_US
        follows = asked.leg == "pending"
        if (
            (asked.trigger or follows)
            and order.is_market
            and order.side == "buy"
            and order.quantity is not None
        ):
            self.protect(market, order)
        if asked.trigger and not follows:
            self.wait(market.copy(), replace(order))  # may it?
        elif order.post_only and asked.slides:
            order.price = market.slid(order.side, order.price) if not follows else order.price
        elif order.post_only and not follows and market.crosses(order.side, order.price):
            raise RefusedError("post_only_would_cross")
        return order

    def needed(self, market: NaiveMarket, order: NaiveOrder) -> int:
        rules = market.rules
        if order.side == "sell":
            lots = would_sell(market, order) if order.quantity is None else order.quantity
            return lots * rules.lot_units
        if order.budget is not None:
            return order.budget
        if order.is_market:
            return would_cost(market, order)
        return order.price * order.quantity * rules.tick_lot_units

    def let_wait(self, market: NaiveMarket, order: NaiveOrder) -> Outcome:
        seen = [(other, other.mark) for other in market.waiting()]
        self.wait(market, order)
        try:
            self.check_funds(market, order, market.held(order))
        except RefusedError:
            for other, mark in seen:  # who trails has seen no price of an order that is refused
                other.mark = mark
            raise
        market.orders.append(order)
        return Outcome(order=order, more_held=market.held(order))

    def wait(self, market: NaiveMarket, order: NaiveOrder) -> None:
        price = market.reference(order.looks_at)
        if not is_trailing(order):
            if is_reached(price, order.trigger, order.fires_on):
                raise RefusedError("would_trigger_at_once")
            order.waits = order.fires_on
        elif price is None:
            raise RefusedError("no_reference_price")
        elif order.asked.activation_ticks in (None, price):
            begin_trailing(market, order, price)
        else:
            order.waits = "rise" if price < order.asked.activation_ticks else "fall"

    def protect(self, market: NaiveMarket, order: NaiveOrder) -> None:
        """Give a market order to buy that waits its worst price."""
        if order.protection is not None:
            return
        about = order.trigger
        if is_trailing(order):
            about = order.asked.activation_ticks or market.reference(order.looks_at)
            if about is not None and order.fires_on == "rise":
                about = replace(order, mark=about).turn()
        if about is None:
            raise RefusedError("no_reference_price" if is_trailing(order) else "list_not_possible")
        above = -(-about * market.rules.protection_ppm // 1_000_000)
        order.protection = min(about + above, market.rules.max_price_ticks)


def market_of(command: Command) -> int:
    return command.rules.market_id if isinstance(command, ConfigureMarket) else command.market_id
