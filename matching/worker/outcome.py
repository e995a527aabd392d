"""What a batch did, collected from the engine's events: states to tell, rows and money to write.

Nothing here decides; it only turns integers into the text of rows and messages.
"""

from typing import Final

import msgspec

from accounts.money.ledger import BalanceChange, BalanceKey
from matching import wire
from matching.engine.types import (
    DepthChanged,
    Event,
    MarketChanged,
    Order,
    OrderAmended,
    OrderClosed,
    OrderPlaced,
    Traded,
)
from matching.markets.terms import MarketTerms
from matching.orders.ids import IdSequence
from zavora.foundation.money import units_to_text
from zavora.foundation.rows import NULL, copy_or_null, copy_text

_CLOSING: Final[dict[str, wire.ChangeKind]] = {"cancelled": "cancelled", "expired": "expired"}


class TouchedOrder(msgspec.Struct, gc=False):
    """An order that the batch changed, and its text as it stands after the last change."""

    order: Order
    terms: MarketTerms
    state: wire.OrderState
    is_new: bool
    is_amended: bool = False

    @classmethod
    def of(cls, order: Order, terms: MarketTerms) -> "TouchedOrder":
        """Return an order as it stands, not new."""
        return cls(order, terms, latest_state(order, terms), False)


class EntryRow(msgspec.Struct, frozen=True, gc=False):
    """A ledger entry of a trade; its id and the balance after it are known at settlement."""

    trade_id: int
    account_id: int
    asset_id: int
    kind: str
    units: int


class MarketOutcome(msgspec.Struct):
    """What the batch did to one market, in order."""

    prev_depth_sequence: int
    depth: list[wire.DepthChange] = []
    trades: list[wire.TradeState] = []
    changes: list[wire.OrderChange] = []
    balance_keys: dict[BalanceKey, None] = {}
    phase: str | None = None


def order_state(
    order: Order,
    terms: MarketTerms,
    *,
    remaining_lots: int,
    filled_lots: int,
    filled_quote_units: int,
    status: str,
    reason: str,
) -> wire.OrderState:
    """Return an order's text with the given progress (that after one step, or the latest)."""
    quantity_lots = order.quantity_lots
    quantity = None if quantity_lots is None else terms.quantity_text(quantity_lots)
    if remaining_lots == quantity_lots and quantity is not None:
        remaining = quantity
    else:
        remaining = terms.quantity_text(remaining_lots) if remaining_lots else terms.zero_quantity
    return wire.OrderState(
        order.order_id,
        order.account_id,
        order.market_id,
        order.client_order_id,
        order.side,
        order.order_type,
        order.time_in_force,
        order.post_only,
        None if order.price_ticks is None else terms.price_text(order.price_ticks),
        quantity,
        None if order.budget_units is None else terms.quote_text(order.budget_units),
        remaining,
        terms.quantity_text(filled_lots) if filled_lots else terms.zero_quantity,
        terms.quote_text(filled_quote_units) if filled_quote_units else terms.zero_quote,
        status,
        reason,
        order.created_us,
        order.updated_us,
    )


