"""Nobody is told of an order that the loss of the primary would take away. Ten times.

The links of the primary to its replicas break. An order is sent; its commit waits for a replica.
The standby worker takes the session of its predecessor for dead and ends it, so the order can be
read here, and nowhere else. The edge, which had no answer, looks the order up; others read, and
listen. Then the primary is lost with its disk, and a replica takes its place.

``ZAVORA_TRIAL_ROUNDS`` says how often (``make replica-trial``: 10, half of them with several hosts
in DATABASE_URL, half behind HAProxy). See docs/trials.md.
"""

import contextlib
import functools
import json
import os
import random
import signal
import subprocess
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pytest
import redis

from deploy.local.cluster import Cluster
from matching.wire import stream_name
from tests.cluster.faults import Faults
from tests.cluster.links import broken_links, lose_primary
from tests.cluster.listeners import PRIVATE, PUBLIC, Door, Party, Told, Watch, read_by_id, reads_of
from tests.cluster.trials import (
    ask_server,
    cluster_for_trial,
    say,
    server_url,
    trust,
    wait_for,
)
from tests.cluster.webs import other_webs
from tests.cluster.whole import wait_until_whole

ROUNDS: Final = int(os.environ.get("ZAVORA_TRIAL_ROUNDS") or "10")
CONTROL_ROUNDS_MAX: Final = 3
ATTEMPTS_MAX: Final = 4
MARKET: Final = "BTC/EUR"
APPLICATION: Final = "tests.cluster.without_barrier:application"
# What it says of itself.
WORD: Final = "the barrier is taken out of this process"
# Longer than the lease of 3 s and the edge's wait of 5 s, with what a busy machine adds.
VISIBLE_WAIT_S: Final = 15.0
WATCHED_ON_S: Final = 2.0
# Until a replica takes over by itself (Patroni's ttl of 20 s), before it is told to.
AUTOMATIC_WAIT_S: Final = 26.0
FAILOVER_WAIT_S: Final = 60.0
ORDERS_BEFORE: Final = 3
_COUNT: Final = "SELECT count(*) FROM matching_order WHERE client_order_id = %s"
_ID: Final = "SELECT id FROM matching_order WHERE client_order_id = %s"

pytestmark = [pytest.mark.trial, pytest.mark.timeout(600 + 240 * ROUNDS)]


@dataclass
class Round:
    """What one round found."""

    key: str
    was_visible: bool = False
    status: int = 0
    answered_s: float = 0.0
    told: list[Told] = field(default_factory=list)
    is_there: bool = False
    failover: str = ""
    failover_s: float = 0.0
    settled_s: float = 0.0

    @property
    def is_told_and_lost(self) -> bool:
        """Whether somebody knows of what is not."""
        return not self.is_there and (self.status == 200 or bool(self.told))

    def text(self) -> str:
        """Return a line."""
        return (
            f"POST {self.status} after {self.answered_s:.2f} s;"
            f" on the old primary {'visible' if self.was_visible else 'not visible'},"
            f" on the new one {'there' if self.is_there else 'lost'};"
            f" told by {sorted({one.by for one in self.told}) or 'nobody'};"
            f" failover {self.failover} {self.failover_s:.1f} s,"
            f" the order repeated and answered 200 after {self.settled_s:.1f} s"
        )


