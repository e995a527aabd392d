"""A deliberately naive exchange, written from docs/matching.md, to judge the engine by.

It shares nothing with the engine but the commands: all orders in one plain list, sorted anew for
every question; matching one lot at a time; no stored holds (what is locked is added up from the
open orders) and no undo. Slow and easy to believe.
"""

from dataclasses import dataclass, field

from matching.engine.commands import (
    Amend,
    Cancel,
    CancelAll,
    Command,
    ConfigureMarket,
    Place,
    SetPhase,
)
from matching.engine.rules import IntegerRules
from tests.property.naive_fees import affordable, naive_fees


@dataclass(eq=False)
class NaiveOrder:
    """An order; only what cannot be worked out from something else."""

    order_id: int
    account_id: int
    client_order_id: str | None
    side: str
    is_market: bool
    time_in_force: str
    post_only: bool
    price: int | None
    quantity: int | None
    budget: int | None
    maker_ppm: int
    taker_ppm: int
    priority: int
    owner_id: int = 0
    filled: int = 0
    spent: int = 0
    status: str = "open"
    reason: str = ""

    @property
    def remaining(self) -> int:
        """Lots still wanted (orders by quantity)."""
        assert self.quantity is not None
        return self.quantity - self.filled


@dataclass(frozen=True)
class NaiveTrade:
    """A trade as the rules describe it."""

    sequence: int
    run_sequence: int
    maker_id: int
    taker_id: int
    price: int
    lots: int
    buyer_fee: int
    seller_fee: int
    rebate: int


@dataclass
class Outcome:
    """What a command came to."""

    refusal: str = ""
    trades: list[NaiveTrade] = field(default_factory=list)
    order: NaiveOrder | None = None
    cancelled: list[int] = field(default_factory=list)
    more_held: int = 0  # units that the order locks before it trades


class RefusedError(Exception):
    """A rule says no."""


