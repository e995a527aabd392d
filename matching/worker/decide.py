"""Decide a batch: apply its commands in order and collect what they do. No I/O but the engine.

Everything a command is decided with is either the engine's own state or in ``Figures``, read
before. What comes out is a ``Decision``: rows for one transaction, and what to tell after it.
"""

from collections import Counter

import msgspec
import structlog

from accounts.money.balances import AccountFigures, BalanceKey
from matching import wire
from matching.commands import KINDS, encode, fingerprint, key_of, kind_of, parts_of, room
from matching.commands.base import Refused, Step, WireCommand
from matching.commands.cancel import CancelOrder
from matching.commands.room import Crowded
from matching.engine import Engine
from matching.engine.events import Event, OrderRejected
from matching.engine.undo import START, Mark
from matching.gateway.reply_codes import code_of
from matching.markets.handing import HandedOver
from matching.markets.terms import AssetTerms, MarketTerms
from matching.orders.ids import IdSequence
from matching.rows.journal import Verdict, journal_row
from matching.rows.keys import KeyBinding, KeyName
from matching.worker.batch_rows import BatchRows, rows_of
from matching.worker.entries import Entry
from matching.worker.messages import TOO_MANY, MessageCounts, limits_any
from matching.worker.outcome import Outcome, Told

log = structlog.get_logger(__name__)

_NO_ENTRY = Entry("", b"", "", "", 0, None)


class Figures(msgspec.Struct):
    """What was read from the tables for a batch, without locks.

    ``totals`` (available and locked) of balances whose room is watched: mostly none.
    """

    accounts: dict[int, AccountFigures]
    available: dict[BalanceKey, int]
    keys: dict[tuple[int, str], KeyBinding]
    nearly_full: set[BalanceKey] = set()
    totals: dict[BalanceKey, int] = {}


class ShardContext(msgspec.Struct):
    """What a worker remembers of its shard between batches, beside the engine."""

    shard_id: int
    engine: Engine
    ids: IdSequence
    terms: dict[int, MarketTerms]
    assets: dict[int, AssetTerms]
    scales: dict[int, int]
    fee_account_id: int
    journal_sequence: int
    event_sequences: dict[int, int]
    last_batch_us: int
    # Markets of the shard that could not be loaded, by id: nothing is taken for them.
    set_aside: dict[int, str] = {}
    # What accounts have sent to markets in the present window.
    messages: MessageCounts = msgspec.field(default_factory=lambda: MessageCounts(0))
    # Balances whose rows are there (``accounts.money.ledger.lock_balances``).
    balances_there: set[BalanceKey] = set()
    # What other shards let go to this one, as it was read for the batch that adopts it.
    handed: dict[int, HandedOver] = {}


