"""Replay a shard's journal through a fresh engine and hold the result against the tables.

The same commands, given the same figures, must give the same orders, trades, trade and fee entries
and holds. Everything is read in one REPEATABLE READ snapshot, so a live worker does not disturb it.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec
import psycopg
from psycopg import IsolationLevel

from accounts.money.ledger import read_entries, read_fee_account
from matching import wire
from matching.engine import Engine, EngineError
from matching.engine.types import Command as EngineCommand
from matching.engine.types import Event, OrderRejected
from matching.markets.terms import AssetTerms, MarketTerms
from matching.models import Command, Order, Trade
from matching.orders.ids import IdSequence
from matching.worker import translate
from matching.worker.lease import read_position
from matching.worker.outcome import EntryRow, Outcome, TouchedOrder, hold_text
from matching.worker.rebuild import load_context, read_assets
from matching.worker.translate import Given, Refused
from zavora.foundation.errors import InvariantBroken
from zavora.foundation.money import numeric_text_to_units

# How many closed orders, and how many trades, are compared by one query.
CHUNK_MAX: Final = 2_000
# A report that goes on for ever helps nobody.
DIFFERENCES_MAX: Final = 50

_JOURNAL: Final = (
    "SELECT sequence, kind, body, (extract(epoch FROM batch_at) * 1000000)::bigint, order_id,"
    " funds::text, maker_fee_ppm, taker_fee_ppm, owner_id, reached_engine, outcome, reason"
    f" FROM {Command._meta.db_table} WHERE shard_id = %s ORDER BY id"
)
_ORDERS: Final = (
    "SELECT id, price, quantity, remaining_quantity, filled_quantity, filled_quote, hold,"
    f" priority, status, reason FROM {Order._meta.db_table} WHERE id = ANY(%s)"
)
_TRADES: Final = (
    "SELECT id, market_id, sequence, run_sequence, price, quantity, amount, taker_side,"
    " maker_order_id, taker_order_id, maker_account_id, taker_account_id, maker_fee, taker_fee"
    f" FROM {Trade._meta.db_table} WHERE market_id = %s AND sequence BETWEEN %s AND %s"
    " ORDER BY sequence"
)


class Verified(msgspec.Struct):
    """What a replay found. ``differences`` is empty where journal and tables agree."""

    shard_id: int
    commands: int = 0
    orders: int = 0
    trades: int = 0
    entries: int = 0
    state_hash: str = ""
    differences: list[str] = []


class _Recorded(msgspec.Struct, frozen=True):
    """One journal row."""

    sequence: int
    kind: str
    body: bytes
    time_us: int
    order_id: int | None
    funds: str | None
    maker_ppm: int | None
    taker_ppm: int | None
    owner_id: int | None
    reached_engine: bool
    outcome: str
    reason: str


def verify_shard(
    connection: "psycopg.Connection[Any]",
    shard_id: int,
    *,
    progress: Callable[[int], None] = lambda commands: None,
) -> Verified:
    """Replay a shard's journal on a connection of its own; reads only."""
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    with connection.transaction(), connection.cursor() as cursor:
        replay = _Replay(cursor, shard_id)
        with connection.cursor(name="journal") as journal:
            journal.itersize = 5_000
            journal.execute(_JOURNAL, (shard_id,))
            for row in journal:
                replay.take(_Recorded(*row))
                if replay.found.commands % 10_000 == 0:
                    progress(replay.found.commands)
        replay.finish()
    return replay.found


