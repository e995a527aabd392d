"""What a batch moves: the rows of trades and of the ledger, and what becomes of balances.

Nothing here decides; the engine said what is paid, what is held and what returns.
"""

import msgspec

from accounts.money.balances import BalanceChange, BalanceKey
from matching import wire
from matching.engine.events import Prevented, Traded
from matching.engine.orders import Order
from matching.markets.terms import MarketTerms
from matching.orders.ids import IdSequence
from matching.rows.entries import EntryRow
from matching.rows.trades import trade_row


class MarketOutcome(msgspec.Struct):
    """What the batch did to one market, in order."""

    prev_depth_sequence: int
    depth: list[wire.DepthChange] = []
    trades: list[wire.TradeState] = []
    changes: list[wire.OrderChange] = []
    balance_keys: dict[BalanceKey, None] = {}
    phase: str | None = None


class Moves:
    """Collects what trades and holds move, over all markets of a batch."""

    def __init__(self, *, ids: IdSequence, fee_account_id: int, time_text: str) -> None:
        self._ids = ids
        self._fee_account_id = fee_account_id
        self._time_text = time_text
        self.trade_rows: list[str] = []
        self.transaction_rows: list[str] = []
        self.entries: list[EntryRow] = []
        self.changes: dict[BalanceKey, BalanceChange] = {}

    def settle_trade(
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
        change = self.change
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

    def settle_prevented(
        self, event: Prevented, terms: MarketTerms, market: MarketOutcome, prevented_id: int
    ) -> None:
        """Let two accounts of one owner exchange what their orders would have traded, for no fee.

        Its ledger transaction has the prevented match's id.
        """
        buyer, seller = event.maker, event.taker
        if event.taker.terms.side == "buy":
            buyer, seller = seller, buyer
        to_buyer = (terms.base, event.base_units), (terms.quote, -event.quote_units)
        for asset, bought_units in to_buyer:
            for order, units in ((buyer, bought_units), (seller, -bought_units)):
                key = order.account_id, asset.asset_id
                self.change(market, key).available_units += units
                self.entries.append(EntryRow(prevented_id, *key, "prevented", units))
        self.transaction_rows.append(
            f"{prevented_id}\tprevented\t{prevented_id}\t{self._time_text}"
        )

    def settle_rebate(
        self, event: Traded, terms: MarketTerms, market: MarketOutcome, trade_id: int
    ) -> None:
        """Give the maker its part of the taker's fee, out of the account that has collected it."""
        asset = terms.base if event.taker.terms.side == "buy" else terms.quote
        maker_id, rebate = event.maker.account_id, event.rebate_units
        self.change(market, (maker_id, asset.asset_id)).available_units += rebate
        self.entries.append(
            EntryRow(trade_id, self._fee_account_id, asset.asset_id, "fee", -rebate)
        )
        self.entries.append(EntryRow(trade_id, maker_id, asset.asset_id, "fee", rebate))

    def move(
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
        change = self.change(market, (order.account_id, asset.asset_id))
        change.available_units += available_units
        change.locked_units += locked_units

    def change(self, market: MarketOutcome, key: BalanceKey) -> BalanceChange:
        """Return what the batch does to a balance so far, to be added to."""
        market.balance_keys[key] = None
        change = self.changes.get(key)
        if change is None:
            change = self.changes[key] = BalanceChange()
        return change
