"""Token buckets in the queue's server: how much of a budget is left, for all processes at once.

A bucket has a name and is full at first; tokens are taken out and come back by themselves, in steps
of the clock: a step of a second makes an even flow, one as long as the whole period gives
everything back at once, in windows of the clock. What is kept is how much is *used*, so that
processes with different capacities can share a name. Time is the server's alone. Where there is no
server, the same rules hold in this process (``LocalBuckets``). Why so: docs/adr/0028-one-bucket.md.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

# How many buckets one call carries at most: it runs alone in the server meanwhile.
CALL_MAX: Final = 200
NAMES_MAX: Final = 50_000
# A process takes this part of what is free at most, beyond what it needs at once: others need some.
SHARE: Final = 8
# As much as there may be.
ANY: Final = 1 << 30


class Ask(NamedTuple):
    """What a process wants of a bucket.

    ``back``: unspent tokens that it returns, taken in the step ``back_step``. It is given ``need``
    tokens and up to ``want``, or what is there; nothing where less than ``least`` is there.
    """

    name: str
    capacity: int
    period_ms: int
    step_ms: int
    back: int = 0
    back_step: int = 0
    least: int = 0
    need: int = 0
    want: int = 0


class Grant(NamedTuple):
    """What a process was given of a bucket; thousandths that are left there, the next step."""

    granted: int
    left_milli: int
    next_step_ms: int
    step: int


# KEYS: names. ARGV: the other fields of each Ask. Answers the fields of a Grant, one after another.
# A bucket is "used since-step", and gone once it is full.
BUCKETS_LUA: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answers = {}
for i = 1, #KEYS do
    local at = (i - 1) * 8
    local capacity, period = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
    local size = tonumber(ARGV[at + 3])
    local back, least = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 6])
    local need, want = tonumber(ARGV[at + 7]), tonumber(ARGV[at + 8])
    local step, each = math.floor(now / size), capacity * size / period
    local used = 0
    local kept = redis.call('GET', KEYS[i])
    if kept then
        local was, since = string.match(kept, '^(%S+) (%S+)$')
        used = math.max(0, was - math.max(0, step - since) * each)
    end
    if size < period or tonumber(ARGV[at + 5]) == step then used = math.max(0, used - back) end
    local free = math.floor(capacity - used + 0.000001)
    local granted = 0
    if free > 0 and free >= least then
        granted = math.min(free, math.max(need, math.min(want, math.floor(free / SHARE))))
    end
    used = used + granted
    local next_step = (step + 1) * size - now
    if used > 0 then
        local full = math.ceil(math.ceil(used / each) * size + next_step)
        redis.call('SET', KEYS[i], string.format('%.6f %d', used, step), 'PX', full)
    elseif kept then
        redis.call('DEL', KEYS[i])
    end
    answers[#answers + 1] = granted
    answers[#answers + 1] = math.max(0, math.floor((capacity - used) * 1000))
    answers[#answers + 1] = next_step
    answers[#answers + 1] = step
end
return answers
""".replace("SHARE", str(SHARE))


def arguments(asks: Sequence[Ask]) -> tuple[list[str], list[int]]:
    """Return keys and values of one call."""
    values: list[int] = []
    for ask in asks:
        values += ask[1:]
    return [ask.name for ask in asks], values


def grants_of(answers: Sequence[int]) -> list[Grant]:
    """Return what a call was answered."""
    return [Grant(*answers[at : at + 4]) for at in range(0, len(answers), 4)]


class LocalBuckets:
    """The same buckets in this process alone. The oldest names make room. Not for many threads."""

    def __init__(
        self, *, names_max: int = NAMES_MAX, clock: Callable[[], float] = time.time
    ) -> None:
        self._names_max = names_max
        self._clock = clock
        # Name -> what is used, since which step.
        self._used: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def answer(self, asks: Sequence[Ask]) -> list[Grant]:
        """Return what each Ask is given."""
        now_ms = int(self._clock() * 1_000)
        return [self._give(ask, now_ms) for ask in asks]

    def forget(self) -> None:
        """Drop everything: all buckets are full."""
        self._used.clear()

    def __len__(self) -> int:
        """Return how many buckets are not full."""
        return len(self._used)

    def _give(self, ask: Ask, now_ms: int) -> Grant:
        step = now_ms // ask.step_ms
        was, since = self._used.pop(ask.name, (0.0, step))
        each = ask.capacity * ask.step_ms / ask.period_ms
        used = max(0.0, was - max(0, step - since) * each)
        if ask.step_ms < ask.period_ms or ask.back_step == step:
            used = max(0.0, used - ask.back)
        free = int(ask.capacity - used + 0.000001)
        granted = 0
        if free > 0 and free >= ask.least:
            granted = min(free, max(ask.need, min(ask.want, free // SHARE)))
        used += granted
        if used > 0:
            if len(self._used) >= self._names_max:
                self._used.popitem(last=False)
            self._used[ask.name] = (used, step)
        left_milli = max(0, int((ask.capacity - used) * 1_000))
        return Grant(granted, left_milli, (step + 1) * ask.step_ms - now_ms, step)
