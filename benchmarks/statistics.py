"""Percentiles as everybody counts them: the smallest value that so many are not above."""

import math
from collections.abc import Sequence


class Latencies:
    """A sample of durations in seconds."""

    def __init__(self, seconds: Sequence[float]) -> None:
        self._sorted = sorted(seconds)

    def percentile_ms(self, percent: float) -> float:
        """Return the nearest-rank percentile in milliseconds. Raises ValueError for no sample."""
        if not self._sorted:
            raise ValueError("no latency was measured")
        rank = max(1, math.ceil(percent / 100 * len(self._sorted)))
        return self._sorted[rank - 1] * 1000

    def as_ms(self) -> dict[str, float]:
        """Return the figures that are told."""
        return {
            "p50_ms": round(self.percentile_ms(50), 2),
            "p99_ms": round(self.percentile_ms(99), 2),
            "max_ms": round(self.percentile_ms(100), 2),
            "count": len(self._sorted),
        }
