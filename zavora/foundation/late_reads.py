"""Reads that a replica may answer, because what they ask for is past and nobody's own.

Narrow and explicit: a caller hands over one selector, which takes ``using``, and says that it asks
for the past. Nothing is routed by itself, so nothing that says "it happened" or holds money can get
here (docs/durability.md has the table, ADR 47 the reasons). The replica is used while it is known
to be late by no more than ``ZAVORA_REPLICA_LAG_S``; else, and where it does not answer in time, the
primary answers. Inside a transaction the primary answers always: it must see what that wrote.

How late it is follows from positions in the log, not from clocks: what this process saw the primary
flush at some moment of its own, and the replica has replayed, the replica is not older than. A link
that broke, where a replica believes itself to be up to date, is seen so, too.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar

import structlog
from django.conf import settings
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    InterfaceError,
    close_old_connections,
    connection,
    connections,
)
from django.utils import timezone

from zavora.foundation import metrics
from zavora.foundation.growth_settings import REPLICA
from zavora.foundation.setting_values import SettingValue

log = structlog.get_logger(__name__)
Result = TypeVar("Result")

# One that does not answer so long is away; a stopped one would let its readers wait for ever.
ANSWER_MAX_S: Final = 2.0
AWAY_S: Final = 5.0
# Its readers have threads, and so connections, of their own: those that wait for a stopped server
# are no more than these, and take nobody else's.
THREADS_MAX: Final = 4
CHECKS_A_BOUND: Final = 5
CHECK_PERIOD_MAX_S: Final = 1.0
SAMPLES_MAX: Final = 64

_LAG_S: Final = SettingValue("ZAVORA_REPLICA_LAG_S")
_FLUSHED: Final = "SELECT pg_current_wal_flush_lsn() - '0/0'::pg_lsn"
_REPLAYED: Final = "SELECT pg_last_wal_replay_lsn() - '0/0'::pg_lsn WHERE pg_is_in_recovery()"


class State(StrEnum):
    """What is known of the replica."""

    UNKNOWN = "unknown"
    USED = "used"
    LATE = "late"
    AWAY = "away"


class _Replica:
    """What this process knows of the replica. Any thread may ask."""

    def __init__(self) -> None:
        self.state = State.UNKNOWN
        self.counts: Counter[str] = Counter()
        self._samples: deque[tuple[float, int]] = deque(maxlen=SAMPLES_MAX)
        self._checked_at = 0.0
        self._fresh_until = 0.0
        self._away_until = 0.0
        self._checking = threading.Lock()
        self._busy = 0
        self._counting = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def is_usable(self) -> bool:
        """Tell whether it is late by no more than it may; asks both servers now and then."""
        now = time.monotonic()
        bound_s: float = _LAG_S.value
        period_s = min(CHECK_PERIOD_MAX_S, bound_s / CHECKS_A_BOUND)
        if now < self._away_until:
            return False
        # Whoever comes while somebody asks goes by what is known.
        if now - self._checked_at >= period_s and self._checking.acquire(blocking=False):
            try:
                self._check(bound_s)
            finally:
                self._checked_at = time.monotonic()
                self._checking.release()
        return time.monotonic() < self._fresh_until

    def read(self, function: Callable[[], Result]) -> Result:
        """Run a read in a thread of the replica's. Raises DatabaseError where it gives none."""
        with self._counting:
            if self._busy >= THREADS_MAX:
                raise DatabaseError("all who read of the replica wait for it")
            self._busy += 1
            if self._pool is None:
                self._pool = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="late-reads")
            future: Future[Result] = self._pool.submit(_run, function)
        future.add_done_callback(self._end)
        try:
            return future.result(ANSWER_MAX_S)
        except FutureTimeoutError:
            raise DatabaseError("the replica does not answer in time") from None

    def count(self, answered: str) -> None:
        """Count a read by who answered it."""
        self.counts[answered] += 1
        if metrics.is_on():
            metrics.LATE_READS.labels(answered).inc()

    def note_away(self, error: Exception) -> None:
        """Leave it alone for a while."""
        self._fresh_until = 0.0
        self._away_until = time.monotonic() + AWAY_S
        self._samples.clear()
        self._become(State.AWAY, error=str(error).strip()[:200])

    def _end(self, _: "Future[Any]") -> None:
        with self._counting:
            self._busy -= 1

    def _check(self, bound_s: float) -> None:
        asked_at = time.monotonic()
        flushed = _ask(DEFAULT_DB_ALIAS, _FLUSHED)
        if flushed is None:
            return
        try:
            replayed = self.read(lambda: _ask(REPLICA, _REPLAYED))
        except (DatabaseError, InterfaceError) as error:
            self.note_away(error)
            return
        if replayed is None:
            self.note_away(DatabaseError("it is no replica: it is not in recovery"))
            return
        self._samples.append((asked_at, flushed))
        # The latest moment whose whole log it has: it is as old as that, at most.
        current = max((at for at, position in self._samples if position <= replayed), default=None)
        if current is not None and asked_at - current < bound_s:
            self._fresh_until = current + bound_s
            self._become(State.USED)
        elif any(
            at <= asked_at - bound_s and position > replayed for at, position in self._samples
        ):
            self._become(State.LATE, bound_s=bound_s)

    def _become(self, state: State, **details: Any) -> None:
        """Say it once where the state is another than before."""
        before, self.state = self.state, state
        if state is before:
            return
        if state is State.USED:
            log.info("replica_used", answered=dict(self.counts))
        else:
            log.warning(
                "replica_not_used", reason=state.value, answered=dict(self.counts), **details
            )


_replica: Final = _Replica()


def is_past(until: datetime | None) -> bool:
    """Tell whether what ends at a moment is older than the replica may be late."""
    return until is not None and until < timezone.now() - timedelta(seconds=2 * _LAG_S.value)


def read_past(
    function: Callable[..., Result],
    *arguments: Any,
    is_whole: Callable[[Result], bool] | None = None,
    **named: Any,
) -> Result:
    """Return what a selector says of the past, from the replica where there is a good one.

    The selector is given ``using``. ``is_whole`` tells of an answer whether anything may be missing
    in it that the replica does not have yet; then the primary is asked.
    """
    if REPLICA in settings.DATABASES and not connection.in_atomic_block:
        if _replica.is_usable():
            try:
                found = _replica.read(lambda: function(*arguments, using=REPLICA, **named))
            except (DatabaseError, InterfaceError) as error:
                _replica.note_away(error)
            else:
                if is_whole is None or is_whole(found):
                    _replica.count("replica")
                    return found
        _replica.count(f"primary_{_replica.state}")
    return function(*arguments, using=DEFAULT_DB_ALIAS, **named)


def counts() -> dict[str, int]:
    """Return how many such reads each server answered, the primary's by why."""
    return dict(_replica.counts)


def _run(function: Callable[[], Result]) -> Result:
    close_old_connections()
    try:
        return function()
    finally:
        close_old_connections()


def _ask(alias: str, statement: str) -> int | None:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    return None if row is None or row[0] is None else int(row[0])
