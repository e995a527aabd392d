"""Random trials of the engine: commands made up as they go, money settled from events alone.

``Trial`` drives the engine and the naive exchange with the same commands and compares them. The
money is settled only from what the engine's events say, as the worker does it.
"""

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
from msgspec.structs import astuple

from matching.engine import Engine
from matching.engine.auction import indicate
from matching.engine.commands import Command, ConfigureMarket
from matching.engine.events import (
    DepthChanged,
    Event,
    OrderAmended,
    OrderClosed,
    OrderPlaced,
    OrderRejected,
    OrderShifted,
    OrderTriggered,
    Prevented,
    Replaced,
    Traded,
)
from matching.engine.orders import Order
from matching.engine.rules import IntegerRules
from tests.property.engine_commands import PAIRS, CommandMaker
from tests.property.engine_views import (
    check_told,
    engine_order,
    fields_of,
    naive_entry,
    naive_order,
    orders_in,
)
from tests.property.naive_auction import indicate as naive_indicate
from tests.property.naive_book import NaiveExchange, market_of
from tests.property.naive_orders import Outcome

ASSETS = (1, 2, 3)
MOVES = {  # which status may follow which within one command
    "new": {"new", "partially_filled", "filled", "cancelled", "expired"},
    "partially_filled": {"partially_filled", "filled", "cancelled", "expired"},
}


class Settlement:
    """Available and locked of every account and asset, moved by events only."""

    def __init__(self) -> None:
        self.available: dict[tuple[int, int], int] = {}
        self.locked: dict[tuple[int, int], int] = {}
        self.fees = dict.fromkeys(ASSETS, 0)

    def hold(self, account_id: int, asset_id: int, units: int) -> None:
        """Move units from available to locked (or back, when negative)."""
        key = account_id, asset_id
        self.available[key] = self.available.get(key, 0) - units
        self.locked[key] = self.locked.get(key, 0) + units

    def settle(self, event: Event, rules: IntegerRules) -> None:
        match event:
            case OrderPlaced(order, units) | OrderAmended(order, units):
                self.hold(order.account_id, paid_with(order, rules), units)
            case OrderShifted(order, units):
                self.hold(order.account_id, paid_with(order, rules), units)
            case OrderClosed(order, units) | OrderTriggered(order, units):
                self.hold(order.account_id, paid_with(order, rules), -units)
            case Prevented():
                for order, units in (
                    (event.maker, event.maker_released_units),
                    (event.taker, event.taker_released_units),
                ):
                    self.hold(order.account_id, paid_with(order, rules), -units)
                self._transfer(event, rules)
            case Traded():
                self._settle_trade(event, rules)

    def _transfer(self, event: Prevented, rules: IntegerRules) -> None:
        """What moves between two accounts of one owner, by the mode transfer alone."""
        assert (event.mode == "transfer") == (event.base_units > 0) == (event.quote_units > 0)
        buyer, seller = event.maker, event.taker
        if buyer.terms.side == "sell":
            buyer, seller = seller, buyer
        for account_id, sign in ((buyer.account_id, 1), (seller.account_id, -1)):
            self.available[account_id, rules.base_id] += sign * event.base_units
            self.available[account_id, rules.quote_id] -= sign * event.quote_units

    def _settle_trade(self, trade: Traded, rules: IntegerRules) -> None:
        buyer, seller = trade.maker, trade.taker
        if buyer.terms.side == "sell":
            buyer, seller = seller, buyer
        self.hold(buyer.account_id, rules.quote_id, -trade.buyer_hold_units)
        self.hold(seller.account_id, rules.base_id, -trade.base_units)
        self.available[buyer.account_id, rules.quote_id] -= trade.quote_units
        self.available[seller.account_id, rules.base_id] -= trade.base_units
        bought = trade.base_units - trade.buyer_fee_units
        sold = trade.quote_units - trade.seller_fee_units
        self.available[buyer.account_id, rules.base_id] += bought
        self.available[seller.account_id, rules.quote_id] += sold
        self.fees[rules.base_id] += trade.buyer_fee_units
        self.fees[rules.quote_id] += trade.seller_fee_units
        if rebate_units := trade.rebate_units:
            # In the asset of the taker's fee, and out of it: no fill costs the house anything.
            taker_buys = trade.taker.terms.side == "buy"
            asset_id = rules.base_id if taker_buys else rules.quote_id
            taker_fee = trade.buyer_fee_units if taker_buys else trade.seller_fee_units
            maker_fee = trade.seller_fee_units if taker_buys else trade.buyer_fee_units
            assert 0 < rebate_units <= taker_fee
            assert maker_fee == 0
            self.available[trade.maker.account_id, asset_id] += rebate_units
            self.fees[asset_id] -= rebate_units


