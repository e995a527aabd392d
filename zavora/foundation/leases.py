"""What a process has taken out of the buckets, so that most of what it counts waits for nothing.

A lease is a handful of tokens of one bucket that this process may spend. Where it does not do, more
is taken from the server by one call for all that lack something; what is not spent goes back within
seconds (``settle``). No process spends what it has not taken, so that all together never spend more
than the bucket holds. Where the server does not answer, this process asks buckets of its own: each
process then holds the limit for itself.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from math import ceil
from typing import Any, Final

import structlog
from redis.exceptions import RedisError

from zavora.foundation.buckets import (
    ANY,
    BUCKETS_LUA,
    Ask,
    Grant,
    LocalBuckets,
    arguments,
    grants_of,
)
from zavora.foundation.metrics import RATE_LIMITED, is_on
from zavora.foundation.setting_values import SettingValue

# How many leases are remembered; the oldest make room, and what they had comes back by itself.
LEASES_MAX: Final = 50_000
# A bucket that had nothing is not asked again sooner than this by the same process.
SHORT_S: Final = 0.25
# How long the server is left alone by those who wait, after it did not answer.
AWAY_S: Final = 5.0
# How often one attempt asks: what it was given, others of the process may have spent.
ATTEMPTS_MAX: Final = 3

log = structlog.get_logger(__name__)


class Limit:
    """What may be used in a period, by name; 0 switches it off.

    It comes back evenly, each second; with ``in_windows`` all at once, when the clock's next period
    begins.
    """

    __slots__ = ("_capacity", "in_windows", "kind", "period_s", "step_s")

    def __init__(self, kind: str, setting: str, period_s: int, *, in_windows: bool = False) -> None:
        """Make one whose capacity is ``setting``; ``kind`` names it in the queue's server."""
        self.kind = kind
        self.period_s = period_s
        self.in_windows = in_windows
        self.step_s = period_s if in_windows else 1
        self._capacity = SettingValue(setting)

    @property
    def capacity(self) -> int:
        """Return how much may be used, 0: any amount."""
        capacity: int = self._capacity.value
        return capacity