class Decision:
    """The effect of one batch. Built by calling ``decide`` for each entry in order."""

    def __init__(
        self,
        context: ShardContext,
        figures: Figures,
        *,
        time_us: int,
        time_text: str,
        journal_before: int | None = None,
        messages: MessageCounts | None = None,
    ) -> None:
        """Begin a batch; ``journal_before`` counts what is journaled, or about to be, before it.

        So do ``messages`` what accounts have sent.
        """
        self._context = context
        self._journal_before = (
            context.journal_sequence if journal_before is None else journal_before
        )
        self._figures = figures
        self.time_us = time_us
        self.time_text = time_text
        self.engine = context.engine
        self.ids = context.ids
        self.ids.start_at(time_us)
        self.new_id = self.ids.next
        self.outcome = Outcome(
            ids=context.ids,
            fee_account_id=context.fee_account_id,
            time_us=time_us,
            time_text=time_text,
        )
        self.journal_rows: list[str] = []
        self.keys: dict[tuple[int, str], KeyBinding] = {}
        self.new_terms: dict[int, MarketTerms] = {}
        # As of this point of the batch; the shard's own until the batch changes one.
        self._terms = context.terms
        self.messages = MessageCounts(time_us, messages or context.messages)
        self._limits_messages = limits_any(context.terms)
        self.replies: dict[str, list[tuple[int, bytes]]] = {}
        # How many commands of a kind had which outcome.
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.last_stream_id = ""
        # The command that stands alone in the batch, if it is one of those.
        self.alone: WireCommand | None = None
        # What switches there were before it.
        self.switches_before: list[tuple[int, int, int]] = []
        # What the engine's later state must not touch; set once all commands are decided.
        self.rows = BatchRows()
        self.mark: Mark = START
        self._entry = _NO_ENTRY

    def terms(self, market_id: int) -> MarketTerms | None:
        """Return a market's terms as of this point of the batch."""
        return self._terms.get(market_id)

    def close(self) -> None:
        """Write down everything that is read from the engine: it may go on before the commit."""
        self.rows = rows_of(
            self.outcome,
            self.engine,
            self.terms,
            keys=self.keys,
            ids=self.ids,
            time_text=self.time_text,
        )
        self.mark = self.engine.mark()

    # --- one entry ----------------------------------------------------------------------------

    def decide(self, entry: Entry) -> None:
        """Decide one entry, journal it and prepare its reply. Engine exceptions pass through.

        Raises Crowded where the totals of more balances must be known to decide it.
        """
        command = entry.command
        if command is not None and KINDS[type(command)].stands_alone:
            self.alone = command
            self.switches_before = list(self.engine.switches)
        if command is not None and KINDS[type(command)].is_several and not entry.blame:
            encoded = self._decide_parts(entry, command)
        else:
            encoded = self._decide_one(entry)
        self.last_stream_id = entry.stream_id
        if entry.reply_to:
            self.replies.setdefault(entry.reply_to, []).append((entry.correlation, encoded))

    def _decide_parts(self, entry: Entry, command: WireCommand) -> bytes:
        """Decide each part of an entry as if it came alone; return the encoded replies as one."""
        replies = [
            self._decide_one(msgspec.structs.replace(entry, body=encode(part), command=part))
            for part in parts_of(command)
        ]
        return wire.encode(wire.Reply("", parts=replies))

    def _decide_one(self, entry: Entry) -> bytes:
        """Decide one command and journal it; return its encoded reply."""
        command = entry.command
        name = key_of(command)
        self._entry = entry
        if entry.blame:
            verdict, reply = _void("the command failed inside and was recorded as void")
        elif command is None:
            verdict, reply = _refusal("bad_command", "the command could not be read")
        else:
            verdict, reply = self._once(command, name)
        encoded = wire.encode(reply)
        kind = "unreadable" if command is None else kind_of(command).name
        self.outcomes[kind, verdict.outcome] += 1
        if name is not None and _binds_key(verdict):
            self.keys[name] = (fingerprint(command), encoded)  # type: ignore[arg-type]
        self.journal_rows.append(
            journal_row(
                self.ids.next(),
                self._context.shard_id,
                self._journal_before + len(self.journal_rows) + 1,
                entry,
                verdict,
                self.time_text,
            )
        )
        return encoded

    def _once(self, command: WireCommand, name: KeyName | None) -> tuple[Verdict, wire.Reply]:
        """Decide a command unless its key is bound already; then that was its result."""
        if name is not None:
            bound = self.keys.get(name) or self._figures.keys.get(name)
            if bound is not None:
                if bound[0] != fingerprint(command):
                    return _refusal("conflict", "this key was used for a different request")
                reply = wire.decode_reply(bound[1])
                return Verdict("duplicate", reply.reason), reply
        deadline_ms = getattr(command, "deadline_ms", None)
        if deadline_ms is not None and self.time_us > deadline_ms * 1000:
            message = "the command waited too long and was dropped"
            return Verdict("expired", "expired"), wire.Reply("expired", message, "expired")
        try:
            if self._limits_messages:
                self._count(command)
            return self._apply(command)
        except Refused as refused:
            return _refusal(refused.reason, str(refused), refused.limit)

    def _count(self, command: WireCommand) -> None:
        """Count what the command sends to markets that limit it. Raises Refused."""
        for account_id, market_id, number in kind_of(command).messages(command):
            terms = self._terms.get(market_id)
            number_max = None if terms is None else terms.rules.max_messages
            if number_max is not None:
                self.messages.add((account_id, market_id), number, number_max)

    def _apply(self, command: WireCommand) -> tuple[Verdict, wire.Reply]:
        """Run a command through its kind; replay does the same with what was given then."""
        kind = kind_of(command)
        given = kind.given(command, self)
        steps = kind.steps(command, given, self)
        kind.check(command, given, steps, self)
        told = Told()
        for step in steps:
            # Whatever moves the price may let orders trade that others have placed.
            is_watched = kind.is_watched(command, step, self) or bool(self._figures.totals)
            depth_before = self._depth_before(step)
            events = self._events_with_room(step) if is_watched else self.engine.apply(step.command)
            if events and type(events[0]) is OrderRejected:
                rejected = events[0]
                verdict = Verdict("rejected", rejected.reason, True, given)
                halves = kind.halves_refused(events)
                if halves is not None:
                    return verdict, wire.Reply("", halves=halves)
                code = code_of(rejected.reason)
                return verdict, wire.Reply(code, rejected.message, rejected.reason)
            self.outcome.absorb(events, step.terms, depth_before, told, kind.cancel_name(command))
        due_us = 0
        for change in kind.afterwards(command, given, self):
            due_us = self.outcome.note_switches(self.engine.apply(change))
        terms = kind.new_terms(command, steps)
        if terms is not None:
            self._renew(terms)
        if self.outcome.phases:
            self._keep_phases()
        list_id = 0
        placed = kind.list_of(command, given)
        if placed is not None:
            list_id = placed.id
            self.outcome.lists[list_id] = placed
        reply = wire.Reply(
            *("", "", "", told.orders, told.trades, due_us, list_id, told.protection, told.halves)
        )
        return Verdict("applied", "", True, given), reply

    def _keep_phases(self) -> None:
        """Let the terms of markets be of the phases that they are in, whoever changed them."""
        for market_id, phase in self.outcome.phases.items():
            terms = self._terms[market_id]
            if terms.rules.phase != phase:
                rules = msgspec.structs.replace(terms.rules, phase=phase)
                self._renew(msgspec.structs.replace(terms, rules=rules))

    def _renew(self, terms: MarketTerms) -> None:
        self.new_terms[terms.market_id] = terms
        self._terms = self._context.terms | self.new_terms
        self._limits_messages = limits_any(self._terms)

    # --- the shard and the batch as kinds see them ----------------------------------------------

    @property
    def shard_id(self) -> int:
        """Return which shard it is."""
        return self._context.shard_id

    @property
    def assets(self) -> dict[int, AssetTerms]:
        """Return all assets by id."""
        return self._context.assets

    def terms_here(self, market_id: int) -> MarketTerms:
        """Return a market's terms; raise Refused where it is not matched here."""
        terms = self._terms.get(market_id)
        if terms is None:
            raise Refused("wrong_shard", "the market is not matched here")
        return terms

    def handed_over(self, handover_id: int) -> HandedOver:
        """Return what another shard let go to this one; raise Refused: there is nothing."""
        handed = self._context.handed.get(handover_id)
        if handed is None:
            raise Refused("wrong_shard", "there is no such market to adopt")
        return handed

    def is_set_aside(self, market_id: int) -> bool:
        """Tell whether the market could not be loaded here."""
        return market_id in self._context.set_aside

    def active_account(self, account_id: int) -> AccountFigures:
        """Return an account that may trade; raise Refused."""
        account = self._figures.accounts.get(account_id)
        if account is None:
            raise Refused("account_not_found", "no such account")
        if account.status != "active":
            raise Refused("account_frozen", f"the account is {account.status}")
        return account

    def available(self, account_id: int, asset_id: int) -> int:
        """Return what an account has available at this point of the batch, in smallest units."""
        key = account_id, asset_id
        units = self._figures.available.get(key, 0)
        change = self.outcome.changes.get(key)
        return units if change is None else units + change.available_units

    def total(self, account_id: int, asset_id: int) -> int:
        """Return what an account has, locked or not, at this point of the batch.

        Raises Crowded where it is not known.
        """
        key = account_id, asset_id
        units = self._figures.totals.get(key)
        if units is None:
            raise Crowded({key})
        change = self.outcome.changes.get(key)
        return units if change is None else units + change.available_units + change.locked_units

    # --- room in balances ---------------------------------------------------------------------

    def watches(self, account_id: int, side: str, terms: MarketTerms, brings_units: int) -> bool:
        """Tell whether each step must be held against the room of balances.

        Raises Crowded where that is not known of the balance that receives what it brings.
        """
        received = terms.base if side == "buy" else terms.quote
        key = account_id, received.asset_id
        figures = self._figures
        if key not in figures.totals and (
            key in figures.nearly_full or not room.is_harmless(brings_units, received.scale)
        ):
            raise Crowded({key})
        return bool(figures.totals)

    def _events_with_room(self, step: Step) -> list[Event]:
        """Apply a step whose balances are watched. Raises Refused where its own has no room.

        Another order that trades and has none is ended first, by a journaled command: one full
        balance must not shut a market.
        """
        entry, terms = self._entry, step.terms
        while True:
            mark = self.engine.mark()
            events = self.engine.apply(step.command)
            if not events or type(events[0]) is OrderRejected:
                return events
            order = room.first_without_room(
                events, terms, self._figures.totals, self.outcome.changes
            )
            if order is None:
                return events
            own = room.own_orders(events)
            account_id, order_id = order.account_id, order.order_id
            self.engine.undo(back_to=mark)
            if any(order is one for one in own):
                raise room.full()
            log.warning("order_ended_balance_full", account_id=account_id, order_id=order_id)
            cancel = CancelOrder(account_id, terms.market_id, order_id, reason="balance_full")
            self._decide_one(msgspec.structs.replace(entry, body=encode(cancel), command=cancel))

    # --- the engine ---------------------------------------------------------------------------

    def _depth_before(self, step: Step) -> int:
        """Return where the market's depth stands before the batch's first step in it."""
        market_id = step.terms.market_id
        if market_id in self.outcome.markets or not self.engine.has_market(market_id):
            return 0
        return self.engine.market(market_id).depth_sequence


def _binds_key(verdict: Verdict) -> bool:
    """Tell whether the verdict is the result of a first request, which its repetition gets."""
    return verdict.outcome in ("applied", "rejected") and verdict.reason not in (
        "wrong_shard",
        "conflict",
        "bad_command",
        TOO_MANY,
    )


def _refusal(reason: str, message: str, limit: int = 0) -> tuple[Verdict, wire.Reply]:
    code = reason if reason in ("conflict", "expired") else code_of(reason)
    return Verdict("rejected", reason), wire.Reply(code, message, reason, limit=limit)


def _void(message: str) -> tuple[Verdict, wire.Reply]:
    return Verdict("void", "void"), wire.Reply("internal_error", message, "void")
