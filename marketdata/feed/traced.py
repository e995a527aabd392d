"""The feed's part of a trace: from telling an event to having handed it to all who follow it here.

The worker says just before an event which traced requests it tells of. Events themselves say
nothing of that: they stand in the tables, and are the same whoever watches.
"""

from collections import OrderedDict
from typing import Final

from matching import wire
from zavora.foundation import tracing
from zavora.foundation.queue import Subscription

# What was said of events that did not come after it: the oldest goes.
HELD_MAX: Final = 256
PARENTS_MAX: Final = 64

_held: Final[OrderedDict[tuple[int, int], wire.TracedEvent]] = OrderedDict()


def follow(subscription: Subscription) -> None:
    """Hear what is said of events, where this process makes spans."""
    if tracing.is_on():
        subscription.on_pattern(wire.TRACES_PATTERN, _take)


def _take(channel: str, body: bytes) -> None:
    said = wire.decode_traced(body)
    _held[int(channel.partition(":")[2]), said.sequence] = said
    if len(_held) > HELD_MAX:
        _held.popitem(last=False)


def shown(market_id: int, sequence: int) -> None:
    """Make the spans of an event that this process has just shown to all who follow it."""
    said = _held.pop((market_id, sequence), None)
    if said is None:
        return
    now_ns = tracing.now_ns()
    for parent in said.parents[:PARENTS_MAX]:
        accepted = tracing.accepted(parent.encode())
        if accepted:
            span = tracing.begin(
                "feed",
                kind="consumer",
                parent=accepted,
                start_ns=min(said.told_us * 1_000, now_ns),
                attributes={"zavora.market": market_id, "zavora.event_sequence": sequence},
            )
            if span is not None:
                span.end(end_ns=now_ns)