class Lease:
    """Tokens of one bucket that this process may spend, and what it last heard of the rest."""

    __slots__ = (
        *("is_heard_of", "left", "limit", "name", "next_step_at", "short_of", "short_until"),
        *("spent", "step", "tokens", "waiting"),
    )

    def __init__(self, limit: Limit, name: str) -> None:
        self.limit = limit
        self.name = name
        self.tokens = 0
        # Left in the bucket as last heard; where nothing was heard since it was full, that.
        self.left = 0.0
        self.is_heard_of = False
        # When the clock's next step begins, and the number of the step heard of.
        self.next_step_at = 0.0
        self.step = 0
        # Since the last call of ``settle``.
        self.spent = 0
        # Until then, so much beyond ``tokens`` is known not to be there.
        self.short_until = 0.0
        self.short_of = 0
        # Those who wait for tokens: nobody overtakes them.
        self.waiting = 0

    def is_over(self, now: float) -> bool:
        """Tell whether it is of a window that has ended: its tokens are worth nothing."""
        return self.limit.in_windows and now >= self.next_step_at

    def remaining(self, now: float) -> int:
        """Return what can still be used, as far as this process knows."""
        capacity = self.limit.capacity
        if not self.is_heard_of or self.is_over(now):
            return capacity
        left = self.left + self.tokens
        if now >= self.next_step_at:
            left += self._steps(now) * self._each()
        return capacity if left > capacity else int(left)

    def wait_s(self, weight: int, now: float) -> int:
        """Return in how many seconds ``weight`` can be used, at least 1."""
        return self._wait_s(weight - self.remaining(now), now)

    def standing(self, now: float) -> tuple[int, int]:
        """Return what can still be used, and in how many seconds all can be, at least 1."""
        remaining = self.remaining(now)
        return remaining, self._wait_s(self.limit.capacity - remaining, now)

    def _wait_s(self, tokens: int, now: float) -> int:
        if tokens <= 0:
            return 1
        steps = ceil(tokens / self._each())
        first_s = self.next_step_at - now + self._steps(now) * self.limit.step_s
        seconds = max(0.0, first_s) + (steps - 1) * self.limit.step_s
        return max(1, min(self.limit.period_s, ceil(seconds)))

    def _each(self) -> float:
        """Return how many tokens come back with a step."""
        return self.limit.capacity * self.limit.step_s / self.limit.period_s

    def _steps(self, now: float) -> int:
        """Return how many steps have begun since the bucket was heard of."""
        if now < self.next_step_at:
            return 0
        return int((now - self.next_step_at) // self.limit.step_s) + 1


Charge = tuple[Lease, int]


class Leases:
    """All leases of a process. For any thread."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.local = LocalBuckets()
        # Ordered: a plain dict that is full looks for its oldest past all that went before.
        self._leases: OrderedDict[tuple[Limit, Any], Lease] = OrderedDict()
        # Those that may have tokens, or were spent of.
        self._live: dict[Lease, None] = {}
        self._away_until = 0.0
        self._lock = threading.Lock()

    def of(self, limit: Limit, name: Any) -> Lease:
        """Return the lease of a name, as new where there is none yet."""
        lease = self._leases.get((limit, name))
        if lease is None:
            with self._lock:
                while len(self._leases) >= LEASES_MAX:
                    _, oldest = self._leases.popitem(last=False)
                    self._live.pop(oldest, None)
                lease = Lease(limit, f"bucket:{limit.kind}:{name}")
                self._leases[limit, name] = lease
        return lease

    # --- spending ---------------------------------------------------------------------------------

    def spend_at_once(self, lease: Lease, weight: int) -> bool:
        """Spend of what is at hand where nobody waits for it; tell whether that was done.

        Of an even limit only: this is asked for with every request.
        """
        with self._lock:
            if lease.tokens < weight or lease.waiting:
                return False
            lease.tokens -= weight
            if not lease.spent:
                self._live[lease] = None
            lease.spent += weight
            return True

    def spend(self, charges: Sequence[Charge]) -> list[Charge]:
        """Spend all of it and return nothing, or nothing and return what is lacking."""
        with self._lock:
            now = 0.0
            lacking: list[Charge] = []
            for charge in charges:
                lease, weight = charge
                if lease.limit.in_windows:
                    now = now or self.clock()
                    if now >= lease.next_step_at:
                        _begin_anew(lease)
                if lease.tokens < weight:
                    lacking.append(charge)
            if lacking:
                return lacking
            for lease, weight in charges:
                lease.tokens -= weight
                if not lease.spent:
                    self._live[lease] = None
                lease.spent += weight
            return lacking

    def give_back(self, charges: Iterable[Charge]) -> None:
        """Take back what was spent for nothing; what is of a window that has ended is gone."""
        with self._lock:
            now = self.clock()
            for lease, weight in charges:
                if not lease.is_over(now):
                    lease.tokens += weight
                    self._live[lease] = None

    def known_short(self, lacking: Sequence[Charge]) -> Lease | None:
        """Return what cannot be had now, as was heard just now; None: ask."""
        now = self.clock()
        for lease, weight in lacking:
            if now < lease.short_until and weight - lease.tokens >= lease.short_of:
                return lease
        return None

    # --- taking -----------------------------------------------------------------------------------

    @property
    def is_alone(self) -> bool:
        """Tell whether the server is left alone for now."""
        return self.clock() < self._away_until

    @property
    def is_lost(self) -> bool:
        """Tell whether the server did not answer when it was last asked."""
        return self._away_until > 0.0

    def asks_of(self, lacking: Iterable[Charge]) -> tuple[list[Lease], list[Ask]]:
        """Return what to ask for, one Ask for each lease, however many want of it."""
        weights: dict[Lease, tuple[int, int]] = {}
        for lease, weight in lacking:
            least, need = weights.get(lease, (weight, 0))
            weights[lease] = (min(least, weight), need + weight)
        asks = []
        with self._lock:
            for lease, (least, need) in weights.items():
                had = lease.tokens
                asks.append(
                    _ask(lease, least=max(1, least - had), need=max(1, need - had), want=ANY)
                )
        return list(weights), asks

    def take_in(
        self, leases: Sequence[Lease], asks: Sequence[Ask], grants: Iterable[Grant], asked_at: float
    ) -> None:
        """Add what was given; ``asked_at`` is when, by this process's clock."""
        with self._lock:
            for lease, ask, grant in zip(leases, asks, grants, strict=True):
                if lease.step != grant.step and lease.limit.in_windows:
                    _begin_anew(lease)
                lease.tokens += grant.granted
                lease.left = grant.left_milli / 1_000
                lease.is_heard_of = True
                lease.step = grant.step
                # From when it was asked, not heard: rather too early than of the next window.
                lease.next_step_at = asked_at + grant.next_step_ms / 1_000
                if grant.granted < ask.need:
                    lease.short_until = min(asked_at + SHORT_S, lease.next_step_at)
                    lease.short_of = 1 if grant.granted else ask.least
                if lease.tokens:
                    self._live[lease] = None

    def ask_alone(self, lacking: Iterable[Charge]) -> None:
        """Take of this process's own buckets."""
        leases, asks = self.asks_of(lacking)
        with self._lock:
            asked_at, grants = self.clock(), self.local.answer(asks)
        self.take_in(leases, asks, grants, asked_at)

    def take(self, charges: Sequence[Charge], connect: Callable[[], Any]) -> Lease | None:
        """Spend all of it and return None, else which lease has too little. For threads.

        ``connect`` returns a client of the queue's server, for threads.
        """
        return counted(self._take(charges, connect))

    def _take(self, charges: Sequence[Charge], connect: Callable[[], Any]) -> Lease | None:
        lacking = self.spend(charges)
        for _ in range(ATTEMPTS_MAX):
            if not lacking:
                return None
            if (short := self.known_short(lacking)) is not None:
                return short
            self._fetch(lacking, connect)
            lacking = self.spend(charges)
        return lacking[0][0] if lacking else None

    def _fetch(self, lacking: Sequence[Charge], connect: Callable[[], Any]) -> None:
        if not self.is_alone:
            leases, asks = self.asks_of(lacking)
            asked_at = self.clock()
            try:
                client = connect()
                answers = client.register_script(BUCKETS_LUA)(*arguments(asks))
            except (RedisError, OSError) as error:
                self.lose(error)
            else:
                self.find()
                self.take_in(leases, asks, grants_of(answers), asked_at)
                return
        self.ask_alone(lacking)

    # --- the server's absence ---------------------------------------------------------------------

    def lose(self, error: BaseException) -> None:
        """Note that the server did not answer: this process goes on by itself for a while."""
        with self._lock:
            is_news = self._away_until == 0.0
            self._away_until = self.clock() + AWAY_S
            if is_news:
                self.local.forget()
        if is_news:
            log.warning("limits_held_here_only", error=type(error).__name__)

    def find(self) -> None:
        """Note that the server answers; what this process took of its own buckets is gone."""
        with self._lock:
            if self._away_until == 0.0:
                return
            self._away_until = 0.0
            for lease in self._live:
                _begin_anew(lease)
            self._live.clear()
        log.info("limits_held_together_again")

    # --- going back -------------------------------------------------------------------------------

    def settle(self) -> tuple[list[Lease], list[Ask]]:
        """Return what to ask for so that each lease has what was last spent of it in that time.

        What is above that goes back: it counts as gone from here on.
        """
        leases, asks = [], []
        with self._lock:
            now = self.clock()
            for lease in list(self._live):
                if lease.is_over(now):
                    _begin_anew(lease)
                spent, lease.spent = lease.spent, 0
                surplus = lease.tokens - spent
                if surplus > 0:
                    asks.append(_ask(lease, back=surplus))
                    lease.tokens -= surplus
                elif spent:
                    asks.append(_ask(lease, want=-surplus))
                else:
                    del self._live[lease]
                    continue
                leases.append(lease)
                if not lease.tokens:
                    del self._live[lease]
        return leases, asks

    def forget(self) -> None:
        """Drop everything (tests)."""
        with self._lock:
            self._leases.clear()
            self._live.clear()
            self.local.forget()
            self._away_until = 0.0

    def __len__(self) -> int:
        """Return how many leases are remembered."""
        return len(self._leases)


def _begin_anew(lease: Lease) -> None:
    lease.tokens = lease.spent = 0
    lease.is_heard_of = False
    lease.short_until = 0.0


def _ask(lease: Lease, *, back: int = 0, least: int = 0, need: int = 0, want: int = 0) -> Ask:
    limit = lease.limit
    return Ask(
        # A limit that has just been switched off holds nothing any more, and divides by nothing.
        *(lease.name, max(1, limit.capacity), limit.period_s * 1_000, limit.step_s * 1_000),
        *(back, lease.step, least, need, want),
    )


# This process's.
def counted(short: Lease | None) -> Lease | None:
    """Return which lease has too little, if any, and count the refusal under its limit."""
    if short is not None and is_on():
        RATE_LIMITED.labels(short.limit.kind).inc()
    return short


LEASES: Final = Leases()