class Trial:
    """The sequence, on a cluster with two parties that do nothing but this."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.door = Door(cluster.base_url, trust(cluster))
        self.buyer, self.seller = (_party(cluster, number) for number in (0, 1))
        self.kept: list[str] = []

    def run(self) -> Round:
        """Go through it once; again where another commit than the order's was the first to wait."""
        for _ in range(ATTEMPTS_MAX):
            found = self._try_once()
            if found.was_visible:
                return found
            say("   the lease's renewal waited for a replica, not the order: once more")
        raise AssertionError("the order's commit was never the one that waited")

    def _try_once(self) -> Round:
        wait_until_whole(self.cluster)
        primary = self.cluster.leader()
        assert primary is not None
        found = Round(f"lost-{uuid.uuid4().hex}")
        price = f"{20_000 + len(self.kept):d}.00"
        self._place_kept(price)
        watch = self._watch(found.key)
        try:
            with contextlib.ExitStack() as links:
                sender = self._send_and_break(links, found, primary, price)
                broken_at = time.monotonic()
                self._watch_it_in_doubt(found, watch, primary, sender, price)
                if not found.was_visible:
                    return found
                lose_primary(self.cluster, primary)
                lost_at = time.monotonic()
            self._fail_over(found, primary, lost_at)
            found.is_there = self._count(found.key) == 1
            found.told = watch.told_by(since=broken_at)
        finally:
            watch.close()
        self._check_kept()
        began = time.monotonic()
        wait_for(
            lambda: self._place(found.key, price, quantity="0.02") == 200,
            wait_s=90,
            what="an answer",
        )
        found.settled_s = time.monotonic() - began
        assert self._count(found.key) == 1
        self.cluster.release(f"patroni-{primary}")
        return found

    # --- inside -----------------------------------------------------------------------------------

    def _watch(self, key: str) -> Watch:
        watch = Watch(self.door)
        for who, party in (("buyer", self.buyer), ("seller", self.seller)):
            watch.read_all(
                {
                    f"{who}: {name}": read
                    for name, read in reads_of(self.door, party, key, MARKET).items()
                }
            )
            watch.listen(
                f"{who}: v1 socket",
                "/ws",
                functools.partial(_request, "authenticate", token=party.token),
                *(functools.partial(_request, "subscribe", channel=name) for name in PRIVATE),
            )
            watch.listen(
                f"{who}: user data stream",
                "/ws-api/v3",
                functools.partial(_signed, party, "userDataStream.subscribe.signature"),
            )
        watch.listen(
            "public socket",
            "/ws",
            *(
                functools.partial(_request, "subscribe", channel=name, market=MARKET)
                for name in PUBLIC
            ),
        )
        return watch

    def _place_kept(self, price: str) -> None:
        """Let the seller offer a little, and the buyer have orders that all were told of."""
        for number in range(ORDERS_BEFORE):
            key = f"kept-{uuid.uuid4().hex}"
            assert self._place(key, f"{100 + number}.00") == 200
            self.kept.append(key)
        key = f"kept-{uuid.uuid4().hex}"
        assert self._place(key, price, side="sell", quantity="0.01", party=self.seller) == 200
        self.kept.append(key)

    def _check_kept(self) -> None:
        """Whatever was told before is there, once."""
        for key in self.kept:
            assert self._count(key) == 1, f"{key} was told, and is lost"

    def _send_and_break(
        self, links: contextlib.ExitStack, found: Round, primary: str, price: str
    ) -> threading.Thread:
        """Send the order, and break the links before its commit.

        The worker stands still meanwhile: else what waits for a replica might be its lease.
        """
        worker = Faults(self.cluster, random.Random()).live_worker(0)[0]
        began = time.monotonic()

        def place() -> None:
            # It meets the seller's offer, and rests with what is left.
            found.status = self._place(found.key, price, quantity="0.02")
            found.answered_s = time.monotonic() - began

        sender = threading.Thread(target=place, daemon=True)
        with redis.Redis.from_url(self.cluster.redis_url(), socket_timeout=2) as queue:
            before = queue.xlen(stream_name(0))
            self.cluster.kill(worker, signal.SIGSTOP)
            try:
                sender.start()
                wait_for(
                    lambda: queue.xlen(stream_name(0)) > before, wait_s=5, what="a queued order"
                )
                links.enter_context(broken_links(self.cluster, primary))
            finally:
                self.cluster.kill(worker, signal.SIGCONT)
        return sender

    def _watch_it_in_doubt(
        self, found: Round, watch: Watch, primary: str, sender: threading.Thread, price: str
    ) -> None:
        """Wait until the order can be read here, and its sender has an answer."""
        old = server_url(self.cluster, primary)
        try:
            rows = wait_for(
                lambda: ask_server(old, _ID, found.key),
                wait_s=VISIBLE_WAIT_S,
                what="a visible order",
            )
        except AssertionError:
            return
        found.was_visible = True
        # Nobody knew the id before: any answer is news.
        watch.ask_again("buyer: v1 order by id", read_by_id(self.door, self.buyer, rows[0][0]))
        sender.join(VISIBLE_WAIT_S)
        assert not sender.is_alive()
        # Who reads and listens goes on for a while; a repetition is one more who asks.
        until = time.monotonic() + WATCHED_ON_S
        while time.monotonic() < until:
            if self._place(found.key, price, quantity="0.02", wait_s=WATCHED_ON_S) == 200:
                watch.told.append(Told(time.monotonic(), "a repetition", found.key))

    def _fail_over(self, found: Round, lost: str, lost_at: float) -> None:
        """Wait for another primary; where none comes by itself give the documented command."""
        others = [host for host in ("a", "b", "c") if host != lost]
        new = server_url(self.cluster, *others)
        found.failover = "automatic"
        try:
            wait_for(
                lambda: ask_server(new, "SELECT 1"), wait_s=AUTOMATIC_WAIT_S, what="a failover"
            )
        except AssertionError:
            found.failover = "by command"
            command = [*self.cluster.description["patronictl"], "failover"]
            options = ("--candidate", others[0], "--force")
            subprocess.run([*command, *options], check=True, capture_output=True, timeout=60)
            wait_for(lambda: ask_server(new, "SELECT 1"), wait_s=FAILOVER_WAIT_S, what="a primary")
        found.failover_s = time.monotonic() - lost_at

    def _count(self, key: str) -> int:
        rows = wait_for(
            lambda: ask_server(server_url(self.cluster), _COUNT, key),
            wait_s=FAILOVER_WAIT_S,
            what="an answer of the primary",
        )
        return int(rows[0][0])

    def _place(
        self,
        key: str,
        price: str,
        *,
        side: str = "buy",
        quantity: str = "0.01",
        party: Party | None = None,
        wait_s: float = 15.0,
    ) -> int:
        party = party or self.buyer
        body = {
            "user_id": party.account,
            "market": MARKET,
            "side": side,
            "order_type": "limit",
            "price": price,
            "quantity": quantity,
            "client_order_id": key,
        }
        headers = {"Authorization": f"Bearer {party.token}"}
        with self.door.client() as client, contextlib.suppress(httpx.HTTPError):
            answer = client.post("/api/v1/orders", json=body, headers=headers, timeout=wait_s)
            assert answer.status_code in (200, 502, 503, 504), answer.text
            return answer.status_code
        return 0