def latest_state(order: Order, terms: MarketTerms) -> wire.OrderState:
    """Return an order's text as it stands now."""
    return order_state(
        order,
        terms,
        remaining_lots=order.remaining_lots,
        filled_lots=order.filled_lots,
        filled_quote_units=order.filled_quote_units,
        status=order.status,
        reason=order.reason,
    )


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
        self.events_count = 0

    def available_change(self, key: BalanceKey) -> int:
        """Return what the batch has added to an available balance so far, in smallest units."""
        change = self.changes.get(key)
        return 0 if change is None else change.available_units

    def absorb(
        self,
        events: list[Event],
        terms: MarketTerms,
        depth_sequence_before: int,
        cancel_name: str = "",
    ) -> list[wire.TradeState]:
        """Take in what one engine command did to one market; return its trades, oldest first.

        ``cancel_name`` is what the client calls the command, if it is a cancel.
        """
        if not events:
            return []
        market = self.markets.get(terms.market_id)
        if market is None:
            market = self.markets[terms.market_id] = MarketOutcome(depth_sequence_before)
        traded = [event for event in events if isinstance(event, Traded)]
        steps = _TakerSteps(traded) if traded else _NO_STEPS
        trades: list[wire.TradeState] = []
        for event in events:
            if isinstance(event, DepthChanged):
                price, quantity = event.price_ticks, event.quantity_lots
                market.depth.append(
                    wire.DepthChange(
                        event.side, terms.price_text(price), terms.quantity_text(quantity)
                    )
                )
            elif isinstance(event, Traded):
                trades.append(self._trade(event, terms, market, steps))
            elif isinstance(event, OrderPlaced):
                self._placed(event, terms, market)
            elif isinstance(event, OrderClosed):
                self._closed(event, terms, market, cancel_name)
            elif isinstance(event, OrderAmended):
                self._amended(event, terms, market, steps)
            elif isinstance(event, MarketChanged):
                market.phase = event.phase
        if trades:
            market.trades.extend(trades)
        return trades

    # --- the events ---------------------------------------------------------------------------

    def _placed(self, event: OrderPlaced, terms: MarketTerms, market: MarketOutcome) -> None:
        order = event.order
        self._move(market, order, terms, -event.hold_units, event.hold_units)
        state = order_state(
            order,
            terms,
            remaining_lots=order.quantity_lots or 0,
            filled_lots=0,
            filled_quote_units=0,
            status="new",
            reason="",
        )
        self.orders[order.order_id] = TouchedOrder(order, terms, state, True)
        market.changes.append(wire.OrderChange("new", state))

    def _amended(
        self, event: OrderAmended, terms: MarketTerms, market: MarketOutcome, steps: "_TakerSteps"
    ) -> None:
        order = event.order
        self._move(market, order, terms, -event.hold_units, event.hold_units)
        filled_lots = order.filled_lots - steps.lots
        state = order_state(
            order,
            terms,
            remaining_lots=(order.quantity_lots or 0) - filled_lots,
            filled_lots=filled_lots,
            filled_quote_units=order.filled_quote_units - steps.quote_units,
            status="partially_filled" if filled_lots else "new",
            reason="",
        )
        self._touch(order, terms, state).is_amended = True
        market.changes.append(wire.OrderChange("amended", state))

    def _closed(
        self, event: OrderClosed, terms: MarketTerms, market: MarketOutcome, cancel_name: str
    ) -> None:
        order = event.order
        self._move(market, order, terms, event.released_units, -event.released_units)
        state = latest_state(order, terms)
        self._touch(order, terms, state)
        kind = _CLOSING.get(order.status)
        if kind is not None:
            market.changes.append(wire.OrderChange(kind, state, 0, False, cancel_name))

    def _trade(
        self, event: Traded, terms: MarketTerms, market: MarketOutcome, steps: "_TakerSteps"
    ) -> wire.TradeState:
        maker, taker = event.maker, event.taker
        if taker.side == "buy":
            buyer, seller = taker, maker
            maker_fee = terms.quote_text(event.seller_fee_units)
            taker_fee = terms.base_text(event.buyer_fee_units)
        else:
            buyer, seller = maker, taker
            maker_fee = terms.base_text(event.buyer_fee_units)
            taker_fee = terms.quote_text(event.seller_fee_units)
        trade = wire.TradeState(
            terms.market_id,
            event.sequence,
            event.run_sequence,
            terms.price_text(event.price_ticks),
            terms.quantity_text(event.quantity_lots),
            terms.quote_text(event.quote_units),
            taker.side,
            maker.order_id,
            taker.order_id,
            maker.account_id,
            taker.account_id,
            maker_fee,
            taker_fee,
            self._time_us,
        )
        self._settle_trade(event, terms, market, trade, buyer.account_id, seller.account_id)
        state = latest_state(maker, terms)
        self._touch(maker, terms, state)
        market.changes.append(wire.OrderChange("trade", state, event.sequence, True))
        state = steps.after(event, terms)
        self._touch(taker, terms, state)
        market.changes.append(wire.OrderChange("trade", state, event.sequence, False))
        return trade

    # --- money --------------------------------------------------------------------------------

    def _settle_trade(
        self,
        event: Traded,
        terms: MarketTerms,
        market: MarketOutcome,
        trade: wire.TradeState,
        buyer_id: int,
        seller_id: int,
    ) -> None:
        """Record a trade's row, its ledger transaction (of the same id) and its movements."""
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
        self.trade_rows.append(
            f"{trade_id}\t{trade.market_id}\t{trade.sequence}\t{trade.run_sequence}\t{trade.price}"
            f"\t{trade.quantity}\t{trade.amount}\t{trade.taker_side}\t{trade.maker_order_id}"
            f"\t{trade.taker_order_id}\t{trade.maker_account_id}\t{trade.taker_account_id}"
            f"\t{trade.maker_fee}\t{trade.taker_fee}\t{self._time_text}"
        )

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
        asset = terms.quote if order.side == "buy" else terms.base
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