class NaiveMarket:
    """The rules, the last price, the number of trades and the orders, in no special order."""

    def __init__(self, rules: IntegerRules, phase: str) -> None:
        self.rules = rules
        self.phase = phase
        self.last_price: int | None = None
        self.trade_count = 0
        self.orders: list[NaiveOrder] = []

    def open(self, side: str) -> list[NaiveOrder]:
        """The side's open orders: best price first, then oldest."""
        mine = [order for order in self.orders if order.status == "open" and order.side == side]
        worst_first = -1 if side == "buy" else 1
        return sorted(mine, key=lambda order: (worst_first * order.price, order.priority))

    def depth(self, side: str) -> list[tuple[int, int]]:
        """(price, lots) best first."""
        levels: dict[int, int] = {}
        for order in self.open(side):
            levels[order.price] = levels.get(order.price, 0) + order.remaining
        return list(levels.items())

    def held(self, order: NaiveOrder) -> int:
        """What an open order keeps locked."""
        if order.side == "buy":
            return order.price * order.remaining * self.rules.tick_lot_units
        return order.remaining * self.rules.lot_units

    def lots_against(self, side: str, limit: int | None) -> list[NaiveOrder]:
        """The maker of every single lot that a taker meets, in order, within the limit."""
        makers = self.open("sell" if side == "buy" else "buy")
        return [
            maker
            for maker in makers
            if limit is None or (maker.price <= limit if side == "buy" else maker.price >= limit)
            for _ in range(maker.remaining)
        ]

    def is_own(self, maker: NaiveOrder, account_id: int, owner_id: int) -> bool:
        """Whether a taker of that account and owner (0: unknown) must not trade with it."""
        if maker.account_id == account_id:
            return True
        if self.rules.self_trade_scope == "account" or owner_id == 0:
            return False
        return maker.owner_id == owner_id

    def lots_before_own(
        self, side: str, limit: int | None, account_id: int, owner_id: int
    ) -> list[NaiveOrder]:
        """The same up to the taker's first own lot."""
        found = []
        for maker in self.lots_against(side, limit):
            if self.is_own(maker, account_id, owner_id):
                break
            found.append(maker)
        return found


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
            match command:
                case Place():
                    return self.place(command)
                case Amend():
                    return self.amend(command)
                case Cancel():
                    order = self.find(command)
                    order.status, order.reason = "cancelled", "requested"
                    return Outcome(cancelled=[order.order_id])
                case CancelAll():
                    return self.cancel_all(command)
                case ConfigureMarket():
                    return self.configure(command)
                case SetPhase():
                    self.market(command.market_id).phase = command.phase
                    return Outcome()
        except RefusedError as refusal:
            return Outcome(refusal=str(refusal))
        raise TypeError(command)

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
        market = self.market(command.market_id)
        mine = [
            order
            for order in market.orders
            if order.status == "open"
            and order.account_id == command.account_id
            and command.side in (None, order.side)
        ]
        mine.sort(key=lambda order: order.priority)
        for order in mine:
            order.status, order.reason = "cancelled", "requested"
        return Outcome(cancelled=[order.order_id for order in mine])

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
            if market.phase != "halted" or market.open("buy") or market.open("sell"):
                raise RefusedError("rules_not_changeable")
            market.last_price = None
        market.rules, market.phase = new, command.phase
        return Outcome()

    def place(self, command: Place) -> Outcome:
        market = self.market(command.market_id)
        self.check_phase(market, command.terms.post_only)
        if command.terms.order_type == "limit":
            self.check_limit(market, command.price_ticks, command.quantity_lots)
            self.check_band(market, command.price_ticks)
        elif command.quantity_lots is not None:
            if not 1 <= command.quantity_lots <= market.rules.max_quantity_lots:
                raise RefusedError("quantity_out_of_range")
        else:
            self.check_amount(market, command.terms.budget_units)
        for other in market.orders:
            if (
                other.status == "open"
                and other.account_id == command.account_id
                and command.terms.client_order_id is not None
                and other.client_order_id == command.terms.client_order_id
            ):
                raise RefusedError("duplicate_client_order_id")
        if command.terms.order_type == "limit" and command.terms.time_in_force == "gtc":
            self.check_open_orders(market, command.account_id)
        if command.terms.post_only and market.lots_against(command.terms.side, command.price_ticks):
            raise RefusedError("post_only_would_cross")

        rules = market.rules
        within = market.lots_before_own(
            command.terms.side, command.price_ticks, command.account_id, command.owner_id
        )
        if command.quantity_lots is None:
            within = affordable(within, command.terms.budget_units, rules.tick_lot_units)
        else:
            within = within[: command.quantity_lots]
        if command.terms.side == "sell":
            lots = len(within) if command.quantity_lots is None else command.quantity_lots
            needed, asset_id = lots * rules.lot_units, rules.base_id
        else:
            asset_id = rules.quote_id
            if command.terms.order_type == "limit":
                needed = command.price_ticks * command.quantity_lots * rules.tick_lot_units
            elif command.quantity_lots is not None:
                needed = sum(maker.price for maker in within) * rules.tick_lot_units
            else:
                needed = command.terms.budget_units
        if self.available(command.account_id, asset_id) < needed:
            raise RefusedError("insufficient_balance")

        order = NaiveOrder(
            command.order_id,
            command.account_id,
            command.terms.client_order_id,
            command.terms.side,
            command.terms.order_type == "market",
            command.terms.time_in_force,
            command.terms.post_only,
            command.price_ticks,
            command.quantity_lots,
            command.terms.budget_units,
            command.maker_ppm,
            command.taker_ppm,
            priority=command.order_id,
            owner_id=command.owner_id,
        )
        if command.terms.time_in_force == "fok" and len(within) < command.quantity_lots:
            order.status, order.reason = "expired", "fok_unfillable"
            return Outcome(order=order, more_held=needed)
        trades = self.match(market, order)
        if order.status == "open":
            market.orders.append(order)
        return Outcome(trades=trades, order=order, more_held=needed)

    def amend(self, command: Amend) -> Outcome:
        order = self.find(command)
        market = self.markets[command.market_id]
        self.check_phase(market, order.post_only)
        price = command.price_ticks if command.price_ticks is not None else order.price
        quantity = command.quantity_lots if command.quantity_lots is not None else order.quantity
        if (price, quantity) == (order.price, order.quantity):
            raise RefusedError("nothing_to_amend")
        self.check_limit(market, price, quantity)
        if price != order.price:
            self.check_band(market, price)
        if quantity <= order.filled:
            raise RefusedError("quantity_out_of_range")
        if order.post_only and market.lots_against(order.side, price):
            raise RefusedError("post_only_would_cross")
        rules = market.rules
        asset_id = rules.quote_id if order.side == "buy" else rules.base_id
        needed = (quantity - order.filled) * (
            price * rules.tick_lot_units if order.side == "buy" else rules.lot_units
        )
        more_held = needed - market.held(order)
        if self.available(order.account_id, asset_id) < more_held:
            raise RefusedError("insufficient_balance")
        keeps_place = price == order.price and quantity < order.quantity
        order.price, order.quantity = price, quantity
        if keeps_place:
            return Outcome(order=order, more_held=more_held)
        order.priority = command.priority
        return Outcome(trades=self.match(market, order), order=order, more_held=more_held)

    # --- rules --------------------------------------------------------------------------------

    def check_phase(self, market: NaiveMarket, post_only: bool) -> None:
        if market.phase == "post_only" and not post_only:
            raise RefusedError("market_post_only")
        if market.phase not in ("continuous", "post_only"):
            raise RefusedError("market_halted")

    def check_limit(self, market: NaiveMarket, price: int, quantity: int) -> None:
        if price not in range(1, market.rules.max_price_ticks + 1):
            raise RefusedError("price_out_of_range")
        if quantity not in range(1, market.rules.max_quantity_lots + 1):
            raise RefusedError("quantity_out_of_range")
        self.check_amount(market, price * quantity * market.rules.tick_lot_units)

    def check_amount(self, market: NaiveMarket, units: int) -> None:
        if units < market.rules.min_notional_units or units <= 0:
            raise RefusedError("notional_too_small")
        if units > market.rules.max_notional_units:
            raise RefusedError("notional_too_large")

    def check_open_orders(self, market: NaiveMarket, account_id: int) -> None:
        limit = market.rules.max_open_orders
        statuses = [order.status for order in market.orders if order.account_id == account_id]
        if limit is not None and statuses.count("open") >= limit:
            raise RefusedError("too_many_open_orders")

    def check_band(self, market: NaiveMarket, price: int) -> None:
        band, last = market.rules.band_ppm, market.last_price
        if band is None or last is None:
            return
        if price * 1_000_000 > last * (1_000_000 + band) or price * 1_000_000 < last * (
            1_000_000 - band
        ):
            raise RefusedError("price_band")

    # --- matching -----------------------------------------------------------------------------

    def match(self, market: NaiveMarket, taker: NaiveOrder) -> list[NaiveTrade]:
        """One lot at a time; neighbouring lots of one maker make one trade."""
        tick_lot = market.rules.tick_lot_units
        met: list[list] = []  # [maker, lots]
        lots = market.lots_against(taker.side, taker.price)
        left = taker.budget
        stopped = "the book ran out"
        for maker in lots:
            if taker.budget is None and taker.filled == taker.quantity:
                break
            if left is not None and left < maker.price * tick_lot:
                stopped = "not affordable"
                break
            if market.is_own(maker, taker.account_id, taker.owner_id):
                stopped = "own order"
                break
            taker.filled += 1
            taker.spent += maker.price * tick_lot
            if left is not None:
                left -= maker.price * tick_lot
            if met and met[-1][0] is maker:
                met[-1][1] += 1
            else:
                met.append([maker, 1])
        trades: list[NaiveTrade] = []
        for maker, lots_met in met:
            trades.append(self.trade(market, maker, taker, lots_met, trades))
        if taker.budget is None:
            done = taker.filled == taker.quantity
        else:
            done = left == 0 or (stopped == "not affordable" and taker.filled > 0)
        if done:
            taker.status = "filled"
        elif stopped == "own order":
            taker.status, taker.reason = "cancelled", "self_trade"
        elif taker.is_market:
            taker.status, taker.reason = "expired", "no_liquidity"
        elif taker.time_in_force != "gtc":
            taker.status, taker.reason = "expired", "ioc_unfilled"
        return trades

    def trade(
        self,
        market: NaiveMarket,
        maker: NaiveOrder,
        taker: NaiveOrder,
        lots: int,
        earlier: list[NaiveTrade],
    ) -> NaiveTrade:
        rules = market.rules
        base = lots * rules.lot_units
        quote = lots * rules.tick_lot_units * maker.price
        maker.filled += lots
        maker.spent += quote
        if maker.remaining == 0:
            maker.status = "filled"
        market.trade_count += 1
        market.last_price = maker.price
        same_price = [trade.sequence for trade in earlier if trade.price == maker.price]
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
        return NaiveTrade(
            market.trade_count,
            same_price[0] if same_price else market.trade_count,
            maker.order_id,
            taker.order_id,
            maker.price,
            lots,
            buyer_fee,
            seller_fee,
            rebate,
        )
