"""Ids of orders, trades and journal rows: 53 bits that grow with time and tell the shard.

``milliseconds since 2025 << 13 | shard << 7 | count``: 6 bits of shard, 7 bits that count within a
millisecond and spill into the next one, never into the shard's bits.
"""

from typing import Final

from zavora.foundation.time_ids import EPOCH_2025_MS, TIME_SHIFT

_COUNT_BITS: Final = 7
_SHARD_MAX: Final = 63
_COUNT_MAX: Final = (1 << _COUNT_BITS) - 1
# Which shard gave a row's id, as an SQL text.
SHARD_OF_ID: Final = f"((id >> {_COUNT_BITS}) & {_SHARD_MAX})"


class IdSequence:
    """The ids of one shard, each above the one before, whatever the clock does."""

    __slots__ = ("_shard_bits", "last")

    def __init__(self, *, shard_id: int, last: int) -> None:
        self._shard_bits = shard_id << _COUNT_BITS
        self.last = last

    def start_at(self, time_us: int) -> None:
        """Let the next ids be at least those of ``time_us`` (microseconds since 1970)."""
        floor = ((time_us // 1000 - EPOCH_2025_MS) << TIME_SHIFT) | self._shard_bits
        if floor > self.last:
            self.last = floor - 1

    def start_above(self, id_: int) -> None:
        """Let the next ids be above one that another shard gave."""
        if id_ > self.last:
            self.last = (((id_ >> TIME_SHIFT) + 1) << TIME_SHIFT | self._shard_bits) - 1

    def next(self) -> int:
        """Return the next id."""
        last = self.last
        # A floor that was just set ends in all ones below the shard's bits of the floor itself.
        following = last + 1
        if following & _COUNT_MAX == 0 and (following >> _COUNT_BITS) & _SHARD_MAX != (
            self._shard_bits >> _COUNT_BITS
        ):
            following = (((last >> TIME_SHIFT) + 1) << TIME_SHIFT) | self._shard_bits
        self.last = following
        return following


def shard_of(id_: int) -> int:
    """Return the shard that gave an id."""
    return (id_ >> _COUNT_BITS) & _SHARD_MAX


def following_ids(first_id: int, count: int) -> list[int]:
    """Return the ids that the shard of an id gave, or gives, right after it."""
    following = IdSequence(shard_id=shard_of(first_id), last=first_id)
    return [following.next() for _ in range(count)]
