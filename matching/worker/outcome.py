"""What a batch did, collected from the engine's events: states to tell, rows and money to write.

Nothing here decides; it only turns integers into the text of rows and messages.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from accounts.money.balances import BalanceChange, BalanceKey
from matching import wire
from matching.engine.events import (
    DepthChanged,
    Event,
    MarketChanged,
    OrderAmended,
    OrderClosed,
    OrderPlaced,
    OrderShifted,
    OrderTriggered,
    Prevented,
    SwitchSet,
    Traded,
    TrailMoved,
)
from matching.engine.orders import Order
from matching.engine.undo import SwitchName
from matching.markets.terms import MarketTerms
from matching.orders.ids import IdSequence
from matching.rows.entries import EntryRow
from matching.rows.orders import TouchedOrder, latest_state, order_state, prevented_text
from matching.rows.prevented import prevented_row
from matching.rows.trades import trade_row
from matching.rows.trails import TrailName

_CLOSING: Final[dict[str, wire.ChangeKind]] = {"cancelled": "cancelled", "expired": "expired"}
# Why an order ends that the command itself names; others end on its way.
_NAMED: Final = frozenset({"requested", "balance_full"})


class MarketOutcome(msgspec.Struct):
    """What the batch did to one market, in order."""

    prev_depth_sequence: int
    depth: list[wire.DepthChange] = []
    trades: list[wire.TradeState] = []
    changes: list[wire.OrderChange] = []
    balance_keys: dict[BalanceKey, None] = {}
    phase: str | None = None


class Told(msgspec.Struct, gc=False):
    """What one command did, for its reply: its own orders as each step left them, and their trades.

    Own are those that it placed, amended or cancelled. What it met, and what it let enter the
    market by moving the price, is another matter, whosesoever it is.
    """

    orders: list[wire.OrderState] = []
    trades: list[wire.TradeState] = []


class _Step(msgspec.Struct, gc=False):
    """What the events of one engine command are taken in with."""

    terms: MarketTerms
    market: MarketOutcome
    cancel_name: str
    told: Told
    own: dict[int, None]
    events: list[Event]


class Outcome:
    """Collects the events of a batch. ``absorb`` is called once for each engine command."""

    def __init__(self, *, ids: IdSequence, fee_account_id: int, time_us: int, time_text: str):
        self._ids = ids
        self._fee_account_id = fee_account_id
        self._time_us = time_us
        self._time_text = time_text
        self.orders: dict[int, TouchedOrder] = {}
        self.trade_rows: list[str] = []
        self.transaction_rows: list[str] = []
        self.entries: list[EntryRow] = []
        self.changes: dict[BalanceKey, BalanceChange] = {}
        self.markets: dict[int, MarketOutcome] = {}
        self.prevented_rows: list[str] = []
        # Where the marks stand that moved; None: nobody trails from there any more.
        self.trails: dict[TrailName, str | None] = {}
        # When the switches that changed are due; None: they are not there any more.
        self.switches: dict[SwitchName, int | None] = {}

    def absorb(
        self,
        events: list[Event],
        terms: MarketTerms,
        depth_sequence_before: int,
        told: Told,
        cancel_name: str = "",
    ) -> None:
        """Take in what one engine command did to one market, and add it to what is told of it.

        ``cancel_name`` is what the client calls the command, if it is a cancel.
        """
        if not events:
            return
        market = self.markets.get(terms.market_id)
        if market is None:
            market = self.markets[terms.market_id] = MarketOutcome(depth_sequence_before)
        step = _Step(terms, market, cancel_name, told, {}, events)
        for event in events:
            _ABSORB[type(event)](self, event, step)
        for order_id in step.own:
            told.orders.append(self.orders[order_id].state)

    def note_switches(self, events: list[Event]) -> int:
        """Take in what became of a switch; return when it is due now, 0: it is not."""
        due_us = 0
        for event in events:
            assert isinstance(event, SwitchSet)  # for the type checker: there is no other here
            self.switches[event.account_id, event.key_id] = event.due_us
            due_us = event.due_us or 0
        return due_us

    # --- the events ---------------------------------------------------------------------------

    def _depth(self, event: DepthChanged, step: _Step) -> None:
        terms = step.terms
        step.market.depth.append(
            wire.DepthChange(
                event.side,
                terms.price_text(event.price_ticks),
                terms.quantity_text(event.quantity_lots),
            )
        )

    def _phase(self, event: MarketChanged, step: _Step) -> None:
        step.market.phase = event.phase

    def _placed(self, event: OrderPlaced, step: _Step) -> None:
        order, terms = event.order, step.terms
        self._move(step.market, order, terms, -event.hold_units, event.hold_units)
        state = order_state(
            order,
            terms,
            remaining_lots=order.quantity_lots or 0,
            filled_lots=0,
            filled_quote_units=0,
            status="new",
            reason="",
            updated_us=self._time_us,
        )
        self.orders[order.order_id] = TouchedOrder(order, terms, state, True)
        step.own[order.order_id] = None
        step.market.changes.append(wire.OrderChange("new", state))

    def _amended(self, event: OrderAmended, step: _Step) -> None:
        order, terms = event.order, step.terms
        self._move(step.market, order, terms, -event.hold_units, event.hold_units)
        state = order_state(
            order,
            terms,
            remaining_lots=event.remaining_lots,
            filled_lots=event.filled_lots,
            filled_quote_units=event.filled_quote_units,
            status="partially_filled" if event.filled_lots else "new",
            reason="",
            updated_us=self._time_us,
        )
        self._touch(order, terms, state).is_amended = True
        step.own[order.order_id] = None
        step.market.changes.append(wire.OrderChange("amended", state))

    def _closed(self, event: OrderClosed, step: _Step) -> None:
        order, terms = event.order, step.terms
        self._move(step.market, order, terms, event.released_units, -event.released_units)
        state = latest_state(order, terms)
        self._touch(order, terms, state)
        cancel_name = ""
        if order.reason in _NAMED:
            step.own[order.order_id] = None
            cancel_name = step.cancel_name
        kind = _CLOSING.get(order.status)
        if kind is not None:
            step.market.changes.append(wire.OrderChange(kind, state, 0, False, cancel_name))

    def _triggered(self, event: OrderTriggered, step: _Step) -> None:
        order, terms = event.order, step.terms
        self._move(step.market, order, terms, event.released_units, -event.released_units)
        state = order_state(
            order,
            terms,
            remaining_lots=order.quantity_lots or 0,
            filled_lots=0,
            filled_quote_units=0,
            status="new",
            reason="",
            updated_us=self._time_us,
        )
        # It may have slid, and stands behind what was in the book before.
        self._touch(order, terms, state).is_amended = True
        step.market.changes.append(wire.OrderChange("triggered", state))

    def _shifted(self, event: OrderShifted, step: _Step) -> None:
        order = event.order
        touched = self.orders.get(order.order_id)
        if touched is None:
            touched = self._touch(order, step.terms, latest_state(order, step.terms))
        touched.is_amended = True

    def _trail(self, event: TrailMoved, step: _Step) -> None:
        name = event.market_id, event.reference, event.rises, event.number
        ticks = event.price_ticks
        self.trails[name] = None if ticks is None else step.terms.price_text(ticks)

    def _prevented(self, event: Prevented, step: _Step) -> None:
        maker, taker, terms = event.maker, event.taker, step.terms
        prevented = wire.PreventedState(
            self._ids.next(),
            terms.market_id,
            event.mode,
            terms.price_text(event.price_ticks),
            terms.quantity_text(event.quantity_lots),
            maker.order_id,
            taker.order_id,
            maker.account_id,
            taker.account_id,
            self._time_us,
        )
        self.prevented_rows.append(prevented_row(prevented, self._time_text))
        for order, left_lots, released_units in (
            (maker, event.maker_left_lots, event.maker_released_units),
            (taker, event.taker_left_lots, event.taker_released_units),
        ):
            self._move(step.market, order, terms, released_units, -released_units)
            touched = self._touched(order, step)
            if order.prevented_lots:
                touched.state = self._decremented(touched, left_lots)
                touched.is_amended = True
            change = wire.OrderChange(
                "prevented", touched.state, is_maker=order is maker, prevented=prevented
            )
            step.market.changes.append(change)

    def _traded(self, event: Traded, step: _Step) -> None:
        terms, market = step.terms, step.market
        maker, taker = event.maker, event.taker
        taker_side = taker.terms.side
        if taker_side == "buy":
            buyer, seller = taker, maker
            maker_fee = terms.quote_text(event.seller_fee_units)
            taker_fee = terms.base_text(event.buyer_fee_units)
        else:
            buyer, seller = maker, taker
            maker_fee = terms.base_text(event.buyer_fee_units)
            taker_fee = terms.quote_text(event.seller_fee_units)
        rebate = event.rebate_units
        if rebate:  # in the asset of the taker's fee, of which it is a part
            maker_fee = (terms.base_text if taker_side == "buy" else terms.quote_text)(-rebate)
        trade = wire.TradeState(
            terms.market_id,
            event.sequence,
            event.run_sequence,
            terms.price_text(event.price_ticks),
            terms.quantity_text(event.quantity_lots),
            terms.quote_text(event.quote_units),
            taker_side,
            maker.order_id,
            taker.order_id,
            maker.account_id,
            taker.account_id,
            maker_fee,
            taker_fee,
            self._time_us,
        )
        if taker.order_id in step.own:
            step.told.trades.append(trade)
        market.trades.append(trade)
        trade_id = self._settle_trade(
            event, terms, market, trade, buyer.account_id, seller.account_id
        )
        if rebate:
            self._settle_rebate(event, terms, market, trade_id)
        left_lots = event.maker_left_lots
        state = order_state(
            maker,
            terms,
            remaining_lots=left_lots,
            filled_lots=event.maker_filled_lots,
            filled_quote_units=event.maker_filled_quote_units,
            status="partially_filled" if left_lots else "filled",
            reason="",
            updated_us=self._time_us,
        )
        self._touch(maker, terms, state)
        market.changes.append(wire.OrderChange("trade", state, event.sequence, True))
        state = order_state(
            taker,
            terms,
            remaining_lots=event.taker_left_lots,
            filled_lots=event.taker_filled_lots,
            filled_quote_units=event.taker_filled_quote_units,
            status=event.taker_status,
            reason="",
            updated_us=self._time_us,
        )
        self._touch(taker, terms, state)
        market.changes.append(wire.OrderChange("trade", state, event.sequence, False))

    # --- money --------------------------------------------------------------------------------

    def _settle_trade(
        self,
        event: Traded,
        terms: MarketTerms,
        market: MarketOutcome,
        trade: wire.TradeState,
        buyer_id: int,
        seller_id: int,
    ) -> int:
        """Record a trade's row, its ledger transaction and its movements; return the id of both."""
        base_id, quote_id = terms.base.asset_id, terms.quote.asset_id
        base, quote = event.base_units, event.quote_units
        buyer_fee, seller_fee = event.buyer_fee_units, event.seller_fee_units
        change = self._change
        spent = change(market, (buyer_id, quote_id))
        spent.locked_units -= event.buyer_hold_units
        spent.available_units += event.buyer_hold_units - quote
        change(market, (buyer_id, base_id)).available_units += base - buyer_fee
        change(market, (seller_id, base_id)).locked_units -= base
        change(market, (seller_id, quote_id)).available_units += quote - seller_fee
        trade_id = self._ids.next()
        entries = self.entries
        entries.append(EntryRow(trade_id, buyer_id, base_id, "trade", base))
        entries.append(EntryRow(trade_id, buyer_id, quote_id, "trade", -quote))
        entries.append(EntryRow(trade_id, seller_id, base_id, "trade", -base))
        entries.append(EntryRow(trade_id, seller_id, quote_id, "trade", quote))
        if buyer_fee:
            entries.append(EntryRow(trade_id, buyer_id, base_id, "fee", -buyer_fee))
            entries.append(EntryRow(trade_id, self._fee_account_id, base_id, "fee", buyer_fee))
        if seller_fee:
            entries.append(EntryRow(trade_id, seller_id, quote_id, "fee", -seller_fee))
            entries.append(EntryRow(trade_id, self._fee_account_id, quote_id, "fee", seller_fee))
        self.transaction_rows.append(f"{trade_id}\ttrade\t{trade_id}\t{self._time_text}")
        self.trade_rows.append(trade_row(trade_id, trade, self._time_text))
        return trade_id

    def _settle_rebate(
        self, event: Traded, terms: MarketTerms, market: MarketOutcome, trade_id: int
    ) -> None:
        """Give the maker its part of the taker's fee, out of the account that has collected it."""
        asset = terms.base if event.taker.terms.side == "buy" else terms.quote
        maker_id, rebate = event.maker.account_id, event.rebate_units
        self._change(market, (maker_id, asset.asset_id)).available_units += rebate
        self.entries.append(
            EntryRow(trade_id, self._fee_account_id, asset.asset_id, "fee", -rebate)
        )
        self.entries.append(EntryRow(trade_id, maker_id, asset.asset_id, "fee", rebate))

    def _move(
        self,
        market: MarketOutcome,
        order: Order,
        terms: MarketTerms,
        available_units: int,
        locked_units: int,
    ) -> None:
        """Move between available and locked of the asset that the order pays with."""
        if available_units == 0 and locked_units == 0:
            return
        asset = terms.quote if order.terms.side == "buy" else terms.base
        change = self._change(market, (order.account_id, asset.asset_id))
        change.available_units += available_units
        change.locked_units += locked_units

    def _change(self, market: MarketOutcome, key: BalanceKey) -> BalanceChange:
        market.balance_keys[key] = None
        change = self.changes.get(key)
        if change is None:
            change = self.changes[key] = BalanceChange()
        return change

    def _touch(self, order: Order, terms: MarketTerms, state: wire.OrderState) -> TouchedOrder:
        touched = self.orders.get(order.order_id)
        if touched is None:
            touched = self.orders[order.order_id] = TouchedOrder(order, terms, state, False)
        else:
            touched.state = state
        return touched


_ABSORB: Final[dict[type, Callable[[Outcome, Any, _Step], None]]] = {
    DepthChanged: Outcome._depth,
    Traded: Outcome._traded,
    OrderPlaced: Outcome._placed,
    OrderClosed: Outcome._closed,
    OrderAmended: Outcome._amended,
    MarketChanged: Outcome._phase,
    OrderTriggered: Outcome._triggered,
    OrderShifted: Outcome._shifted,
    TrailMoved: Outcome._trail,
    Prevented: Outcome._prevented,
}