class _Replay:
    def __init__(self, cursor: "psycopg.Cursor[Any]", shard_id: int) -> None:
        self.found = Verified(shard_id)
        self._cursor = cursor
        self._engine = Engine()
        self._terms: dict[int, MarketTerms] = {}
        self._assets: dict[int, AssetTerms] = read_assets(cursor)
        self._position = read_position(cursor, shard_id)
        self._fee_account_id = read_fee_account(cursor, shard_id)
        self._stored_hash = self._hash_of_tables()
        self._closed: dict[int, TouchedOrder] = {}
        self._trades: list[tuple[wire.TradeState, list[EntryRow]]] = []

    # --- the journal --------------------------------------------------------------------------

    def take(self, row: _Recorded) -> None:
        """Apply one journaled command and hold its outcome against what was recorded."""
        self.found.commands += 1
        if row.sequence != self.found.commands:
            self._differ(f"journal: expected sequence {self.found.commands}, found {row.sequence}")
        if not row.reached_engine:
            return
        command = wire.decode_command(row.body)
        try:
            outcome, reason = self._apply(command, row)
        except Refused as refused:
            outcome, reason = "refused before the engine", refused.reason
        if (outcome, reason) != (row.outcome, row.reason):
            self._differ(
                f"command {row.sequence}: recorded {row.outcome} {row.reason},"
                f" replayed {outcome} {reason}"
            )
        self._engine.commit()
        if len(self._closed) >= CHUNK_MAX:
            self._compare_orders()
        if len(self._trades) >= CHUNK_MAX:
            self._compare_trades()

    def _apply(self, command: wire.WireCommand, row: _Recorded) -> tuple[str, str]:
        given = Given(
            row.time_us,
            row.order_id or 0,
            0,
            row.maker_ppm or 0,
            row.taker_ppm or 0,
            row.owner_id or 0,
        )
        if isinstance(command, wire.ConfigureMarket):
            terms = translate.configured_terms(
                command, shard_id=self.found.shard_id, assets=self._assets
            )
            result = self._run([(translate.configure(terms, given), terms)], row)
            if result[0] == "applied":
                self._terms[terms.market_id] = terms
            return result
        if isinstance(command, wire.CancelAllOrders):
            ids = [market.rules.market_id for market in self._engine.markets()]
            return self._run(
                [
                    (part, self._terms[part.market_id])
                    for part in translate.cancel_all(command, given, ids)
                ],
                row,
            )
        terms = self._terms[command.market_id]
        if isinstance(command, wire.SetMarketPhase):
            return self._run([(translate.set_phase(command, given), terms)], row)
        if isinstance(command, wire.CancelOrder):
            return self._run([(translate.cancel(command, given, self._engine), terms)], row)
        if isinstance(command, wire.AmendOrder):
            order = self._engine.order(command.order_id)
            given = self._with_funds(given, row, terms, "buy" if order is None else order.side)
            return self._run([(translate.amend(command, given, terms), terms)], row)
        given = self._with_funds(given, row, terms, command.side)
        return self._run([(translate.place(command, given, terms), terms)], row)

    def _with_funds(self, given: Given, row: _Recorded, terms: MarketTerms, side: str) -> Given:
        asset = terms.quote if side == "buy" else terms.base
        funds = 0 if row.funds is None else numeric_text_to_units(row.funds, asset.scale)
        return msgspec.structs.replace(given, funds_units=funds)

    def _run(
        self, commands: list[tuple[EngineCommand, MarketTerms]], row: _Recorded
    ) -> tuple[str, str]:
        outcome = Outcome(
            ids=IdSequence(shard_id=self.found.shard_id, last=0),
            fee_account_id=self._fee_account_id,
            time_us=row.time_us,
            time_text="",
        )
        for command, terms in commands:
            events: list[Event] = self._engine.apply(command)
            if events and isinstance(events[0], OrderRejected):
                return "rejected", events[0].reason
            trades = outcome.absorb(events, terms, 0)
            self._note_trades(trades, outcome)
        for order_id, touched in outcome.orders.items():
            if self._engine.order(order_id) is None:
                self._closed[order_id] = touched
        return "applied", ""

    def _note_trades(self, trades: list[wire.TradeState], outcome: Outcome) -> None:
        entries: dict[int, list[EntryRow]] = {}
        for entry in outcome.entries:
            entries.setdefault(entry.trade_id, []).append(entry)
        self._trades += zip(trades, entries.values(), strict=True)
        outcome.entries.clear()

    # --- against the tables -------------------------------------------------------------------

    def finish(self) -> None:
        """Compare what is left, the open orders, the counters and the engines as wholes."""
        self._compare_orders()
        self._compare_trades()
        for order in (o for m in self._engine.markets() for o in m.open_orders()):
            terms = self._terms[order.market_id]
            self._closed[order.order_id] = TouchedOrder.of(order, terms)
        self._compare_orders()
        if self._position.journal_sequence != self.found.commands:
            self._differ(
                f"shard: says {self._position.journal_sequence} commands,"
                f" the journal has {self.found.commands}"
            )
        self.found.state_hash = self._engine.state_hash()
        if self._stored_hash != self.found.state_hash:
            self._differ(
                f"engine: replayed {self.found.state_hash}, from the tables {self._stored_hash}"
            )

    def _hash_of_tables(self) -> str:
        """Return the hash of an engine rebuilt from the tables in the same snapshot."""
        try:
            return load_context(self._cursor, self.found.shard_id)[0].engine.state_hash()
        except (EngineError, InvariantBroken) as error:
            return f"cannot be rebuilt: {error}"

    def _compare_orders(self) -> None:
        if not self._closed:
            return
        self._cursor.execute(_ORDERS, (list(self._closed),))
        rows = {row[0]: row[1:] for row in self._cursor.fetchall()}
        for order_id, touched in self._closed.items():
            state = touched.state
            replayed = (
                _decimal(state.price),
                _decimal(state.quantity),
                Decimal(state.remaining_quantity),
                Decimal(state.filled_quantity),
                Decimal(state.filled_quote),
                Decimal(hold_text(touched)),
                touched.order.priority,
                state.status,
                state.reason,
            )
            if rows.get(order_id) != replayed:
                self._differ(f"order {order_id}: stored {rows.get(order_id)}, replayed {replayed}")
        self.found.orders += len(self._closed)
        self._closed.clear()

    def _compare_trades(self) -> None:
        by_market: dict[int, list[tuple[wire.TradeState, list[EntryRow]]]] = {}
        for trade, entries in self._trades:
            by_market.setdefault(trade.market_id, []).append((trade, entries))
        for market_id, trades in by_market.items():
            first, last = trades[0][0].sequence, trades[-1][0].sequence
            self._cursor.execute(_TRADES, (market_id, first, last))
            rows = {row[2]: row for row in self._cursor.fetchall()}
            stored_entries = read_entries(self._cursor, [row[0] for row in rows.values()])
            for trade, entries in trades:
                self._compare_trade(trade, entries, rows.get(trade.sequence), stored_entries)
        self.found.trades += len(self._trades)
        self._trades.clear()

    def _compare_trade(
        self,
        trade: wire.TradeState,
        entries: list[EntryRow],
        row: tuple[Any, ...] | None,
        stored_entries: dict[int, list[tuple[int, int, str, Decimal]]],
    ) -> None:
        name = f"trade {trade.sequence} of market {trade.market_id}"
        if row is None:
            self._differ(f"{name}: missing")
            return
        replayed = (
            trade.market_id,
            trade.sequence,
            trade.run_sequence,
            Decimal(trade.price),
            Decimal(trade.quantity),
            Decimal(trade.amount),
            trade.taker_side,
            trade.maker_order_id,
            trade.taker_order_id,
            trade.maker_account_id,
            trade.taker_account_id,
            Decimal(trade.maker_fee),
            Decimal(trade.taker_fee),
        )
        if row[1:] != replayed:
            self._differ(f"{name}: stored {row[1:]}, replayed {replayed}")
        expected = sorted(
            (
                entry.account_id,
                entry.asset_id,
                entry.kind,
                Decimal(entry.units).scaleb(-self._assets[entry.asset_id].scale),
            )
            for entry in entries
        )
        found = sorted(stored_entries.get(row[0], []))
        if found != expected:
            self._differ(f"{name}: entries {found}, replayed {expected}")
        self.found.entries += len(expected)

    def _differ(self, text: str) -> None:
        if len(self.found.differences) < DIFFERENCES_MAX:
            self.found.differences.append(text)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
