"""Decide a batch: apply its commands in order and collect what they do. No I/O but the engine.

Everything a command is decided with is either the engine's own state or in ``Figures``, read
before. What comes out is a ``Decision``: rows for one transaction, and what to tell after it.
"""

from functools import partial

import msgspec
import structlog

from accounts.money.ledger import AccountFigures, BalanceKey
from matching import wire
from matching.engine import Engine
from matching.engine.engine import Mark
from matching.engine.entering import refusal_before
from matching.engine.types import Command, Event, OrderClosed, OrderRejected
from matching.gateway.reply_codes import code_of
from matching.markets.soundness import PHASES, require_sound
from matching.markets.terms import AssetTerms, MarketTerms
from matching.orders.ids import IdSequence
from matching.worker import room, translate
from matching.worker.entries import Entry
from matching.worker.outcome import Outcome, latest_state
from matching.worker.room import Crowded
from matching.worker.rows import BatchRows, KeyBinding, rows_of
from matching.worker.translate import Given, Refused
from zavora.foundation.errors import ValidationFailed
from zavora.foundation.money import units_to_text
from zavora.foundation.rows import NULL, copy_bytes, copy_text

log = structlog.get_logger(__name__)

ACTOR_LENGTH_MAX = 128  # as the journal's column


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


class _Verdict(msgspec.Struct, gc=False):
    """What became of one command, for its journal row and its reply."""

    outcome: str
    reply: wire.Reply
    reached_engine: bool = False
    given: Given | None = None
    funds_scale: int | None = None
    binds_key: bool = False


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
    ) -> None:
        """Begin a batch; ``journal_before`` counts what is journaled, or about to be, before it."""
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
        self.outcome = Outcome(
            ids=context.ids,
            fee_account_id=context.fee_account_id,
            time_us=time_us,
            time_text=time_text,
        )
        self.journal_rows: list[str] = []
        self.keys: dict[tuple[int, str], KeyBinding] = {}
        self.new_terms: dict[int, MarketTerms] = {}
        self.replies: dict[str, list[tuple[int, bytes]]] = {}
        self.last_stream_id = ""
        # What the engine's later state must not touch; set once all commands are decided.
        self.rows = BatchRows()
        self.mark: Mark = (0, 0)
        self._entry = _NO_ENTRY

    def terms(self, market_id: int) -> MarketTerms | None:
        """Return a market's terms as of this point of the batch."""
        return self.new_terms.get(market_id) or self._context.terms.get(market_id)

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
        """Decide one command, journal it and prepare its reply. Engine exceptions pass through.

        Raises Crowded where the totals of more balances must be known to decide it.
        """
        command = entry.command
        self._entry = entry
        if entry.blame:
            verdict = _void("the command failed inside and was recorded as void")
        elif command is None:
            verdict = _refusal("bad_command", "the command could not be read")
        else:
            verdict = self._once(command)
        self.last_stream_id = entry.stream_id
        encoded = wire.encode(verdict.reply)
        key = getattr(command, "key", None)
        if key is not None and verdict.binds_key:
            self.keys[(command.account_id, key)] = (  # type: ignore[union-attr]
                wire.fingerprint(command),  # type: ignore[arg-type]
                encoded,
            )
        self._journal(entry, verdict)
        if entry.reply_to:
            self.replies.setdefault(entry.reply_to, []).append((entry.correlation, encoded))

    def _once(self, command: wire.WireCommand) -> _Verdict:
        """Decide a command unless its key is bound already; then that was its result."""
        key = getattr(command, "key", None)
        if key is not None:
            name = (command.account_id, key)  # type: ignore[union-attr]
            bound = self.keys.get(name) or self._figures.keys.get(name)
            if bound is not None:
                if bound[0] != wire.fingerprint(command):
                    return _refusal("conflict", "this key was used for a different request")
                return _Verdict("duplicate", wire.decode_reply(bound[1]))
        deadline_ms = getattr(command, "deadline_ms", None)
        if deadline_ms is not None and self.time_us > deadline_ms * 1000:
            return _Verdict(
                "expired",
                wire.Reply("expired", "the command waited too long and was dropped", "expired"),
            )
        try:
            verdict = self._apply(command)
        except Refused as refused:
            verdict = _refusal(refused.reason, str(refused))
        verdict.binds_key = verdict.reply.reason != "wrong_shard"
        return verdict

    def _apply(self, command: wire.WireCommand) -> _Verdict:
        kind = type(command)
        if kind is wire.PlaceOrder:
            return self._place(command)  # type: ignore[arg-type]
        if kind is wire.CancelOrder:
            return self._cancel(command)  # type: ignore[arg-type]
        if isinstance(command, wire.CancelAllOrders):
            return self._cancel_all(command)
        if isinstance(command, wire.AmendOrder):
            return self._amend(command)
        if isinstance(command, wire.ConfigureMarket):
            return self._configure(command)
        return self._set_phase(command)  # type: ignore[arg-type]

    def _place(self, command: wire.PlaceOrder) -> _Verdict:
        terms = self._terms_here(command.market_id)
        account = self._active_account(command.account_id)
        asset = terms.quote if command.side == "buy" else terms.base
        maker_ppm, taker_ppm = account.maker_fee_ppm, account.taker_fee_ppm
        given = Given(
            self.time_us,
            self.ids.next(),
            self._available((command.account_id, asset.asset_id)),
            terms.maker_fee_ppm if maker_ppm is None else maker_ppm,
            terms.taker_fee_ppm if taker_ppm is None else taker_ppm,
            account.owner_id,
        )
        engine_command = translate.place(command, given, terms)
        market = self.engine.market(command.market_id)
        brings_units = room.could_bring_units(market, engine_command)
        is_watched = self._watches(command.account_id, command.side, terms, brings_units)
        return self._run(
            engine_command, terms, given, asset.scale, given.fresh_id, is_watched=is_watched
        )

    def _amend(self, command: wire.AmendOrder) -> _Verdict:
        terms = self._terms_here(command.market_id)
        self._active_account(command.account_id)
        order = self.engine.order(command.order_id)
        side = "buy" if order is None else order.side
        asset = terms.quote if side == "buy" else terms.base
        given = Given(
            self.time_us,
            self.ids.next(),
            self._available((command.account_id, asset.asset_id)),
        )
        engine_command = translate.amend(command, given, terms)
        is_watched = False
        if order is not None and order.account_id == command.account_id:
            market = self.engine.market(order.market_id)
            brings, amount = room.could_amount_to_units(market, order, engine_command)
            is_watched = self._watches(command.account_id, side, terms, brings) or (
                not room.is_harmless(amount, terms.quote.scale)
            )
        return self._run(
            engine_command, terms, given, asset.scale, command.order_id, is_watched=is_watched
        )

    def _cancel(self, command: wire.CancelOrder) -> _Verdict:
        terms = self._terms_here(command.market_id)
        given = Given(self.time_us)
        engine_command = translate.cancel(command, given, self.engine)
        if command.only_status or command.replacement is not None:
            self._check_conditions(command, engine_command.order_id, terms)
        return self._run(
            engine_command, terms, given, None, engine_command.order_id, command.cancel_name
        )

    def _check_conditions(
        self, command: wire.CancelOrder, order_id: int, terms: MarketTerms
    ) -> None:
        """Raise Refused where a cancel's conditions do not hold; of no order the engine tells."""
        order = self.engine.order(order_id)
        if order is None or order.account_id != command.account_id:
            return
        if command.only_status and order.status != command.only_status:
            raise Refused("cancel_restricted", f"The order is not {command.only_status}.")
        following = command.replacement
        if following is None:
            return
        account = self._active_account(command.account_id)
        asset = terms.quote if following.side == "buy" else terms.base
        funds_units = self._available((command.account_id, asset.asset_id))
        if following.side == order.side:
            funds_units += order.hold_units  # what the cancel sets free
        given = Given(self.time_us, funds_units=funds_units, owner_id=account.owner_id)
        placed = translate.place(following, given, terms)
        market = self.engine.market(terms.market_id)
        refused = refusal_before(market, placed, leaving=order)
        if refused is not None:
            raise Refused(refused.reason, refused.message)
        brings_units = room.could_bring_units(market, placed)
        if self._watches(
            command.account_id, following.side, terms, brings_units
        ) and room.lacks_room_after(
            self.engine, order, placed, terms, self._figures.totals, self.outcome.changes
        ):
            raise room.full()

    def _cancel_all(self, command: wire.CancelAllOrders) -> _Verdict:
        given = Given(self.time_us)
        if command.market_id is not None:
            self._terms_here(command.market_id)
        market_ids = [market.rules.market_id for market in self.engine.markets()]
        orders: list[wire.OrderState] = []
        for engine_command in translate.cancel_all(command, given, market_ids):
            terms = self._terms_here(engine_command.market_id)
            events = self._to_engine(engine_command, terms, command.cancel_name)[0]
            orders += [
                latest_state(event.order, terms)
                for event in events
                if isinstance(event, OrderClosed)
            ]
        return _Verdict("applied", wire.Reply("", orders=orders), True, given)

    def _configure(self, command: wire.ConfigureMarket) -> _Verdict:
        if command.market_id in self._context.set_aside:
            # It is no new market, and its counters are not known here.
            raise Refused("wrong_shard", "the market is set aside")
        given = Given(self.time_us)
        terms = translate.configured_terms(
            command, shard_id=self._context.shard_id, assets=self._context.assets
        )
        try:
            require_sound(terms)
        except ValidationFailed as error:
            raise translate.refused_rules(error) from None
        verdict = self._run(translate.configure(terms, given), terms, given, None, 0)
        if verdict.outcome == "applied":
            self.new_terms[terms.market_id] = terms
        return verdict

    def _set_phase(self, command: wire.SetMarketPhase) -> _Verdict:
        terms = self._terms_here(command.market_id)
        if command.phase not in PHASES:
            raise Refused("validation_error", f"phase: expected one of {', '.join(PHASES)}")
        given = Given(self.time_us)
        verdict = self._run(translate.set_phase(command, given), terms, given, None, 0)
        if verdict.outcome == "applied":
            self.new_terms[terms.market_id] = msgspec.structs.replace(terms, phase=command.phase)
        return verdict

    # --- room in balances ---------------------------------------------------------------------

    def _watches(self, account_id: int, side: str, terms: MarketTerms, brings_units: int) -> bool:
        """Tell whether the command's every step must be held against the room of balances.

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

    def _apply_watched(self, terms: MarketTerms, command: Command) -> list[Event]:
        """Apply a command whose balances are watched. Raises Refused where its own has no room.

        A resting order that it meets and that has none is ended first, by a journaled command: one
        full balance must not shut a market.
        """
        entry = self._entry
        while True:
            mark = self.engine.mark()
            events = self.engine.apply(command)
            if not events or type(events[0]) is OrderRejected:
                return events
            order = room.first_without_room(
                events, terms, self._figures.totals, self.outcome.changes
            )
            if order is None:
                return events
            taker = events[0].order  # type: ignore[union-attr]
            account_id, order_id = order.account_id, order.order_id
            self.engine.undo(back_to=mark)
            if order is taker:
                raise room.full()
            log.warning("order_ended_balance_full", account_id=account_id, order_id=order_id)
            cancel = wire.CancelOrder(account_id, terms.market_id, order_id, reason="balance_full")
            self.decide(
                msgspec.structs.replace(
                    entry, body=wire.encode(cancel), command=cancel, reply_to=""
                )
            )

    # --- the engine ---------------------------------------------------------------------------

    def _to_engine(
        self,
        command: Command,
        terms: MarketTerms,
        cancel_name: str = "",
        *,
        is_watched: bool = False,
    ) -> tuple[list[Event], list[wire.TradeState]]:
        before = 0  # asked for a market's first command in the batch only
        if terms.market_id not in self.outcome.markets and self.engine.has_market(terms.market_id):
            before = self.engine.market(terms.market_id).depth_sequence
        apply = partial(self._apply_watched, terms) if is_watched else self.engine.apply
        events: list[Event] = apply(command)
        if events and type(events[0]) is OrderRejected:
            return events, []
        return events, self.outcome.absorb(events, terms, before, cancel_name)

    def _run(
        self,
        command: Command,
        terms: MarketTerms,
        given: Given,
        funds_scale: int | None,
        order_id: int,
        cancel_name: str = "",
        *,
        is_watched: bool = False,
    ) -> _Verdict:
        """Apply an engine command about at most one own order; return what to say of it."""
        events, trades = self._to_engine(command, terms, cancel_name, is_watched=is_watched)
        if events and isinstance(events[0], OrderRejected):
            rejected = events[0]
            reply = wire.Reply(code_of(rejected.reason), rejected.message, rejected.reason)
            return _Verdict("rejected", reply, True, given, funds_scale)
        touched = self.outcome.orders.get(order_id)
        orders = [] if touched is None else [touched.state]
        return _Verdict("applied", wire.Reply("", "", "", orders, trades), True, given, funds_scale)

    # --- what the decision needs --------------------------------------------------------------

    def _terms_here(self, market_id: int) -> MarketTerms:
        terms = self.terms(market_id)
        if terms is None:
            raise Refused("wrong_shard", "the market is not matched here")
        return terms

    def _active_account(self, account_id: int) -> AccountFigures:
        account = self._figures.accounts.get(account_id)
        if account is None:
            raise Refused("account_not_found", "no such account")
        if account.status != "active":
            raise Refused("account_frozen", f"the account is {account.status}")
        return account

    def _available(self, key: BalanceKey) -> int:
        return self._figures.available.get(key, 0) + self.outcome.available_change(key)

    # --- the journal --------------------------------------------------------------------------

    def _journal(self, entry: Entry, verdict: _Verdict) -> None:
        command, given = entry.command, verdict.given
        sequence = self._journal_before + len(self.journal_rows) + 1
        kind = "unreadable" if command is None else _KINDS[type(command)]
        account_id = getattr(command, "account_id", None)
        market_id = getattr(command, "market_id", None)
        funds = NULL
        if given is not None and verdict.funds_scale is not None:
            funds = units_to_text(given.funds_units, verdict.funds_scale)
        has_id = given is not None and given.fresh_id
        self.journal_rows.append(
            f"{self.ids.next()}\t{self._context.shard_id}\t{sequence}\t{entry.stream_id}\t{kind}"
            f"\t{NULL if account_id is None else account_id}"
            f"\t{NULL if market_id is None else market_id}\t{copy_bytes(entry.body)}"
            f"\t{copy_text(entry.request_id)}\t{self.time_text}"
            f"\t{given.fresh_id if has_id else NULL}\t{funds}"  # type: ignore[union-attr]
            f"\t{NULL if given is None else given.maker_ppm}"
            f"\t{NULL if given is None else given.taker_ppm}"
            f"\t{given.owner_id if given is not None and given.owner_id else NULL}"
            f"\t{'t' if verdict.reached_engine else 'f'}\t{verdict.outcome}"
            f"\t{entry.blame or verdict.reply.reason}\t{_actor_of(command)}"
        )


def _actor_of(command: wire.WireCommand | None) -> str:
    """Return who asked for a command as a field of its row; a customer's commands name nobody."""
    actor = getattr(command, "actor", "")
    if not actor:
        return NULL
    # Whatever was queued, the row must fit its column.
    return copy_text(actor.replace("\0", "")[:ACTOR_LENGTH_MAX]) or NULL


_KINDS = {
    wire.PlaceOrder: "place",
    wire.CancelOrder: "cancel",
    wire.CancelAllOrders: "cancel_all",
    wire.AmendOrder: "amend",
    wire.ConfigureMarket: "configure",
    wire.SetMarketPhase: "phase",
}


def _refusal(reason: str, message: str) -> _Verdict:
    code = reason if reason in ("conflict", "expired") else code_of(reason)
    return _Verdict("rejected", wire.Reply(code, message, reason))


def _void(message: str) -> _Verdict:
    return _Verdict("void", wire.Reply("internal_error", message, "void"))
