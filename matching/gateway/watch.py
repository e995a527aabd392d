"""How the queue stands, as whoever lives sees it: asked when somebody looks, in one round trip.

Not told by the workers, which say nothing when they are dead: every web process and the market data
service look for themselves. The age is that of the oldest command that is still in the stream, by
the server's own clock, so that no other clock counts: what is settled is trimmed, a quiet market
leaves nothing there, and a fence is no command, however old the id that it was given.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from redis.exceptions import RedisError

from matching import wire
from zavora.foundation.metrics import (
    LIVE_WORKERS,
    PART_UP,
    QUEUE_AGE,
    QUEUE_LENGTH,
    QUEUE_UP,
    STANDBY_WORKERS,
)
from zavora.foundation.queue import connect

TIMEOUT_S: Final = 1.0
SHARDS_MAX: Final = 64
# Fences that may lie before the oldest command: one is written whenever a worker connects.
LOOKED_AT_MAX: Final = 10
_OF_SHARDS: Final = (QUEUE_AGE, QUEUE_LENGTH, LIVE_WORKERS, STANDBY_WORKERS)


class QueueWatch:
    """Brings the gauges of the queue up to date. Used by one thread, the metrics' listener's.

    ``shards``: which there are, as far as this process knows; ``parts``: by name the keys by which
    other parts show life.
    """

    def __init__(self, shards: Callable[[], Iterable[int]], parts: Mapping[str, str]) -> None:
        self._shards = shards
        self._parts = dict(parts)
        self._client: Any = None

    def refresh(self) -> None:
        """Look, and tell; where the queue does not answer that is all that is told."""
        shards = sorted(set(self._shards()))[:SHARDS_MAX]
        try:
            found = self._ask(shards)
        except (RedisError, OSError):
            QUEUE_UP.tell({(): 0})
            for gauge in (*_OF_SHARDS, PART_UP):
                gauge.tell({})
            return
        (seconds, microseconds), lives, *streams = found
        now_ms = seconds * 1_000 + microseconds // 1_000
        QUEUE_UP.tell({(): 1})
        names = [(str(shard_id),) for shard_id in shards]
        count = len(shards)
        for gauge, part in ((LIVE_WORKERS, lives[:count]), (STANDBY_WORKERS, lives[count:])):
            gauge.tell({n: float(life is not None) for n, life in zip(names, part, strict=False)})
        parts = zip(self._parts, lives[2 * count :], strict=True)
        PART_UP.tell({(name,): float(life is not None) for name, life in parts})
        QUEUE_LENGTH.tell(dict(zip(names, streams[::2], strict=True)))
        ages = (_age_s(entries, now_ms) for entries in streams[1::2])
        QUEUE_AGE.tell(dict(zip(names, ages, strict=True)))

    def _ask(self, shards: list[int]) -> list[Any]:
        if self._client is None:
            self._client = connect(timeout_s=TIMEOUT_S)
        asked = self._client.pipeline(transaction=False)
        asked.time()
        asked.mget(
            [
                *map(wire.heartbeat_name, shards),
                *map(wire.standby_name, shards),
                *self._parts.values(),
            ]
        )
        for shard_id in shards:
            asked.xlen(wire.stream_name(shard_id))
            asked.xrange(wire.stream_name(shard_id), count=LOOKED_AT_MAX)
        found: list[Any] = asked.execute()
        return found


def _age_s(entries: list[Any], now_ms: int) -> float:
    """Return the age of the oldest command among a stream's first entries; 0: there is none."""
    for stream_id, fields in entries:
        if wire.FIELD_BODY in fields:
            return max(0, now_ms - int(stream_id.partition(b"-")[0])) / 1_000
    return 0.0
