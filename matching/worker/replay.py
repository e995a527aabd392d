"""Replay a shard's journal and hold the result against the tables.

Through a fresh engine, or from a checkpoint on. The same commands, given the same figures, must
give the same orders, trades, trade and fee entries and holds, and the same engine at every
checkpoint that is passed. Everything is read in one REPEATABLE READ snapshot, so a live worker does
not disturb it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import IsolationLevel

from accounts.money.ledger import read_entries, read_fee_account
from matching import wire
from matching.commands import decode_command, kind_of
from matching.commands.base import Refused, WireCommand
from matching.commands.move import AdoptMarket, ReleaseMarket
from matching.engine import Engine
from matching.engine.events import Event, OrderRejected
from matching.markets.handing import HandedOver
from matching.markets.terms import AssetTerms, MarketTerms
from matching.orders.ids import IdSequence
from matching.rows.amendments import COMPARED_AMENDMENTS
from matching.rows.amendments import compared as compared_amendment
from matching.rows.checkpoints import CheckpointRow, list_rows
from matching.rows.entries import ComparedEntry, EntryRow, compared_entries
from matching.rows.journal import READ_JOURNAL, Recorded
from matching.rows.lists import COMPARED_LISTS, read_lists
from matching.rows.lists import compared as compared_list
from matching.rows.orders import COMPARED_ORDERS, TouchedOrder, latest_state
from matching.rows.orders import compared as compared_order
from matching.rows.prevented import COMPARED_PREVENTED
from matching.rows.prevented import compared as compared_prevented
from matching.rows.trades import COMPARED_TRADES
from matching.rows.trades import compared as compared_trade
from matching.worker.appended import Appended
from matching.worker.checkpoints import choose, load_checkpoint
from matching.worker.lease import STORED_SINCE, read_position
from matching.worker.outcome import Outcome, Told
from matching.worker.passing import Passing
from matching.worker.past import Past
from matching.worker.rebuild import read_assets, rebuilt_hash
from matching.worker.replayed_moves import Handovers
from matching.worker.verified import Verified

# How many closed orders, and how many trades, are compared by one query.
CHUNK_MAX: Final = 2_000
# A report that goes on for ever helps nobody.
DIFFERENCES_MAX: Final = 50
# How many rows of the journal are fetched at a time, and after how many it is told how far it is.
JOURNAL_ROWS: Final = 5_000
PROGRESS_EVERY: Final = 10_000
# A replay holds nothing but its snapshot, and says nothing to the server while it loads a book.
PAUSE_MAX_MS: Final = 600_000


def verify_shard(
    connection: "psycopg.Connection[Any]",
    shard_id: int,
    *,
    start: int | str | None = None,
    archive: Path | None = None,
    progress: Callable[[int, int], None] = lambda commands, of: None,
) -> Verified:
    """Replay a shard's journal on a connection of its own; reads only.

    ``start``: the id of a checkpoint to begin from, or ``LATEST``; ``archive``: where months of the
    journal are that have left. Raises NoCheckpoint, Unsound where that one cannot be begun from,
    and NotFound and ValidationFailed where archives are needed. ``progress`` is told how many
    commands are done, and of how many.
    """
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = {PAUSE_MAX_MS}")
        replay = _Replay(cursor, shard_id)
        if start is not None:
            replay.begin_from(choose(cursor, shard_id, start))
        replay.note_checkpoints(list_rows(cursor, shard_id))
        for recorded in replay.past.journal(shard_id, replay.last_id, archive):
            replay.take(recorded)
        with connection.cursor(name="journal") as journal:
            journal.itersize = JOURNAL_ROWS
            journal.execute(READ_JOURNAL, (shard_id, replay.last_id))
            for row in journal:
                replay.take(Recorded(*row))
                if replay.found.commands % PROGRESS_EVERY == 0:
                    progress(replay.found.commands, replay.commands_ahead)
        replay.finish()
    return replay.found


class _Replay:
    def __init__(self, cursor: "psycopg.Cursor[Any]", shard_id: int) -> None:
        self._cursor = cursor
        self.past = Past(cursor)
        self.engine = Engine()
        self._terms: dict[int, MarketTerms] = {}
        self._assets: dict[int, AssetTerms] = read_assets(cursor)
        self._scales = {asset_id: asset.scale for asset_id, asset in self._assets.items()}
        self._position = read_position(cursor, shard_id)
        self.found = Verified(shard_id, self._position.journal_sequence)
        self._fee_account_id = read_fee_account(cursor, shard_id)
        self._stored_hash = rebuilt_hash(cursor, shard_id)
        self._closed: dict[int, TouchedOrder] = {}
        self._trades: list[tuple[wire.TradeState, list[EntryRow]]] = []
        self._prevented = Appended("prevented match", COMPARED_PREVENTED)
        # What its accounts exchanged of each.
        self._exchanged: list[list[EntryRow]] = []
        self._amended = Appended("amendment", COMPARED_AMENDMENTS)
        since: Any = cursor.execute(STORED_SINCE, (shard_id,)).fetchone() or (0, 0)
        self._prevented_since, self._amended_since = since
        self._open_lists: dict[int, wire.ListState] = {}
        self._done_lists: dict[int, wire.ListState] = {}
        # Where it began, and the last command that it has come to.
        self.last_id = self._start = self._sequence = 0
        self._passing = Passing(cursor, [])
        self._ids = IdSequence(shard_id=shard_id, last=0)
        self._handovers = Handovers(cursor, shard_id)

    # --- checkpoints --------------------------------------------------------------------------

    @property
    def commands_ahead(self) -> int:
        """Return how many commands there are from where it began."""
        return self._position.journal_sequence - self._start

    def begin_from(self, row: CheckpointRow) -> None:
        """Take up what a checkpoint holds, of which nothing is known but its own hash."""
        loaded = load_checkpoint(self._cursor, row)
        self.found.checkpoint = row.id
        self.engine, self._terms = loaded.engine, loaded.terms
        self._start = self._sequence = row.journal_sequence
        self.last_id = self._prevented.last_id = self._amended.last_id = loaded.last_id
        # How they were placed is before it; whether they are done is not.
        list_ids = [list_id for market in self.engine.markets() for list_id in market.lists]
        self._open_lists = read_lists(self._cursor, list_ids)

    def note_checkpoints(self, rows: list[CheckpointRow]) -> None:
        """Take up which ones are to be passed; others of where it begins are passed at once."""
        self._passing = Passing(
            self._cursor,
            (
                row
                for row in rows
                if row.journal_sequence >= self._start and row.id != self.found.checkpoint
            ),
        )
        self._pass_checkpoints()

    def _pass_checkpoints(self) -> None:
        for difference in self._passing.differences(self._sequence, self.engine, self._terms):
            self._differ(difference)

    # --- the journal --------------------------------------------------------------------------

    def take(self, row: Recorded) -> None:
        """Apply one journaled command and hold its outcome against what was recorded."""
        self.found.commands += 1
        self._sequence += 1
        if row.sequence != self._sequence:
            self._differ(f"journal: expected sequence {self._sequence}, found {row.sequence}")
        if row.reached_engine:
            self._replay(row)
        self._pass_checkpoints()

    def _replay(self, row: Recorded) -> None:
        command = decode_command(row.body)
        try:
            outcome, reason = self._apply(command, row)
        except Refused as refused:
            outcome, reason = "refused before the engine", refused.reason
        if (outcome, reason) != (row.outcome, row.reason):
            self._differ(
                f"command {row.sequence}: recorded {row.outcome} {row.reason},"
                f" replayed {outcome} {reason}"
            )
        self.engine.commit()
        if len(self._closed) >= CHUNK_MAX:
            self._compare_orders()
        if len(self._trades) >= CHUNK_MAX:
            self._compare_trades()
        if len(self._done_lists) >= CHUNK_MAX:
            self._compare_lists(self._done_lists, are_done=True)
        if len(self._prevented.replayed) >= CHUNK_MAX:
            self._compare_prevented(are_all=False)
        if len(self._amended.replayed) >= CHUNK_MAX:
            self._compare_appended(self._amended, are_all=False)

    def _apply(self, command: WireCommand, row: Recorded) -> tuple[str, str]:
        """Run a command through its kind, as the worker did, with what it was given then."""
        kind = kind_of(command)
        asset = kind.pays_with(command, self)
        given = row.given(None if asset is None else asset.scale)
        steps = kind.steps(command, given, self)
        outcome = Outcome(
            ids=self._ids,
            fee_account_id=self._fee_account_id,
            time_us=row.time_us,
            time_text="",
        )
        for step in steps:
            events: list[Event] = self.engine.apply(step.command)
            if events and isinstance(events[0], OrderRejected):
                return "rejected", events[0].reason
            outcome.absorb(events, step.terms, 0, Told())
            self._note_trades(outcome)
        for change in kind.afterwards(command, given, self):
            self.engine.apply(change)
        terms = kind.new_terms(command, steps)
        if terms is not None:
            self._terms[terms.market_id] = terms
        self._note_move(command, outcome)
        placed = kind.list_of(command, given)
        if placed is not None:
            self._open_lists[placed.id] = placed
        for list_id in outcome.done_lists:
            self._done_lists[list_id] = self._open_lists.pop(list_id)
        if self._sequence > self._amended_since:
            self._amended.replayed += map(compared_amendment, outcome.amendments)
        touched = outcome.orders.items()
        self._closed |= {id_: one for id_, one in touched if self.engine.order(id_) is None}
        return "applied", ""

    def _note_move(self, command: WireCommand, outcome: Outcome) -> None:
        """Take up a market that was adopted; hold one that was let go against its handover."""
        if isinstance(command, AdoptMarket):
            lists = self.engine.market(command.market_id).lists
            self._open_lists |= read_lists(self._cursor, list(lists))
        elif isinstance(command, ReleaseMarket):
            terms = self._terms.pop(command.market_id)
            released = outcome.released[command.market_id]
            handovers = self._handovers.differences(command, released, terms, self._sequence)
            for difference in handovers:
                self._differ(difference)
            for list_id in released.market.lists:
                del self._open_lists[list_id]

    # --- the shard as kinds see it ------------------------------------------------------------

    @property
    def shard_id(self) -> int:
        """Return which shard it is."""
        return self.found.shard_id

    @property
    def assets(self) -> dict[int, AssetTerms]:
        """Return all assets by id."""
        return self._assets

    def terms_here(self, market_id: int) -> MarketTerms:
        """Return a market's terms as of this point of the journal."""
        return self._terms[market_id]

    def handed_over(self, handover_id: int) -> HandedOver:
        """Return what another shard let go to this one."""
        return self._handovers.taken(handover_id)

    def _note_trades(self, outcome: Outcome) -> None:
        """Take up a step's trades with their entries, told to the client or not, and who met."""
        markets = outcome.markets.values()
        trades = [trade for market in markets for trade in market.trades]
        exchanged: dict[int, list[EntryRow]] = {}
        if trades or outcome.entries:
            entries: dict[int, list[EntryRow]] = {}
            for entry in outcome.entries:
                by_id = exchanged if entry.kind == "prevented" else entries
                by_id.setdefault(entry.trade_id, []).append(entry)
            self._trades += zip(trades, entries.values(), strict=True)
            outcome.entries.clear()
        is_stored = self._sequence > self._prevented_since
        for market in markets:
            market.trades.clear()
            for change in market.changes:
                # Of each the maker is told, and the taker.
                met = change.prevented
                if met is not None and not change.is_maker and is_stored:
                    self._prevented.replayed.append(compared_prevented(met))
                    self._exchanged.append(exchanged.get(met.id, []))
            market.changes.clear()

    # --- against the tables -------------------------------------------------------------------

    def finish(self) -> None:
        """Compare what is left, the open orders, the counters and the engines as wholes."""
        self._compare_orders()
        self._compare_trades()
        self._compare_lists(self._done_lists, are_done=True)
        self._compare_lists(self._open_lists, are_done=False)
        self._compare_prevented(are_all=True)
        self._compare_appended(self._amended, are_all=True)
        for order in (o for m in self.engine.markets() for o in m.open_orders()):
            terms = self._terms[order.market_id]
            self._closed[order.order_id] = TouchedOrder(
                order, terms, latest_state(order, terms), False
            )
        self._compare_orders()
        said = self._position.journal_sequence
        if said != self._sequence:
            self._differ(f"shard: says {said} commands, the journal has {self._sequence}")
        for difference in self._passing.never_come_to():
            self._differ(difference)
        self.found.passed, self.found.unread = self._passing.passed, self._passing.unread
        self.found.state_hash = self.engine.state_hash()
        if self._stored_hash != self.found.state_hash:
            self._differ(
                f"engine: replayed {self.found.state_hash}, from the tables {self._stored_hash}"
            )

    def _compare_orders(self) -> None:
        if not self._closed:
            return
        self._cursor.execute(COMPARED_ORDERS, (list(self._closed),))
        rows = {row[0]: row[1:] for row in self._cursor.fetchall()}
        for order_id, touched in self._closed.items():
            replayed = compared_order(touched)
            if order_id < self.past.orders_below:
                self.found.archived += 1
            elif rows.get(order_id) != replayed:
                self._differ(f"order {order_id}: stored {rows.get(order_id)}, replayed {replayed}")
        self.found.orders += len(self._closed)
        self._closed.clear()

    def _compare_trades(self) -> None:
        by_market: dict[int, list[tuple[wire.TradeState, list[EntryRow]]]] = {}
        for trade, entries in self._trades:
            by_market.setdefault(trade.market_id, []).append((trade, entries))
        for market_id, trades in by_market.items():
            first, last = trades[0][0].sequence, trades[-1][0].sequence
            self._cursor.execute(COMPARED_TRADES, (market_id, first, last))
            rows = {row[2]: row for row in self._cursor.fetchall()}
            stored_entries = read_entries(self._cursor, [row[0] for row in rows.values()])
            for trade, entries in trades:
                if self.past.has_left(market_id, trade.sequence):
                    self.found.archived += 1
                    continue
                self._compare_trade(trade, entries, rows.get(trade.sequence), stored_entries)
        self.found.trades += len(self._trades)
        self._trades.clear()

    def _compare_lists(self, lists: dict[int, wire.ListState], *, are_done: bool) -> None:
        self._cursor.execute(COMPARED_LISTS, (list(lists),))
        rows = {row[0]: row for row in self._cursor.fetchall()}
        for list_id, state in lists.items():
            replayed = compared_list(state, is_done=are_done)
            if rows.get(list_id) != replayed:
                self._differ(f"list {list_id}: stored {rows.get(list_id)}, replayed {replayed}")
        lists.clear()

    def _compare_prevented(self, *, are_all: bool) -> None:
        """Hold who met against as many rows, and what they exchanged against its entries."""
        ids = self._compare_appended(self._prevented, are_all=are_all)
        stored_entries = read_entries(self._cursor, ids)
        for id_, entries in zip(ids, self._exchanged, strict=False):
            self._compare_entries(id_, f"prevented match {id_}", entries, stored_entries)
        self._exchanged.clear()

    def _compare_appended(self, appended: Appended, *, are_all: bool) -> list[int]:
        """Hold rows against those that are stored; return the ids of these."""
        ids, difference = appended.compare(self._cursor, self.shard_id, are_all=are_all)
        if difference:
            self._differ(difference)
        return ids

    def _compare_trade(
        self,
        trade: wire.TradeState,
        entries: list[EntryRow],
        row: tuple[Any, ...] | None,
        stored_entries: dict[int, list[ComparedEntry]],
    ) -> None:
        name = f"trade {trade.sequence} of market {trade.market_id}"
        if row is None:
            self._differ(f"{name}: missing")
            return
        replayed = compared_trade(trade)
        if row[1:] != replayed:
            self._differ(f"{name}: stored {row[1:]}, replayed {replayed}")
        self._compare_entries(row[0], name, entries, stored_entries)

    def _compare_entries(
        self,
        id_: int,
        name: str,
        entries: list[EntryRow],
        stored: dict[int, list[ComparedEntry]],
    ) -> None:
        if id_ < self.past.entries_below:
            return
        expected = compared_entries(entries, self._scales)
        if (found := sorted(stored.get(id_, []))) != expected:
            self._differ(f"{name}: entries {found}, replayed {expected}")
        self.found.entries += len(expected)

    def _differ(self, text: str) -> None:
        if len(self.found.differences) < DIFFERENCES_MAX:
            self.found.differences.append(text)