def paid_with(order: Order, rules: IntegerRules) -> int:
    """The asset that an order keeps locked."""
    return rules.quote_id if order.terms.side == "buy" else rules.base_id


class Trial:
    """One random run. ``random`` decides everything."""

    new_engine: Callable[[], Any] = Engine

    def __init__(self, random: Random) -> None:
        self.random = random
        self.engine = self.new_engine()
        self.naive = NaiveExchange()
        self.money = Settlement()
        self.accounts = list(range(11, 11 + random.randint(2, 5)))
        self.depth: dict[tuple[int, str], dict[int, int]] = {}
        self.depth_sequence: dict[int, int] = {}
        self.batch: list[tuple[Command, list[str]]] = []
        self.counts: dict[str, int] = {}
        self.credited = dict.fromkeys(ASSETS, 0)
        for account_id in self.accounts:
            for asset_id in ASSETS:
                self.money.hold(account_id, asset_id, 0)
                self.credit(account_id, asset_id, random.choice((0, 300, 5_000, 100_000)))
        self.maker = CommandMaker(random, self.naive, self.money.available, self.accounts)
        for market_id in PAIRS:
            self.step(ConfigureMarket(self.maker.rules(market_id), "continuous", 1))
        self.engine.commit()
        self.batch.clear()

    # --- running ------------------------------------------------------------------------------

    def run(self, command_count: int) -> int:
        """Apply about so many random commands in batches; return how many it were."""
        done = 0
        while done < command_count:
            before = fields_of(self.engine), self.engine.state_hash()
            self.deposit()
            for _ in range(self.random.choice((1, 5, 20, 60))):
                self.step(self.maker.command())
            done += len(self.batch)
            self.compare_books()
            if self.random.random() < 0.5:
                self.undo_and_repeat(before)
            else:
                self.engine.commit()
            if self.random.random() < 0.1:
                self.reload()
            self.batch.clear()
        return done

    def credit(self, account_id: int, asset_id: int, units: int) -> None:
        self.naive.credit(account_id, asset_id, units)
        self.money.available[account_id, asset_id] += units
        self.credited[asset_id] += units

    def deposit(self) -> None:
        """Now and then money comes from outside, because fees and bad luck make accounts poor."""
        account_id, asset_id = self.random.choice(self.accounts), self.random.choice(ASSETS)
        if self.money.available[account_id, asset_id] < 3_000:
            self.credit(account_id, asset_id, self.random.choice((500, 20_000)))

    def step(self, command: Command) -> None:
        """Apply one command to both, settle, and compare what they say."""
        market_id = market_of(command)
        statuses = {
            order.order_id: order.status
            for market in self.engine.markets()
            for order in market.open_orders()
        }
        events = self.engine.apply(command)
        check_told(command, events)
        outcome = self.naive.apply(command)
        self.batch.append((command, [repr(event) for event in events]))
        self.count(type(command).__name__)
        if not outcome.refusal:
            rules = self.engine.market(market_id).rules
            for event in events:
                self.money.settle(event, rules)
        self.compare_outcome(events, outcome, statuses)
        self.follow_depth(market_id, events)
        self.compare_money()

    def undo_and_repeat(self, before: tuple[Any, str]) -> None:
        """Apply + undo is the identity, and the same commands then say the same again."""
        after = fields_of(self.engine), self.engine.state_hash()
        self.engine.undo()
        assert (fields_of(self.engine), self.engine.state_hash()) == before
        for command, events in self.batch:
            assert [repr(event) for event in self.engine.apply(command)] == events
        assert (fields_of(self.engine), self.engine.state_hash()) == after
        self.engine.commit()
        self.count("undone batch")

    def reload(self) -> None:
        """Go on with an engine rebuilt from what the tables would hold."""
        orders = [
            msgspec.structs.replace(order)
            for market in self.engine.markets()
            for order in market.open_orders()
        ]
        self.random.shuffle(orders)
        rebuilt = self.new_engine()
        rebuilt.load(markets=[market.snapshot() for market in self.engine.markets()], orders=orders)
        assert rebuilt.state_hash() == self.engine.state_hash()
        assert fields_of(rebuilt) == fields_of(self.engine)
        self.engine = rebuilt
        self.count("reload")

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    # --- comparing ----------------------------------------------------------------------------

    def compare_outcome(
        self, events: list[Event], outcome: Outcome, statuses: dict[int, str]
    ) -> None:
        refusals = [event.reason for event in events if isinstance(event, OrderRejected)]
        if outcome.refusal:
            assert refusals == [*(outcome.halves or (outcome.refusal,))]
            assert len(events) == len(refusals)
            self.count(outcome.refusal)
            return
        assert not refusals
        if outcome.halves is not None:
            events = self.compare_halves(events, outcome.halves)
        log = list(filter(None, map(naive_entry, events)))
        assert log == outcome.log
        depth = [isinstance(event, DepthChanged) for event in events]
        assert depth == sorted(depth)  # the book's changes come last
        for entry in log:
            self.count(" ".join(str(part) for part in entry if isinstance(part, str)))
        self.count(f"{sum(entry[0] == 'triggered' for entry in log)} triggered")
        for order in orders_in(events):
            if order.order_id in statuses:
                assert order.status in MOVES[statuses[order.order_id]]
            if order.status in ("new", "partially_filled"):
                assert self.engine.order(order.order_id) is order
            else:
                assert self.engine.order(order.order_id) is None
                assert order.hold_units == 0
        if outcome.order is not None:
            self.compare_taker(events, outcome)
        if outcome.placed:
            placed = [event for event in events if isinstance(event, OrderPlaced)]
            assert events[: len(placed)] == placed
            assert [(e.order.order_id, e.hold_units) for e in placed] == outcome.placed
            self.count(f"list of {len(placed)} {placed[0].order.terms.conditions.leg}")

    def compare_halves(self, events: list[Event], expected: tuple[str, str]) -> list[Event]:
        """What of a replacement was refused; return what happened, as of the new order on."""
        replaced, *rest = events
        assert isinstance(replaced, Replaced)
        halves = [
            "" if half is None else half.reason
            for half in (replaced.cancel_refused, replaced.place_refused)
        ]
        assert halves == [*expected]
        self.count(f"replaced {', '.join(half or 'done' for half in halves)}")
        return rest

    def compare_taker(self, events: list[Event], outcome: Outcome) -> None:
        expected = outcome.order
        assert expected is not None
        entered = next(e for e in events if isinstance(e, OrderPlaced | OrderAmended))
        assert entered.hold_units == outcome.more_held
        order = entered.order
        assert outcome.halves is not None or entered is events[0]
        status = expected.status
        if status == "open":
            status = "partially_filled" if expected.filled else "new"
        assert (order.order_id, order.status, order.reason, order.filled_lots) == (
            expected.order_id,
            status,
            expected.reason,
            expected.filled,
        )
        assert order.filled_quote_units == expected.spent
        self.count(f"{order.terms.order_type} {order.status} {order.reason}")
        self.count(f"waits {order.trigger_state}" if order.trigger_state else "does not wait")

    def follow_depth(self, market_id: int, events: list[Event]) -> None:
        """A reader of the depth events alone must hold the same book, without a gap."""
        for event in events:
            if isinstance(event, DepthChanged):
                assert event.market_id == market_id
                expected = self.depth_sequence.get(market_id, 0) + 1
                assert event.sequence == expected
                self.depth_sequence[market_id] = expected
                levels = self.depth.setdefault((market_id, event.side), {})
                assert levels.get(event.price_ticks, 0) != event.quantity_lots
                if event.quantity_lots:
                    levels[event.price_ticks] = event.quantity_lots
                else:
                    del levels[event.price_ticks]
        if market_id in self.naive.markets:
            for side in ("buy", "sell"):
                naive = self.naive.markets[market_id].depth(side)
                assert self.depth.get((market_id, side), {}) == dict(naive)

    def compare_money(self) -> None:
        """Funds agree, nothing is negative, nothing appeared or vanished."""
        naive_locked = self.naive.locked()
        for asset_id in ASSETS:
            total = self.money.fees[asset_id]
            for account_id in self.accounts:
                available = self.money.available[account_id, asset_id]
                locked = self.money.locked[account_id, asset_id]
                assert available >= 0
                assert locked >= 0
                assert locked == naive_locked.get((account_id, asset_id), 0)
                assert available == self.naive.owned[account_id, asset_id] - locked
                total += available + locked
            assert total == self.credited[asset_id]
            assert self.money.fees[asset_id] == self.naive.fees.get(asset_id, 0)

    def compare_books(self) -> None:
        """The same orders rest in the same places, and no book is crossed."""
        for market_id, naive in self.naive.markets.items():
            market = self.engine.market(market_id)
            orders = list(market.open_orders())
            assert [engine_order(order, market) for order in orders] == [
                naive_order(order, naive)
                for order in (*naive.resting("buy"), *naive.resting("sell"), *naive.waiting())
            ]
            if naive.waiting():
                assert list(market.triggers.queue.values()) == [
                    self.engine.order(order.order_id)
                    for order in naive.turns
                    if order.waits == "turn" and order.status == "open"
                ]
            for side in ("buy", "sell"):
                assert market.depth(side) == naive.depth(side)
                assert market.depth(side, 2) == naive.depth(side)[:2]
            bids, asks = market.depth("buy", 1), market.depth("sell", 1)
            if market.phase in ("continuous", "post_only"):
                assert not bids or not asks or bids[0][0] < asks[0][0]
            assert [
                (one.fills_max, one.lots_max, one.window_us, one.fills, one.lots, one.is_tripped)
                for _, one in sorted(market.protections.items())
            ] == [
                (
                    *(one.fills_max, one.lots_max, one.window, len(one.fills)),
                    *(sum(lots for _, lots in one.fills), one.tripped),
                )
                for _, one in sorted(naive.protections.items())
            ]
            indication, naive_one = indicate(market), naive_indicate(naive)
            assert (None if indication is None else astuple(indication)) == naive_one
            assert (market.static_ticks, market.auction_ends_us, market.phase) == (
                naive.static_price,
                naive.auction_ends,
                naive.phase,
            )
            assert market.last_price_ticks == naive.last_price
            assert market.trade_sequence == naive.trade_count
            for account_id in self.accounts:
                mine = [o for o in market.open_orders() if o.account_id == account_id]
                mine.sort(key=lambda o: o.order_id)
                assert market.orders_of(account_id) == mine
                for order in mine:
                    if order.terms.client_order_id is not None:
                        found = self.engine.order_by_client_id(
                            market_id, account_id, order.terms.client_order_id
                        )
                        assert found is order
