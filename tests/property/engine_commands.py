"""Random commands for the engine's trials, made up from what is open and owned at the time."""

from collections.abc import Callable
from random import Random

import msgspec

from matching.engine.commands import (
    Amend,
    Cancel,
    CancelAll,
    Command,
    ConfigureMarket,
    Continue,
    EndAuction,
    Expire,
    ListLeg,
    Place,
    PlaceList,
    ResetProtection,
    SetPhase,
    SetProtection,
)
from matching.engine.orders import UNCONDITIONAL, Conditions, OrderTerms
from matching.engine.rules import SELF_TRADE_MODES, IntegerRules
from tests.property.engine_replacements import make_replace
from tests.property.naive_book import NaiveExchange

PAIRS = {1: (1, 3), 2: (2, 3), 3: (2, 1)}  # market -> base, quote: all share assets


class CommandMaker:
    """Makes commands that mostly do something; few prices, so that much crosses."""

    def __init__(
        self,
        random: Random,
        naive: NaiveExchange,
        available: dict[tuple[int, int], int],
        accounts: list[int],
    ) -> None:
        self.random = random
        self.naive = naive
        self.available = available
        self.accounts = accounts
        self.time_us = 1_000_000
        self.next_id = 100
        self.spare_ids: list[int] = []
        self.recent_ids: list[tuple[int, int, int]] = []  # market, account, order

    def rules(self, market_id: int) -> IntegerRules:
        pick = self.random.choice
        base_id, quote_id = PAIRS[market_id]
        return IntegerRules(
            market_id,
            base_id,
            quote_id,
            lot_units=pick((1, 3, 10)),
            tick_lot_units=pick((1, 2, 5)),
            min_notional_units=pick((0, 0, 30, 100)),
            max_notional_units=pick((100_000, 100_000, 100_000, 8_000)),
            max_price_ticks=pick((1_000, 106)),
            max_quantity_lots=pick((1_000, 1_000, 12)),
            band_ppm=pick((None, None, None, 45_678, 60_000)),
            self_trade_scope=pick(("owner", "owner", "account")),
            max_open_orders=pick((None, None, 6, 20)),
            self_trade_mode=pick(("taker", "taker", "maker", "both", "decrement", "transfer")),
            self_trade_modes=pick((SELF_TRADE_MODES,) * 3 + (SELF_TRADE_MODES[1:],)),
            max_trigger_orders=pick((None, None, 8, 2)),
            max_iceberg_parts=pick((100, 100, 5)),
            protection_ppm=pick((50_000, 0, 13_333)),
            min_trail_bps=pick((10, 150)),
            max_trail_bps=pick((2_000, 400)),
            dynamic_collar_ppm=pick((None, None, 30_000, 50_000)),
            static_collar_ppm=pick((None, None, 60_000)),
            interruption_s=pick((1, 2)),
            auction_ppm=pick((None, 0, 1_500, 20_000)),
            cancels_on_close=pick((False, True)),
            max_order_lists=pick((None, None, None, 1, 0)),
        )

    def command(self) -> Command:
        self.time_us += self.random.randint(0, 50)
        if self.random.random() < 0.15 and (resume := self.resume()):
            return resume
        make: Callable[[], Command] = self.random.choices(
            (
                *(self.place, self.cancel, self.amend, self.cancel_all),
                *(self.phase, self.configure, self.due, self.place_list, self.protect),
                self.replace,
            ),
            (580, 80, 150, 5, 10, 5, 30, 60, 15, 80),
        )[0]
        return make()

    def new_id(self) -> int:
        """Mostly rising; now and then one that was left out before, to try that priority rules."""
        if self.spare_ids and self.random.random() < 0.05:
            return self.spare_ids.pop()
        self.next_id += 1
        if self.random.random() < 0.1:
            self.spare_ids.append(self.next_id)
            self.next_id += 1
        return self.next_id

    def price(self) -> int:
        if self.random.random() < 0.02:
            return self.random.choice((0, -1, 2_000, 1, 80))
        return round(self.random.triangular(94, 107, 100))

    def quantity(self) -> int:
        return self.random.choice(
            (1, 1, 2, 3, 5, 8, 12, 20, 0 if self.random.random() < 0.1 else 4)
        )

    def available_units(self, market_id: int, account_id: int, side: str) -> int:
        market = self.naive.markets.get(market_id)
        base_id, quote_id = PAIRS[market_id] if market else (1, 1)
        return self.available[account_id, quote_id if side == "buy" else base_id]

    def place(self) -> Command:
        pick = self.random.choice
        market_id = pick((1, 1, 1, 2, 3)) if self.random.random() > 0.01 else 9
        account_id = pick(self.accounts)
        side = pick(("buy", "sell"))
        order_type, time_in_force, post_only = pick(
            (("limit", "gtc", False),) * 6
            + (("limit", "ioc", False), ("limit", "fok", False), ("limit", "gtc", True))
            + (("market", "ioc", False),) * 3
            + (("market", "fok", False),)
        )
        quantity, budget, price = self.quantity(), None, self.price()
        if self.random.random() < 0.5:  # else too little would rest
            price += -3 if side == "buy" else 3
        if order_type == "market":
            price = None
            if time_in_force == "ioc" and self.random.random() < 0.6:
                quantity, budget = None, pick((1, 250, 700, 1_234, 2_500, 4_000, 30_000))
        conditions = UNCONDITIONAL
        if self.random.random() < 0.5:
            conditions, time_in_force = self.conditions(order_type, time_in_force, budget, side)
        order_id = self.new_id()
        self.recent_ids = [*self.recent_ids[-40:], (market_id, account_id, order_id)]
        return Place(
            market_id,
            account_id,
            order_id,
            OrderTerms(
                budget,
                side,
                order_type,
                time_in_force,
                post_only,
                pick((None, None, None, None, None, "a", "b", "c", "d", "ü|'\n")),
                conditions,
            ),
            price,
            quantity,
            maker_ppm=pick((0, 1_000, 1_000, 50_000, -900)),
            taker_ppm=pick((0, 2_000, 2_000, 33_333)) if self.random.random() < 0.99 else 2_000_000,
            available_units=self.available_units(market_id, account_id, side),
            time_us=self.time_us,
            owner_id=self.owner_of(account_id),
        )

    def conditions(
        self, order_type: str, time_in_force: str, budget: int | None, side: str
    ) -> tuple[Conditions, str]:
        """A few conditions at a time, and the time in force that goes with them."""
        pick = self.random.choice
        asked: dict[str, object] = {}
        if self.random.random() < 0.5:
            asked["self_trade"] = pick(SELF_TRADE_MODES)
        if time_in_force == "gtc" and self.random.random() < 0.3:
            time_in_force = pick(("gtd", "gtd", "day"))
            if time_in_force == "gtd":
                asked["expires_us"] = self.time_us + pick((0, 40, 500, 3_000, 10**9))
        if order_type == "market":
            if self.random.random() < 0.3:
                asked["protection_ticks"] = self.price()
        elif self.random.random() < 0.3:
            asked["display_lots"] = pick((1, 1, 2, 3, 7))
        if self.random.random() < 0.4:
            asked["slides"] = True
        if self.random.random() < 0.5:
            asked |= self.trigger(budget, side)
        return Conditions(**asked), time_in_force

    def trigger(self, budget: int | None, side: str) -> dict[str, object]:
        """A price to wait for, or a distance to trail by."""
        pick = self.random.choice
        asked: dict[str, object] = {
            "trigger": pick(("stop", "stop", "take_profit")),
            "trigger_by": pick(("last", "last", "opposite")),
        }
        if self.random.random() < 0.6:
            # Mostly on the side where it is not reached yet.
            rises = (asked["trigger"] == "stop") == (side == "buy")
            asked["trigger_ticks"] = self.price() + pick((0, 2, 5)) * (1 if rises else -1)
        else:
            if self.random.random() < 0.5:
                asked["trail_ticks"] = pick((1, 1, 2, 3, 5, 2_000))
            else:
                asked["trail_bps"] = pick((10, 100, 150, 333, 500, 2_001))
            if self.random.random() < 0.4:
                asked["activation_ticks"] = self.price()
        return asked

    def place_list(self) -> Command:
        """Two of one is to trade, or one that others follow; now and then what makes no list."""
        pick, list_id = self.random.choice, self.new_id()
        first = self.place()
        side = pick(("buy", "sell"))
        other_side = "sell" if side == "buy" else "buy"
        quantity = self.quantity()
        kind = pick(("oco", "oto", "otoco"))
        legs = []
        if kind != "oco":
            follows = other_side if self.random.random() < 0.8 else side
            legs.append(self.leg("working", list_id, side, quantity, waits=0.1))
            side = follows
            if self.random.random() < 0.3:
                quantity = self.quantity()
        role = "one" if kind == "oco" else "pending"
        if kind != "oto":
            legs.append(self.leg(role, list_id, side, quantity, waits=0.3, kind="take_profit"))
            if self.random.random() < 0.05:
                quantity += 1
        legs.append(self.leg(role, list_id, side, quantity, waits=0.95))
        market_id, account_id = first.market_id, first.account_id
        self.recent_ids += [(market_id, account_id, leg.order_id) for leg in legs]
        return PlaceList(
            market_id,
            account_id,
            tuple(legs),
            first.maker_ppm,
            first.taker_ppm,
            self.available_units(market_id, account_id, legs[0].terms.side),
            self.time_us,
            first.owner_id,
        )

    def leg(
        self,
        role: str,
        list_id: int,
        side: str,
        quantity: int,
        *,
        waits: float,
        kind: str = "stop",
    ) -> ListLeg:
        pick = self.random.choice
        asked: dict[str, object] = {"leg": role, "list_id": list_id}
        price: int | None = self.price()
        if self.random.random() < waits:
            asked |= self.trigger(None, side)
            if self.random.random() < 0.8:
                asked["trigger"] = kind
            if self.random.random() < 0.6:
                price = None
        else:
            # Rather not at once.
            price += pick((0, 1, 3)) * (-1 if side == "buy" else 1)
        if price is None and self.random.random() < 0.2:
            asked["protection_ticks"] = self.price()
        if self.random.random() < 0.2:
            asked["self_trade"] = pick(SELF_TRADE_MODES)
        if price is not None and self.random.random() < 0.2:
            asked["display_lots"] = pick((1, 2, 3))
        time_in_force = "ioc" if price is None else pick(("gtc",) * 6 + ("gtd", "ioc", "fok"))
        if time_in_force == "gtd":
            asked["expires_us"] = self.time_us + pick((40, 500, 3_000))
        post_only = time_in_force == "gtc" and self.random.random() < 0.2
        name = pick((None, None, None, "a", "b", "e"))
        terms = OrderTerms(
            None,
            side,
            "market" if price is None else "limit",
            time_in_force,
            post_only,
            name,
            Conditions(**asked),
        )
        return ListLeg(self.new_id(), terms, price, quantity)

    def protect(self) -> Command:
        pick = self.random.choice
        market_id, account_id = pick((1, 1, 2, 3, 9)), pick(self.accounts)
        if self.random.random() < 0.6:
            return ResetProtection(market_id, account_id, self.time_us)
        fills_max, lots_max = pick((None, 1, 3)), pick((None, 4, 30))
        window_us = pick((50, 1_000, 100_000))
        return SetProtection(market_id, account_id, fills_max, lots_max, window_us, self.time_us)

    def due(self) -> Command:
        market_id = self.random.choice((1, 1, 2, 3, 9))
        kind = self.random.choice((Expire, Expire, Continue, EndAuction))
        if kind is EndAuction:
            market = self.naive.markets.get(market_id)
            due_us = market.auction_ends if market else None
            return EndAuction(market_id, due_us or self.time_us, self.time_us)
        if kind is Continue:
            return Continue(market_id, self.time_us, self.random.choice((None, 1, 2, 70)))
        return kind(market_id, self.time_us)

    def owner_of(self, account_id: int) -> int:
        """Two accounts to an owner; sometimes not known, as in journals of former versions."""
        return 0 if self.random.random() < 0.1 else account_id // 2

    def target(self) -> tuple[int, int, int]:
        """An order to cancel or amend: mostly open, sometimes gone, sometimes someone else's."""
        open_orders = [
            (market_id, order.account_id, order.order_id)
            for market_id, market in self.naive.markets.items()
            for order in market.orders
            if order.status == "open"
        ]
        if open_orders and self.random.random() < 0.9:
            market_id, account_id, order_id = self.random.choice(open_orders)
        else:
            market_id, account_id, order_id = self.random.choice([*self.recent_ids, (1, 11, 1)])
        if self.random.random() < 0.05:
            account_id = self.random.choice(self.accounts)
        if self.random.random() < 0.03:
            market_id = self.random.choice((1, 2, 3, 9))
        return market_id, account_id, order_id

    def cancel(self) -> Command:
        return Cancel(*self.target(), time_us=self.time_us)

    def replace(self) -> Command:
        return make_replace(self)

    def cancel_all(self) -> Command:
        pick = self.random.choice
        market_id = pick((1, 1, 2, 3, 9))
        return CancelAll(market_id, pick(self.accounts), pick((None, "buy", "sell")), self.time_us)

    def amend(self) -> Command:
        market_id, account_id, order_id = self.target()
        market = self.naive.markets.get(market_id)
        sides = [o.side for o in market.orders if o.order_id == order_id] if market else []
        side = sides[0] if sides else "buy"
        price = self.price() if self.random.random() < 0.6 else None
        quantity = self.quantity() if price is None or self.random.random() < 0.5 else None
        if self.random.random() < 0.05:
            quantity = None
        if market_id not in PAIRS or account_id not in self.accounts:
            available_units = 0
        else:
            available_units = self.available_units(market_id, account_id, side)
        return Amend(
            market_id,
            account_id,
            order_id,
            price,
            quantity,
            self.new_id(),
            available_units,
            self.time_us,
            self.price() if self.random.random() < 0.2 else None,
        )

    def phase(self) -> Command:
        phases = ("continuous", "halted", "post_only", "cancel_only", "pre_open", "auction")
        market_id = self.random.choice((1, 1, 2, 3, 9))
        phase = self.random.choice((*phases, "auction", "auction", "auction", "closed"))
        cause = self.random.choice(("operator", "operator", "clock", "system", "market"))
        if market_id == 3 and self.random.random() < 0.2:
            phase = "delisted"  # by the clock alone
        ends_us = self.time_us + 500 if self.random.random() < 0.3 else None
        return SetPhase(market_id, phase, self.time_us, cause, ends_us)

    def resume(self) -> Command | None:
        """Bring a market back to trading; most of what is to be seen happens there."""
        for market_id, market in self.naive.markets.items():
            if market.phase == "auction" and self.random.random() < 0.8:
                continue  # so that orders gather
            if market.phase not in ("continuous", "delisted"):
                return SetPhase(market_id, "continuous", self.time_us)
        return None

    def configure(self) -> Command:
        market_id = self.random.choice(tuple(PAIRS))
        rules = self.rules(market_id)
        if self.random.random() < 0.5:
            old = self.naive.markets[market_id].rules
            rules = msgspec.structs.replace(
                rules, lot_units=old.lot_units, tick_lot_units=old.tick_lot_units
            )
        phase = self.random.choice(("continuous",) * 10 + ("halted", "auction") * 5 + ("delisted",))
        return ConfigureMarket(rules, phase, self.time_us)