def _request(method: str, **params: str) -> dict[str, Any]:
    return {"method": method, "params": params}


def _signed(party: Party, method: str) -> dict[str, Any]:
    return {"method": method, "params": party.signed()}


def _party(cluster: Cluster, number: int) -> Party:
    """Return an account with a key for the compatible API."""
    made = cluster.accounts[number]
    options = ("--email", made["email"], "--scopes", "read,trade")
    done = cluster.manage("create_api_key", *options, "--account", made["account"])
    assert done.returncode == 0, done.stderr
    key: dict[str, str] = json.loads(done.stdout.strip().splitlines()[-1])
    return Party(made["account"], made["token"], key["key"], key["secret"])


@pytest.mark.parametrize("database_by", ["hosts", "haproxy"])
def test_nobody_is_told_of_what_a_failover_loses(
    database_by: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        capsys.disabled(),
        cluster_for_trial(ZAVORA_CLUSTER_DATABASE=database_by) as cluster,
    ):
        trial = Trial(cluster)
        rounds = ROUNDS // 2 + (ROUNDS % 2 if database_by == "hosts" else 0)
        say(f"replica trial: {rounds} rounds, DATABASE_URL by {database_by}")
        lost = 0
        for number in range(1, rounds + 1):
            found = trial.run()
            say(f"{number:2} {found.text()}")
            assert found.was_visible
            assert not found.is_told_and_lost, found.told
            lost += not found.is_there
        say(f"told and lost 0 of {rounds}; {lost} orders that nobody was told of were lost")
        assert lost, "no round lost an order: nothing was shown"
        wait_until_whole(cluster)


def test_without_the_barrier_somebody_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """The control: the same sequence, and web processes whose barrier returns at once."""
    with capsys.disabled(), cluster_for_trial() as cluster:
        trial = Trial(cluster)
        with other_webs(cluster, ("--application", APPLICATION)) as logs:
            assert all(WORD in log.read_text() for log in logs)
            say("control: the barrier is taken out of the web processes")
            for number in range(1, CONTROL_ROUNDS_MAX + 1):
                found = trial.run()
                say(f"{number:2} {found.text()}")
                if found.is_told_and_lost:
                    break
            else:
                pytest.fail("nobody was told of a lost order: the trial shows nothing")
        wait_until_whole(cluster)
