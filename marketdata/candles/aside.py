"""Markets whose work fails are set aside: told of, tried again later, and in nobody's way."""

import time
from collections.abc import Callable
from typing import Final

import structlog

RETRY_MIN_S: Final = 1.0
RETRY_MAX_S: Final = 60.0

log = structlog.get_logger(__name__)


class SetAside:
    """Which markets are set aside in one kind of work (``part``), and when each is tried again."""

    def __init__(self, part: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.part = part
        self._clock = clock
        # By market id: the symbol, when to try again, and the pause before that.
        self._markets: dict[int, tuple[str, float, float]] = {}

    @property
    def symbols(self) -> list[str]:
        """Return the markets that are set aside, by symbol."""
        return sorted(symbol for symbol, _, _ in self._markets.values())

    def is_due(self, market_id: int) -> bool:
        """Tell whether to work on a market now: it is not set aside, or its pause is over."""
        known = self._markets.get(market_id)
        return known is None or known[1] <= self._clock()

    def add(self, market_id: int, symbol: str, error: Exception) -> None:
        """Set a market aside, or for twice as long as the last time."""
        known = self._markets.get(market_id)
        pause_s = RETRY_MIN_S if known is None else min(RETRY_MAX_S, known[2] * 2)
        self._markets[market_id] = (symbol, self._clock() + pause_s, pause_s)
        log.error(
            "market_set_aside",
            part=self.part,
            market=symbol,
            error=f"{type(error).__name__}: {error}",
            retry_s=pause_s,
            exc_info=error if known is None else None,
        )

    def remove(self, market_id: int) -> None:
        """Note that the work on a market goes on."""
        known = self._markets.pop(market_id, None)
        if known is not None:
            log.info("market_goes_on", part=self.part, market=known[0])
