"""What a batch did, collected from the engine's events: states to tell, rows and money to write.

Nothing here decides; it only turns integers into the text of rows and messages.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from matching import wire
from matching.commands.replace import refusal_of
from matching.engine.events import (
    DepthChanged,
    Event,
    ListDone,
    MarketChanged,
    MarketReleased,
    OrderAmended,
    OrderClosed,
    OrderPlaced,
    OrderShifted,
    OrderTriggered,
    Prevented,
    ProtectionChanged,
    Replaced,
    SwitchSet,
    Traded,
    TrailMoved,
)
from matching.engine.orders import LOSING_MODES, Order
from matching.engine.rules import MarketPhase, Protection
from matching.engine.undo import SwitchName
from matching.markets.terms import MarketTerms
from matching.orders.ids import IdSequence
from matching.rows.amendments import AmendmentState, amendment_of
from matching.rows.orders import TouchedOrder, latest_state, order_state
from matching.rows.prevented import prevented_row
from matching.rows.protections import ProtectionName, protection_state
from matching.rows.trails import TrailName
from matching.worker.moves import MarketOutcome, Moves

_CLOSING: Final[dict[str, wire.ChangeKind]] = {"cancelled": "cancelled", "expired": "expired"}
# Why an order ends that the command itself names; others end on its way.
_NAMED: Final = frozenset({"requested", "balance_full"})


class Told(msgspec.Struct, gc=False):
    """What one command did, for its reply: its own orders as each step left them, and their trades.

    Own are those that it placed, amended or cancelled. What it met, and what it let enter the
    market by moving the price, is another matter, whosesoever it is.
    """

    orders: list[wire.OrderState] = []
    trades: list[wire.TradeState] = []
    protection: wire.ProtectionState | None = None
    halves: wire.Halves | None = None


class _Step(msgspec.Struct, gc=False):
    """What the events of one engine command are taken in with."""

    terms: MarketTerms
    market: MarketOutcome
    cancel_name: str
    told: Told
    own: dict[int, None]
    events: list[Event]


class Outcome(Moves):
    """Collects the events of a batch. ``absorb`` is called once for each engine command."""

    def __init__(self, *, ids: IdSequence, fee_account_id: int, time_us: int, time_text: str):
        super().__init__(ids=ids, fee_account_id=fee_account_id, time_text=time_text)
        self._time_us = time_us
        self.orders: dict[int, TouchedOrder] = {}
        # Orders that only wait otherwise than before; of their own rows nothing changes but, in a
        # list, what is held for it.
        self.shifted: dict[int, tuple[Order, MarketTerms]] = {}
        self.markets: dict[int, MarketOutcome] = {}
        self.prevented_rows: list[str] = []
        self.amendments: list[AmendmentState] = []
        # In which phases the markets are that were changed.
        self.phases: dict[int, MarketPhase] = {}
        self.released: dict[int, MarketReleased] = {}
        # Lists that were placed, and the ids of those of which no order is open any more.
        self.lists: dict[int, wire.ListState] = {}
        self.done_lists: dict[int, None] = {}
        # Where the marks stand that moved; None: nobody trails from there any more.
        self.trails: dict[TrailName, str | None] = {}
        # What protects accounts that another thing protects, or of which more was counted.
        self.protections: dict[ProtectionName, tuple[Protection | None, MarketTerms]] = {}
        # When the switches that changed are due; None: not any more.
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
            assert isinstance(event, SwitchSet)  # for the type checker
            self.switches[event.account_id, event.key_id] = event.due_us
            due_us = event.due_us or 0
        return due_us

    # --- the events ---------------------------------------------------------------------------

    def _depth(self, event: DepthChanged, step: _Step) -> None:
        terms = step.terms
        price, quantity = (
            terms.price_text(event.price_ticks),
            terms.quantity_text(event.quantity_lots),
        )
        step.market.depth.append(wire.DepthChange(event.side, price, quantity))

    def _phase(self, event: MarketChanged, step: _Step) -> None:
        step.market.phase = self.phases[event.market_id] = event.phase

    def _released(self, event: MarketReleased, step: _Step) -> None:
        step.market.phase = event.market.phase  # so that who follows it reads its terms anew
        self.released[step.terms.market_id] = event

    def _list_done(self, event: ListDone, step: _Step) -> None:
        self.done_lists[event.list_id] = None

    def _protection(self, event: ProtectionChanged, step: _Step) -> None:
        protection, terms = event.protection, step.terms
        self.protections[event.market_id, event.account_id] = protection, terms
        if event is step.events[0] and protection is not None:  # else it is the work of a fill
            step.told.protection = protection_state(protection, terms)

    def _replaced(self, event: Replaced, step: _Step) -> None:
        step.told.halves = wire.Halves(
            refusal_of(event.cancel_refused), refusal_of(event.place_refused)
        )

    def _placed(self, event: OrderPlaced, step: _Step) -> None:
        order, terms = event.order, step.terms
        self.move(step.market, order, terms, -event.hold_units, event.hold_units)
        state = self._state_untouched(order, terms)
        self.orders[order.order_id] = TouchedOrder(order, terms, state, True)
        step.own[order.order_id] = None
        step.market.changes.append(wire.OrderChange("new", state))

    def _amended(self, event: OrderAmended, step: _Step) -> None:
        order, terms = event.order, step.terms
        self.move(step.market, order, terms, -event.hold_units, event.hold_units)
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
        self.amendments.append(
            amendment_of(event, terms, amendment_id=self._ids.next(), time_us=self._time_us)
        )
        if event is step.events[0]:  # else it follows a smaller one of its list
            step.own[order.order_id] = None
        step.market.changes.append(wire.OrderChange("amended", state))

    def _closed(self, event: OrderClosed, step: _Step) -> None:
        order, terms = event.order, step.terms
        self.move(step.market, order, terms, event.released_units, -event.released_units)
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
        self.move(step.market, order, terms, event.released_units, -event.released_units)
        state = self._state_untouched(order, terms)
        # It may have slid, and stands behind what was in the book before.
        self._touch(order, terms, state).is_amended = True
        step.market.changes.append(wire.OrderChange("triggered", state))

    def _shifted(self, event: OrderShifted, step: _Step) -> None:
        self.move(step.market, event.order, step.terms, -event.hold_units, event.hold_units)
        touched = self.orders.get(event.order.order_id)
        if touched is None:
            self.shifted[event.order.order_id] = event.order, step.terms
        else:
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
            terms.quote_text(event.quote_units) if event.mode == "transfer" else None,
        )
        self.prevented_rows.append(prevented_row(prevented, self._time_text))
        for order, left_lots, released_units in (
            (maker, event.maker_left_lots, event.maker_released_units),
            (taker, event.taker_left_lots, event.taker_released_units),
        ):
            self.move(step.market, order, terms, released_units, -released_units)
            state = self._state_met(order, left_lots, event, step)
            if event.mode in LOSING_MODES:
                self._touch(order, terms, state).is_amended = True
            step.market.changes.append(
                wire.OrderChange("prevented", state, 0, order is maker, "", prevented)
            )
        if event.mode == "transfer":
            self.settle_prevented(event, terms, step.market, prevented.id)

    def _state_met(
        self, order: Order, left_lots: int, event: Prevented, step: _Step
    ) -> wire.OrderState:
        """Return how an order stands that has met one of its owner's."""
        touched, terms = self.orders.get(order.order_id), step.terms
        loses = event.mode in LOSING_MODES
        if touched is None:
            filled_lots, filled_units = _filled_by_then(order, step.events)
            return order_state(
                order,
                terms,
                remaining_lots=left_lots,
                filled_lots=filled_lots,
                filled_quote_units=filled_units,
                status="partially_filled" if filled_lots else "new",
                reason="",
                updated_us=self._time_us if loses else order.updated_us,
            )
        if not loses:
            return touched.state
        before = touched.state.prevented_quantity
        lots = event.quantity_lots + (0 if before is None else terms.quantity_to_lots(before))
        return msgspec.structs.replace(
            touched.state,
            remaining_quantity=terms.quantity_text(left_lots),
            prevented_quantity=terms.quantity_text(lots),
            updated_us=self._time_us,
        )

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
            event.is_auction,
        )
        if taker.order_id in step.own:
            step.told.trades.append(trade)
        market.trades.append(trade)
        trade_id = self.settle_trade(
            event, terms, market, trade, buyer.account_id, seller.account_id
        )
        if rebate:
            self.settle_rebate(event, terms, market, trade_id)
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

    # --- orders -------------------------------------------------------------------------------

    def _state_untouched(self, order: Order, terms: MarketTerms) -> wire.OrderState:
        """Return how an order stands of which nothing has traded or was lost."""
        return order_state(
            order,
            terms,
            remaining_lots=order.quantity_lots or 0,
            filled_lots=0,
            filled_quote_units=0,
            status="new",
            reason="",
            updated_us=self._time_us,
        )

    def _touch(self, order: Order, terms: MarketTerms, state: wire.OrderState) -> TouchedOrder:
        touched = self.orders.get(order.order_id)
        if touched is None:
            touched = self.orders[order.order_id] = TouchedOrder(order, terms, state, False)
        else:
            touched.state = state
        return touched


def _filled_by_then(maker: Order, events: list[Event]) -> tuple[int, int]:
    """Return the lots and the amount of a maker's fills before its first one in a command."""
    if maker.reason != "self_trade":  # it is open still, or was: somebody may meet it later
        for event in events:
            if isinstance(event, Traded) and event.maker is maker:
                return (
                    event.maker_filled_lots - event.quantity_lots,
                    event.maker_filled_quote_units - event.quote_units,
                )
    return maker.filled_lots, maker.filled_quote_units


_ABSORB: Final[dict[type, Callable[[Outcome, Any, _Step], None]]] = {
    DepthChanged: Outcome._depth,
    Traded: Outcome._traded,
    OrderPlaced: Outcome._placed,
    OrderClosed: Outcome._closed,
    OrderAmended: Outcome._amended,
    MarketChanged: Outcome._phase,
    MarketReleased: Outcome._released,
    OrderTriggered: Outcome._triggered,
    OrderShifted: Outcome._shifted,
    TrailMoved: Outcome._trail,
    Prevented: Outcome._prevented,
    ListDone: Outcome._list_done,
    ProtectionChanged: Outcome._protection,
    Replaced: Outcome._replaced,
}
