"""Whole accounts, followed: every step of every order with its trade, then the balances it changed.

The one way in which anybody is told of orders and balances, whatever the API: each committed step
once, in the engine's order. A stream that may have missed something is told so; it never goes on
over a hole.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, Literal, Protocol

import msgspec
import structlog

from marketdata.feed.topics import Message
from marketdata.feed.view import MarketView
from matching.wire import BalanceState, ListState, MarketEvent, OrderChange, PrivatePart, TradeState
from zavora.foundation.times import microseconds_of

# Balances of one account are told by several workers and services, which do not wait for each
# other, and a worker that fell out may be followed by another that tells of its last batch: a
# version that was skipped may still come for this long.
LATE_MAX_S: Final = 10.0
# Versions of a balance awaited at most; more than this is no lateness.
AWAITED_MAX: Final = 1_000
# Execution ids: microseconds since then, and this many ids in each.
EXECUTIONS_SINCE_US: Final = microseconds_of(datetime(2025, 1, 1, tzinfo=UTC))
EXECUTION_BITS: Final = 3

log = structlog.get_logger(__name__)


# What may be gone: changes of balances only, or steps of orders, too.
Lost = Literal["balances", "everything"]


class AccountStep(msgspec.Struct, frozen=True, gc=False):
    """One step of one order. ``trade`` is there where the step is one."""

    execution_id: int
    change: OrderChange
    trade: TradeState | None


class AccountEvent(msgspec.Struct, frozen=True, gc=False):
    """What one event of a market did to one account, in order; ``balances`` are after all of it.

    ``lists``: those that were placed, and those of which nothing is open any more.
    """

    batch_us: int
    steps: list[AccountStep]
    balances: list[BalanceState]
    lists: list[ListState] = []


class AccountCodec(Protocol):
    """How one API spells what happens to an account. Compared by identity.

    Both return None where they name an asset that the codec does not know: its followers must
    begin anew.
    """

    def happened(self, view: MarketView, event: AccountEvent) -> list[Message] | None: ...

    def moved(self, change: BalanceState, newest: BalanceState) -> list[Message] | None:
        """Spell a change from outside matching; ``newest`` is how the balance stands by now."""


class AccountSink(Protocol):
    """The receiving end. Neither method may block or raise."""

    def push_account(self, account_id: int, messages: list[Message]) -> None:
        """Take messages that follow each other."""

    def lost_account(self, account_id: int, what: Lost) -> None:
        """Learn that messages are, or may be, gone for good: the client must begin anew."""


class _Followed:
    """An account that somebody follows."""

    __slots__ = ("awaited", "balances", "is_compared", "next_execution_id", "sinks", "versions")

    def __init__(self) -> None:
        self.sinks: dict[AccountCodec, dict[AccountSink, None]] = {}
        # By asset: the newest state told of, the highest version known of, those not yet told of.
        self.balances: dict[int, BalanceState] = {}
        self.versions: dict[int, int] = {}
        self.awaited: dict[int, set[int]] = {}
        # Whether ``versions`` has been compared with the tables: an asset without one has none.
        self.is_compared = False
        self.next_execution_id = 0


class AccountStreams:
    """The followed accounts of a process. All methods run in the feed's event loop."""

    def __init__(self) -> None:
        self._followed: dict[int, _Followed] = {}

    def __bool__(self) -> bool:
        return bool(self._followed)

    @property
    def account_ids(self) -> list[int]:
        """Return the accounts that somebody follows."""
        return list(self._followed)

    def follow(self, account_id: int, codec: AccountCodec, sink: AccountSink) -> None:
        """Let ``sink`` follow an account from now on; twice is once."""
        followed = self._followed.get(account_id)
        if followed is None:
            followed = self._followed[account_id] = _Followed()
        followed.sinks.setdefault(codec, {})[sink] = None

    def unfollow(self, account_id: int, codec: AccountCodec, sink: AccountSink) -> None:
        """End it; what is not followed is left alone."""
        followed = self._followed.get(account_id)
        if followed is None:
            return
        sinks = followed.sinks.get(codec, {})
        sinks.pop(sink, None)
        if not sinks:
            followed.sinks.pop(codec, None)
        if not followed.sinks:
            del self._followed[account_id]

    # --- what happens -----------------------------------------------------------------------------

    def event(self, view: MarketView, event: MarketEvent, part: PrivatePart) -> None:
        """Tell each followed account what an event of a market did to it."""
        concerned: dict[int, PrivatePart] = {}
        for change in part.changes:
            account_id = change.order.account_id
            if account_id in self._followed:
                _part_of(concerned, account_id).changes.append(change)
        for state in part.balances:
            if state.account_id in self._followed:
                _part_of(concerned, state.account_id).balances.append(state)
        for placed in part.lists:
            if placed.account_id in self._followed:
                _part_of(concerned, placed.account_id).lists.append(placed)
        trades = {trade.sequence: trade for trade in event.trades} if concerned else {}
        for account_id, its in concerned.items():
            followed = self._followed[account_id]
            happened = AccountEvent(
                event.batch_us,
                _steps(followed, event.batch_us, its.changes, trades),
                [self._newest(followed, state) for state in its.balances],
                its.lists,
            )
            for codec in list(followed.sinks):
                self._tell(account_id, followed, codec, codec.happened, view, happened)

    def moved(self, states: Iterable[BalanceState]) -> None:
        """Tell of balances that changed outside matching."""
        for state in states:
            followed = self._followed.get(state.account_id)
            if followed is None:
                continue
            known = followed.balances.get(state.asset_id)
            newest = self._newest(followed, state)
            if known is newest and not state.moved:
                continue
            for codec in list(followed.sinks):
                self._tell(state.account_id, followed, codec, codec.moved, state, newest)

    def lost(self, what: Lost) -> None:
        """Tell all: something that may have concerned anybody is gone."""
        for account_id in list(self._followed):
            self._lose(account_id, what)

    # --- what was never told ----------------------------------------------------------------------

    def compare(self, account_id: int, versions: Mapping[int, int]) -> None:
        """Compare with the tables: each asset's version there was told of, or is to come soon.

        Else the account's followers have missed something, and are told so.
        """
        followed = self._followed.get(account_id)
        if followed is None:
            return
        if not followed.is_compared:
            # From here on every change is to be told; the first look is where it begins.
            followed.is_compared = True
            for asset_id, version in versions.items():
                followed.versions.setdefault(asset_id, version)
        for asset_id, version in versions.items():
            # The state of this version, too, is still to be told.
            self._await_up_to(followed, account_id, asset_id, version + 1)

    def _newest(self, followed: _Followed, state: BalanceState) -> BalanceState:
        """Take note of a state; return it, or the newer one that is known."""
        awaited = followed.awaited.get(state.asset_id)
        if awaited is not None:
            awaited.discard(state.version)
        self._await_up_to(followed, state.account_id, state.asset_id, state.version)
        highest = followed.versions.get(state.asset_id, -1)
        followed.versions[state.asset_id] = max(highest, state.version)
        known = followed.balances.get(state.asset_id)
        if known is not None and known.version > state.version:
            return known
        followed.balances[state.asset_id] = state
        return state

    def _await_up_to(
        self, followed: _Followed, account_id: int, asset_id: int, version: int
    ) -> None:
        """Await the versions between what is known and ``version``, which has come or is none."""
        known = followed.versions.get(asset_id, 0 if followed.is_compared else version)
        if version <= known + 1:
            return
        followed.versions[asset_id] = version - 1
        skipped = range(known + 1, version)
        if len(skipped) > AWAITED_MAX:
            self._lose(account_id, "balances")
            return
        followed.awaited.setdefault(asset_id, set()).update(skipped)
        loop = asyncio.get_running_loop()
        loop.call_later(LATE_MAX_S, self._check_awaited, account_id, followed, asset_id, skipped)

    def _check_awaited(
        self, account_id: int, followed: _Followed, asset_id: int, versions: range
    ) -> None:
        awaited = followed.awaited.get(asset_id, set())
        missing = awaited.intersection(versions)
        awaited.difference_update(missing)
        if missing and self._followed.get(account_id) is followed:
            self._lose(account_id, "balances")

    def _tell(
        self,
        account_id: int,
        followed: _Followed,
        codec: AccountCodec,
        spell: Callable[..., list[Message] | None],
        *what: object,
    ) -> None:
        """Spell what happened and give it to a codec's sinks.

        What cannot be spelled or taken, against what codecs and sinks promise, is a loss for them;
        nobody else pays for it.
        """
        try:
            messages = spell(*what)
        except Exception:
            log.exception("account_message_not_spelled", account_id=account_id)
            messages = None
        for sink in list(followed.sinks.get(codec, ())):
            try:
                if messages is None:
                    sink.lost_account(account_id, "everything")
                else:
                    sink.push_account(account_id, messages)
            except Exception:
                log.exception("account_message_not_taken", account_id=account_id)

    def _lose(self, account_id: int, what: Lost) -> None:
        followed = self._followed.get(account_id)
        if followed is None:
            return
        for sinks in list(followed.sinks.values()):
            for sink in list(sinks):
                try:
                    sink.lost_account(account_id, what)
                except Exception:
                    log.exception("account_message_not_taken", account_id=account_id)


def _part_of(concerned: dict[int, PrivatePart], account_id: int) -> PrivatePart:
    """Return what is known so far of what concerns an account."""
    part = concerned.get(account_id)
    if part is None:
        part = concerned[account_id] = PrivatePart([], [], [])
    return part


def _steps(
    followed: _Followed,
    batch_us: int,
    changes: list[OrderChange],
    trades: Mapping[int, TradeState],
) -> list[AccountStep]:
    """Number an account's steps: ids follow the batch's time and, within it, the order of steps.

    An account's ids grow from step to step, in whatever market, and stay below 2^53 until 2060.
    """
    base = (batch_us - EXECUTIONS_SINCE_US) << EXECUTION_BITS
    first = max(base, followed.next_execution_id)
    followed.next_execution_id = first + len(changes)
    return [
        AccountStep(
            execution_id,
            change,
            trades.get(change.trade_sequence) if change.trade_sequence else None,
        )
        for execution_id, change in enumerate(changes, first)
    ]
