"""How fast to ask: what is left of the limits, and how long to wait before asking again."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SECONDS_OF_A_LIMIT: Final = 60


@dataclass
class RateLimit:
    """What the exchange last said is left, filled up as its bucket is: a sixtieth each second."""

    limit: float = 0
    remaining: float = 0
    noted_at: float = 0.0

    def note(self, headers: Mapping[str, str], now: float) -> None:
        """Take over what an answer says of the limits."""
        limit, remaining = (
            _number(headers.get(f"x-ratelimit-{name}")) for name in ("limit", "remaining")
        )
        if limit and remaining is not None:
            self.limit, self.remaining, self.noted_at = limit, remaining, now

    def take(self, weight: int, now: float) -> float:
        """Count a request that is about to be sent; return the seconds to wait before."""
        if not self.limit:
            return 0.0
        rate = self.limit / SECONDS_OF_A_LIMIT
        there = min(self.limit, self.remaining + (now - self.noted_at) * rate)
        self.remaining, self.noted_at = there - weight, now
        return max(0.0, (min(weight, self.limit) - there) / rate)


@dataclass(frozen=True)
class BackOff:
    """Pauses between attempts: doubled each time, up to a most, and drawn at random below that."""

    first_s: float = 0.1
    most_s: float = 5.0

    def pause_s(self, attempt: int, asked_s: float | None, source: random.Random) -> float:
        """Return the pause after the attempt of that number (from 1).

        Never less than the exchange asked for; jitter comes on top, so that those who were turned
        away together do not come back together.
        """
        ceiling = min(self.most_s, self.first_s * 2 ** min(attempt - 1, 16))
        jitter = source.uniform(ceiling / 2, ceiling)
        return jitter if asked_s is None else asked_s + jitter / 2


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
