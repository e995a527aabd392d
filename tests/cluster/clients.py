"""The crash test's clients and checks, let loose on a cluster."""

import contextlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Final

from deploy.local.cluster import Cluster
from tests.cluster.trials import say, server_url, trust
from tests.cluster.whole import wait_until_whole
from tests.crash.checker import Auditor, Checker
from tests.crash.http_client import HttpClient
from tests.crash.kinds import MODES
from tests.crash.load import HttpTrader, Load, Shared, Trader
from tests.crash.markets import MarketPlan
from tests.crash.report import Report
from tests.crash.socket_trader import SocketTrader
from tests.crash.target import Target

SOCKET_TRADERS: Final = 3
# Where orders lie in the cluster's markets.
_PLANS: Final = {
    "BTC/EUR": (Decimal(60_000), Decimal(1), Decimal("0.001")),
    "ETH/EUR": (Decimal(3_000), Decimal("0.5"), Decimal("0.01")),
    "SOL/EUR": (Decimal(150), Decimal("0.05"), Decimal("0.1")),
    "LTC/EUR": (Decimal(80), Decimal("0.02"), Decimal("0.1")),
}


def target_of(cluster: Cluster) -> Target:
    """Return the cluster as clients and checks see it."""
    database_url = server_url(cluster, role="run")
    return Target(
        cluster.base_url,
        database_url,
        {**cluster.environment, "DATABASE_URL": database_url, "LOG_LEVEL": "ERROR"},
        tuple(
            MarketPlan(symbol, *_PLANS[symbol], *symbol.split("/"), shard=int(shard))
            for shard, symbols in cluster.description["markets"].items()
            for symbol in symbols
        ),
        tuple(map(int, cluster.description["markets"])),
        trust(cluster),
    )


def tokens_of(cluster: Cluster) -> dict[str, str]:
    """Return each account's token."""
    return {one["account"]: one["token"] for one in cluster.accounts}


def load_on(
    cluster: Cluster, draw: random.Random, *, clients: int = 11, sockets: int = SOCKET_TRADERS
) -> Load:
    """Return clients that trade in all markets, so many of them over WebSocket."""
    target, tokens = target_of(cluster), tokens_of(cluster)
    accounts = list(tokens)
    seeds = [draw.randrange(2**32) for _ in range(clients)]

    def traders(shared: Shared) -> list[Trader]:
        made: list[Trader] = []
        for number, seed in enumerate(seeds):
            account = accounts[number % len(accounts)]
            token = tokens[account]
            if number < clients - sockets:
                client = HttpClient(target.base_url, token, tls=target.tls)
                made.append(HttpTrader(shared, account, seed, client=client))
                continue
            by_socket = SocketTrader(
                shared,
                account,
                seed,
                url=target.socket_url,
                token=token,
                tls=target.tls,
                cancels_on_disconnect=False,
            )
            made.append(by_socket)
        for trader in made[len(accounts) :]:
            trader.sets_limits = False
        return made

    return Load(traders, markets=target.markets)


@dataclass
class Checked:
    """Clients that trade, and what proves that all is as they were told."""

    load: Load
    checker: Checker
    report: Report = field(default_factory=Report)

    def check(self) -> None:
        """Compare notes, tables, API, journal and books while nobody trades."""
        self.checker.check(self.load.shared.notes, self.report)

    def check_everything(self) -> None:
        """Compare all that was ever told with the history that the API shows."""
        self.checker.check_everything_by_api(self.load.shared.notes, self.report)

    def text(self) -> str:
        """Return what was found."""
        return self.report.text(self.load.shared.notes)


@contextlib.contextmanager
def checked_load(
    cluster: Cluster,
    draw: random.Random,
    *,
    clients: int = 11,
    sockets: int = SOCKET_TRADERS,
    rules_by: Path | None = None,
) -> Iterator[Checked]:
    """Yield clients on a whole cluster; whatever they were told that nobody expects fails.

    ``rules_by``: the checkout whose version the tables are of, where that is not this one.
    """
    wait_until_whole(cluster)
    target = target_of(cluster)
    allow_transfers(target, rules_by)
    with (
        contextlib.closing(Auditor(target)) as auditor,
        load_on(cluster, draw, clients=clients, sockets=sockets) as load,
    ):
        checked = Checked(load, Checker(target, auditor, tokens_of(cluster)))
        try:
            yield checked
        finally:
            say(checked.text())
        assert load.shared.unexpected == []


def allow_transfers(target: Target, folder: Path | None = None) -> None:
    """Let orders name every mode of self-trade prevention."""
    with contextlib.closing(Auditor(target, folder=folder)) as auditor:
        for market in target.markets:
            auditor.change(market.symbol, self_trade_modes=",".join(MODES))


def markets_of(cluster: Cluster, shard: int) -> list[str]:
    """Return the markets of a shard."""
    return list(cluster.description["markets"][str(shard)])


def longest_gap_s(load: Load, symbols: list[str], *, since: float, until: float) -> float:
    """Return the longest time between two acknowledgements in these markets (monotonic)."""
    with load.shared.lock:
        times = [at for at, _, market in load.shared.acknowledged if market in symbols]
    kept = [since, *(at for at in times if since <= at <= until), until]
    return max(later - earlier for earlier, later in pairwise(kept))
