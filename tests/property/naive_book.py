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
    Expire,
    Place,
    PlaceList,
    SetPhase,
)
from matching.engine.orders import Conditions
from tests.property.naive_fees import naive_fees
from tests.property.naive_matching import (
    awaited,
    close,
    end,
    follow,
    is_reached,
    is_trailing,
    match,
    would_cost,
    would_fill,
    would_sell,
)
from tests.property.naive_orders import (
    NaiveMarket,
    NaiveOrder,
    NaiveTrade,
    Outcome,
    RefusedError,
    holder,
)

DAY_US = 24 * 60 * 60 * 1_000_000
EXPIRIES = 200


class NaiveExchange:
    """Markets and what each account owns in all, locked or not."""

    def __init__(self) -> None:
        self.markets: dict[int, NaiveMarket] = {}
        self.owned: dict[tuple[int, int], int] = {}
        self.fees: dict[int, int] = {}

    def credit(self, account_id: int, asset_id: int, units: int) -> None:
        self.owned[account_id, asset_id] = self.owned.get((account_id, asset_id), 0) + units

    def locked(self) -> dict[tuple[int, int], int]:
        """What the open orders of each account keep locked of each asset."""
        locked: dict[tuple[int, int], int] = {}
        for market in self.markets.values():
            for order in market.orders:
                if order.status == "open":
                    buys = order.side == "buy"
                    asset_id = market.rules.quote_id if buys else market.rules.base_id
                    key = order.account_id, asset_id
                    locked[key] = locked.get(key, 0) + market.held(order)
        return locked

    def available(self, account_id: int, asset_id: int) -> int:
        key = account_id, asset_id
        return self.owned.get(key, 0) - self.locked().get(key, 0)

    # --- commands -----------------------------------------------------------------------------

    def apply(self, command: Command) -> Outcome:
        """Apply a command; a refusal changes nothing."""
        for market in self.markets.values():
            market.orders = [order for order in market.orders if order.status == "open"]
        try:
            outcome = self._apply(command)
        except RefusedError as refusal:
            return Outcome(refusal=str(refusal))
        for index, entry in enumerate(outcome.log):
            if entry[0] == "trade":
                outcome.log[index] = self.pay(self.market(market_of(command)), outcome.log, entry)
        return outcome

    def _apply(self, command: Command) -> Outcome:
        match command:
            case Place():
                return self.place(command)
            case PlaceList():
                return self.place_list(command)
            case Amend():
                return self.amend(command)
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
            case ConfigureMarket():
                outcome = self.configure(command)
            case SetPhase():
                self.market(command.market_id).phase = command.phase
                outcome = Outcome()
            case _:
                raise TypeError(command)
        follow(self.markets[market_of(command)], outcome.log)
        return outcome

    def market(self, market_id: int) -> NaiveMarket:
        if market_id not in self.markets:
            raise RefusedError("market_not_found")
        return self.markets[market_id]

    def find(self, command: Cancel | Amend) -> NaiveOrder:
        market = self.markets.get(command.market_id)
        for order in market.orders if market else []:
            if (
                order.order_id == command.order_id
                and order.account_id == command.account_id
                and order.status == "open"
            ):
                return order
        raise RefusedError("order_not_open")

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
        market = self.markets.get(new.market_id)
        if market is None:
            self.markets[new.market_id] = NaiveMarket(new, command.phase)
            return Outcome()
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
            market.last_price = None
        market.rules, market.phase = new, command.phase
        return Outcome()

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
        else:
            end(market, order, match(market, order, outcome.log), outcome.log)
        market.orders.append(order)
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
        self.check_phase(market, terms.post_only)
        if terms.order_type == "limit":
            self.check_limit(market, command.price_ticks, command.quantity_lots)
            about = market.last_price if asked.trigger is None else asked.trigger_ticks
            self.check_band(market, command.price_ticks, about)
        else:
            self.check_market_order(market, command.quantity_lots, terms.budget_units)
        self.check_name(market, command)
        order = new_order(command)
        if order.may_rest or asked.trigger:
            self.check_open_orders(market, command.account_id, ahead)
        self.check_conditions(market, order, command.time_us)
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
            self.wait(market, replace(order))  # may it?
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

    def check_funds(self, market: NaiveMarket, order: NaiveOrder, more: int) -> None:
        rules = market.rules
        asset_id = rules.quote_id if order.side == "buy" else rules.base_id
        if more > 0 and self.available(order.account_id, asset_id) < more:
            raise RefusedError("insufficient_balance")

    def let_wait(self, market: NaiveMarket, order: NaiveOrder) -> Outcome:
        self.wait(market, order)
        self.check_funds(market, order, market.held(order))
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
            order.waits, order.mark = "trail", price
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
            raise RefusedError("no_reference_price")
        above = -(-about * market.rules.protection_ppm // 1_000_000)
        order.protection = min(about + above, market.rules.max_price_ticks)

    # --- amending -----------------------------------------------------------------------------

    def amend(self, command: Amend) -> Outcome:
        order = self.find(command)
        market = self.markets[command.market_id]
        if market.others(order):
            raise RefusedError("order_in_list")
        self.check_phase(market, order.post_only)
        price = command.price_ticks if command.price_ticks is not None else order.price
        quantity = command.quantity_lots if command.quantity_lots is not None else order.quantity
        if order.waits:
            return self.amend_waiting(market, order, command, price, quantity)
        if (price, quantity) == (order.price, order.quantity):
            raise RefusedError("nothing_to_amend")
        self.check_limit(market, price, quantity)
        if price != order.price:
            self.check_band(market, price, market.last_price)
        self.check_total(market, order, quantity)
        if order.post_only and market.crosses(order.side, price):
            raise RefusedError("post_only_would_cross")
        if command.trigger_ticks is not None:
            raise RefusedError("not_triggerable")
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
            end(market, order, match(market, order, outcome.log), outcome.log)
            market.orders.append(order)
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
            self.check_price(market, trigger)
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
            self.check_market_order(market, quantity, order.budget)
        else:
            self.check_limit(market, price, quantity)
            self.check_band(market, price, trigger)
        if quantity is not None:
            self.check_total(market, order, quantity)
        before = order.trigger, order.protection, order.price, order.quantity
        held_before = market.held(order)
        order.trigger, order.protection, order.price, order.quantity = asks
        more_held = market.held(order) - held_before
        order.trigger, order.protection, order.price, order.quantity = before
        self.check_funds(market, order, more_held)
        order.trigger, order.protection, order.price, order.quantity = asks
        return Outcome(order=order, more_held=more_held)

    # --- rules --------------------------------------------------------------------------------

    def check_phase(self, market: NaiveMarket, post_only: bool) -> None:
        if market.phase == "post_only" and not post_only:
            raise RefusedError("market_post_only")
        if market.phase not in ("continuous", "post_only"):
            raise RefusedError("market_halted")

    def check_price(self, market: NaiveMarket, price: int | None) -> None:
        if price not in range(1, market.rules.max_price_ticks + 1):
            raise RefusedError("price_out_of_range")

    def check_limit(self, market: NaiveMarket, price: int, quantity: int) -> None:
        self.check_price(market, price)
        if quantity not in range(1, market.rules.max_quantity_lots + 1):
            raise RefusedError("quantity_out_of_range")
        self.check_amount(market, price * quantity * market.rules.tick_lot_units)

    def check_market_order(
        self, market: NaiveMarket, quantity: int | None, budget: int | None
    ) -> None:
        if quantity is None:
            self.check_amount(market, budget)
        elif not 1 <= quantity <= market.rules.max_quantity_lots:
            raise RefusedError("quantity_out_of_range")

    def check_amount(self, market: NaiveMarket, units: int) -> None:
        if units < market.rules.min_notional_units or units <= 0:
            raise RefusedError("notional_too_small")
        if units > market.rules.max_notional_units:
            raise RefusedError("notional_too_large")

    def check_name(self, market: NaiveMarket, command: Place) -> None:
        for other in market.orders:
            if (
                other.status == "open"
                and other.account_id == command.account_id
                and command.terms.client_order_id is not None
                and other.client_order_id == command.terms.client_order_id
            ):
                raise RefusedError("duplicate_client_order_id")

    def check_open_orders(self, market: NaiveMarket, account_id: int, ahead: int) -> None:
        limit = market.rules.max_open_orders
        statuses = [order.status for order in market.orders if order.account_id == account_id]
        if limit is not None and statuses.count("open") + ahead >= limit:
            raise RefusedError("too_many_open_orders")

    def check_band(self, market: NaiveMarket, price: int, about: int | None) -> None:
        band = market.rules.band_ppm
        if band is None or about is None:
            return
        if price * 1_000_000 > about * (1_000_000 + band) or price * 1_000_000 < about * (
            1_000_000 - band
        ):
            raise RefusedError("price_band")

    def check_total(self, market: NaiveMarket, order: NaiveOrder, quantity: int) -> None:
        if quantity <= order.filled + order.prevented:
            raise RefusedError("quantity_out_of_range")
        self.check_display(market, order.asked, quantity)

    def check_display(self, market: NaiveMarket, asked: Conditions, quantity: int | None) -> None:
        display = asked.display_lots
        if display is not None and (
            display < 1 or (quantity or 0) > market.rules.max_iceberg_parts * display
        ):
            raise RefusedError("display_quantity")

    def check_conditions(self, market: NaiveMarket, order: NaiveOrder, time_us: int) -> None:
        asked, rules = order.asked, market.rules
        if asked.self_trade is not None and asked.self_trade not in rules.self_trade_modes:
            raise RefusedError("self_trade_mode")
        if order.expires is not None and order.expires <= time_us:
            raise RefusedError("expiry_passed")
        self.check_display(market, asked, order.quantity)
        if order.protection is not None:
            self.check_price(market, order.protection)
        if asked.trigger:
            self.check_trigger(market, order)

    def check_trigger(self, market: NaiveMarket, order: NaiveOrder) -> None:
        asked, rules = order.asked, market.rules
        if order.side == "sell" and order.quantity is None:
            raise RefusedError("not_triggerable")
        for price in (asked.trigger_ticks, asked.activation_ticks):
            if price is not None:
                self.check_price(market, price)
        waiting = [o for o in market.waiting() if o.account_id == order.account_id]
        if rules.max_trigger_orders is not None and len(waiting) >= rules.max_trigger_orders:
            raise RefusedError("too_many_trigger_orders")
        ticks, bps = asked.trail_ticks, asked.trail_bps
        if ticks is not None and not 1 <= ticks <= rules.max_price_ticks:
            raise RefusedError("trail_out_of_range")
        if bps is not None and not rules.min_trail_bps <= bps <= rules.max_trail_bps:
            raise RefusedError("trail_out_of_range")

    # --- paying -------------------------------------------------------------------------------

    def pay(self, market: NaiveMarket, log: list, entry: tuple) -> tuple[str, NaiveTrade]:
        """Move the money of a trade, and return it as the rules describe it."""
        _, sequence, maker, taker, price, lots, _ = entry
        rules = market.rules
        base = lots * rules.lot_units
        quote = lots * rules.tick_lot_units * price
        buyer_fee, seller_fee, rebate = naive_fees(maker, taker, base, quote)
        rebated = rules.base_id if taker.side == "buy" else rules.quote_id
        self.credit(maker.account_id, rebated, rebate)
        self.fees[rebated] = self.fees.get(rebated, 0) - rebate
        buyer, seller = (taker, maker) if taker.side == "buy" else (maker, taker)
        self.credit(buyer.account_id, rules.base_id, base - buyer_fee)
        self.credit(buyer.account_id, rules.quote_id, -quote)
        self.credit(seller.account_id, rules.quote_id, quote - seller_fee)
        self.credit(seller.account_id, rules.base_id, -base)
        self.fees[rules.base_id] = self.fees.get(rules.base_id, 0) + buyer_fee
        self.fees[rules.quote_id] = self.fees.get(rules.quote_id, 0) + seller_fee
        run = [
            trade.sequence
            for word, trade, *_ in log
            if word == "trade"
            and isinstance(trade, NaiveTrade)
            and (trade.taker_id, trade.price) == (taker.order_id, price)
        ]
        return (
            "trade",
            NaiveTrade(
                sequence,
                run[0] if run else sequence,
                maker.order_id,
                taker.order_id,
                price,
                lots,
                buyer_fee,
                seller_fee,
                rebate,
            ),
        )


def new_order(command: Place) -> NaiveOrder:
    terms = command.terms
    return NaiveOrder(
        command.order_id,
        command.account_id,
        terms.client_order_id,
        terms.side,
        terms.order_type == "market",
        terms.time_in_force,
        terms.post_only,
        command.price_ticks,
        command.quantity_lots,
        terms.budget_units,
        command.maker_ppm,
        command.taker_ppm,
        command.owner_id,
        terms.conditions,
        trigger=terms.conditions.trigger_ticks,
        protection=terms.conditions.protection_ticks,
        expires=terms.conditions.expires_us,
    )


def market_of(command: Command) -> int:
    return command.rules.market_id if isinstance(command, ConfigureMarket) else command.market_id
