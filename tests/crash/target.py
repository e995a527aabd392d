"""What a trial's clients and checks are let loose on: where it is, and what is traded there."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.crash.markets import MARKETS, MarketPlan
from tests.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Target:
    """An exchange, of one machine or of several.

    ``base_url`` has no slash at its end; ``database_url`` reaches whichever server is the primary.
    """

    base_url: str
    database_url: str = field(repr=False)
    # The settings of its processes.
    environment: Mapping[str, str] = field(repr=False)
    markets: tuple[MarketPlan, ...] = MARKETS
    shards: tuple[int, ...] = (0,)
    # Whom https trusts.
    tls: ssl.SSLContext | None = None

    @classmethod
    def of(cls, exchange: Exchange, *, shards: tuple[int, ...] = (0,)) -> "Target":
        """Return an exchange of this machine, with the demo's markets."""
        return cls(exchange.base_url, exchange.database_url, exchange.env, shards=shards)

    @property
    def socket_url(self) -> str:
        """Where v1's WebSocket is."""
        return f"{self.base_url.replace('http', 'ws', 1)}/ws"