class _TakerSteps:
    """The taker's progress through the trades of one command (events show it after all of them)."""

    __slots__ = ("_filled_lots", "_filled_quote_units", "_trades_left", "lots", "quote_units")

    def __init__(self, trades: list[Traded]) -> None:
        self._trades_left = len(trades)
        self.lots = self.quote_units = 0
        if trades:
            self.lots = sum(trade.quantity_lots for trade in trades)
            self.quote_units = sum(trade.quote_units for trade in trades)
            taker = trades[0].taker
            self._filled_lots = taker.filled_lots - self.lots
            self._filled_quote_units = taker.filled_quote_units - self.quote_units

    def after(self, trade: Traded, terms: MarketTerms) -> wire.OrderState:
        """Return the taker right after this trade; called for each in order."""
        taker = trade.taker
        self._trades_left -= 1
        self._filled_lots += trade.quantity_lots
        self._filled_quote_units += trade.quote_units
        is_done = self._trades_left == 0 and taker.status == "filled"
        return order_state(
            taker,
            terms,
            remaining_lots=max(0, (taker.quantity_lots or 0) - self._filled_lots),
            filled_lots=self._filled_lots,
            filled_quote_units=self._filled_quote_units,
            status="filled" if is_done else "partially_filled",
            reason="",
        )


def order_row(touched: TouchedOrder, time_text: str) -> str:
    """Return a new order's COPY row."""
    order, state = touched.order, touched.state
    client_order_id = NULL if state.client_order_id is None else copy_text(state.client_order_id)
    return (
        f"{state.id}\t{state.account_id}\t{state.market_id}\t{client_order_id}\t{state.side}"
        f"\t{state.order_type}\t{state.time_in_force}\t{'t' if state.post_only else 'f'}"
        f"\t{copy_or_null(state.price)}\t{copy_or_null(state.quantity)}"
        f"\t{copy_or_null(state.quote_quantity)}"
        f"\t{state.remaining_quantity}\t{state.filled_quantity}\t{state.filled_quote}"
        f"\t{hold_text(touched)}\t{order.maker_ppm}\t{order.taker_ppm}\t{order.priority}"
        f"\t{state.status}\t{state.reason}\t{time_text}\t{time_text}"
        f"\t{order.owner_id or NULL}"
    )


# Of commands without a trade: nothing was added to what was filled before.
_NO_STEPS: Final = _TakerSteps([])


def hold_text(touched: TouchedOrder) -> str:
    """Return what is still locked for an order as text of its asset's scale."""
    if not touched.order.hold_units:
        return "0"
    terms = touched.terms
    asset = terms.quote if touched.order.side == "buy" else terms.base
    return units_to_text(touched.order.hold_units, asset.scale)
