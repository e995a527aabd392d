"""A shard with markets, accounts and money on the test's own servers, and ways to drive its worker.

Nothing is replaced: the worker's code runs in this process (or in a thread of it) with its own
PostgreSQL session and its own Valkey connection.
"""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import redis
from django.conf import settings
from django.db import connection

from accounts.models import Account
from accounts.services import create_asset, deposit, ensure_user
from matching import wire
from matching.commands.base import WireCommand
from matching.commands.place import PlaceOrder
from matching.models import Command, Market
from matching.reconcile import reconcile
from matching.services import new_market_command
from matching.worker.connection import connect
from matching.worker.entries import Entry
from matching.worker.loop import MatchingWorker
from matching.worker.memory import ShardMemory
from matching.worker.offline import OfflineShard
from matching.worker.owned import OwnedShard, new_owner, try_take
from matching.worker.pipeline import FLIGHT_COMMANDS_MIN
from matching.worker.rebuild import load_shard
from matching.worker.session import Session
from matching.worker.stream import News
from tests.actors import SYSTEM
from tests.fakes.settlement import WatchedSettlement

SCALE = 8
POLL_S = 0.005
_numbers = itertools.count(1)


def now_us() -> int:
    """Return the Unix time in microseconds."""
    return time.time_ns() // 1000


class Clock:
    """The worker's clock, moved by hand; it begins a little ahead of the market's making."""

    def __init__(self) -> None:
        self.time_us = now_us() + 1_000_000

    def __call__(self) -> int:
        return self.time_us

    def pass_ms(self, milliseconds: int) -> None:
        self.time_us += milliseconds * 1_000


def until(condition: Callable[[], Any], *, timeout_s: float = 10.0, what: str) -> Any:
    """Return the first true answer of ``condition``; fail when it does not come in time."""
    deadline = time.monotonic() + timeout_s
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout_s} s")
        time.sleep(POLL_S)
    return answer


def make_market(base: str, quote: str, *, shard_id: int = 0, fee_ppm: int = 1000) -> Market:
    """Add assets and a market with a tick of 0.01 and a lot of 0.001; return its row."""
    for code in (base, quote):
        create_asset(by=SYSTEM, code=code, name=code, scale=SCALE)
    command = new_market_command(
        by=SYSTEM,
        base=base,
        quote=quote,
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.001"),
        maker_fee_ppm=fee_ppm,
        taker_fee_ppm=fee_ppm,
        shard_id=shard_id,
        max_open_orders=None,
    )
    with OfflineShard(shard_id) as shard:
        (reply,) = shard.apply([command], time_us=now_us())
    assert reply.code == ""
    return Market.objects.get(symbol=command.symbol)


def make_account(name: str, **funds: str) -> Account:
    """Make a person with one account and money."""
    account = ensure_user(by=SYSTEM, email=f"{name}@example.com").accounts.get()
    for asset, amount in funds.items():
        deposit(
            by=SYSTEM,
            account_id=account.public_id,
            asset=asset,
            amount=Decimal(amount),
            source="bank",
        )
    return account


def place(
    account: Account | int,
    market: Market,
    side: str,
    price: str | None,
    quantity: str,
    *,
    key: str | None = None,
    time_in_force: str = "gtc",
    deadline_ms: int | None = None,
) -> PlaceOrder:
    """Return a command for a limit order (a market order without a price), good for a minute."""
    return PlaceOrder(
        account_id=account if isinstance(account, int) else account.pk,
        market_id=market.pk,
        side=side,  # type: ignore[arg-type]
        order_type="market" if price is None else "limit",
        time_in_force="ioc" if price is None else time_in_force,  # type: ignore[arg-type]
        post_only=False,
        price=price,
        quantity=quantity,
        quote_quantity=None,
        client_order_id=key,
        key=key,
        deadline_ms=deadline_ms or (now_us() // 1000 + 60_000),
    )


def entries_of(worker: "DrivenWorker", commands: Sequence[WireCommand | bytes]) -> list[Entry]:
    """Return commands as if read from the stream right after the worker's position.

    Bytes stand for a body that was read and could not be decoded.
    """
    position = worker.memory.position.last_stream_id
    milliseconds, _, sequence = position.partition("-")
    entries = []
    for index, command in enumerate(commands, start=1):
        body = command if isinstance(command, bytes) else wire.encode(command)
        entries.append(
            Entry(
                f"{milliseconds}-{int(sequence or 0) + index}",
                body,
                f"request-{next(_numbers)}",
                "test",
                index,
                None if isinstance(command, bytes) else command,
            )
        )
    return entries


class DrivenWorker:
    """A shard that a test drives batch by batch; what would be published is kept for the test."""

    def __init__(
        self,
        shard_id: int = 0,
        *,
        clock_us: Callable[[], int] = now_us,
        flight_min: int = FLIGHT_COMMANDS_MIN,
    ) -> None:
        self.replies: dict[int, wire.Reply] = {}
        self.events: list[tuple[int, bytes]] = []
        self.session = Session(shard_id, new_owner(), lambda: False)
        self._clock_us = clock_us
        self._flight_min = flight_min
        self._shard: OwnedShard | None = None

    def take_over(self) -> bool:
        """Try once to take the lease; tell whether the shard is this one's now."""
        self._shard = try_take(
            self.session,
            publish=self._keep,
            clock_us=self._clock_us,
            settlement=WatchedSettlement,
            flight_min=self._flight_min,
        )
        return self._shard is not None

    @property
    def shard(self) -> OwnedShard:
        """Return the shard that is its own."""
        assert self._shard is not None
        return self._shard

    @property
    def memory(self) -> ShardMemory:
        """Return what it knows of it."""
        return self.shard.memory

    @property
    def settlement(self) -> WatchedSettlement:
        """Return its way to the tables, at which a test may stand."""
        assert isinstance(self.shard.settlement, WatchedSettlement)
        return self.shard.settlement

    def settle(self, *commands: WireCommand | bytes) -> list[wire.Reply]:
        """Settle commands as one batch; return their replies in order."""
        self.replies = {}
        self.shard.batches.settle(entries_of(self, commands))
        return [self.replies[index] for index in range(1, len(commands) + 1)]

    def fire_due(self) -> None:
        """Settle what is due by its clock."""
        self.shard.pipeline.fire_due()

    def state_hash(self) -> str:
        """Return the hash of the engine in memory."""
        return self.memory.state_hash()

    def close(self) -> None:
        """Leave as if killed: the lease is not given up."""
        self.session.close()

    def leave(self) -> None:
        """Leave, and give up what is its own."""
        if self._shard is None:
            self.session.close()
        else:
            self._shard.close(gives_up=True)

    def _keep(self, news: News) -> None:
        self.events += news.events
        for index, encoded in news.replies.get("test", []):
            self.replies[index] = wire.decode_reply(encoded)


@contextlib.contextmanager
def driven_worker(shard_id: int = 0, **options: Any) -> Iterator[DrivenWorker]:
    """Yield a worker that owns the shard; its session is closed and its lease given up after it."""
    worker = DrivenWorker(shard_id, **options)
    until(worker.take_over, what="the lease")
    try:
        yield worker
    finally:
        worker.leave()


@contextlib.contextmanager
def running_worker(shard_id: int = 0, **options: Any) -> Iterator[MatchingWorker]:
    """Yield a worker that runs in a thread, with the queue; it is asked to stop after it."""
    worker = MatchingWorker(shard_id, **options)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            worker.run()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, name=f"worker-{shard_id}")
    thread.start()
    queue = queue_client()
    try:
        until(lambda: failures or queue.exists(wire.heartbeat_name(shard_id)), what="a live worker")
        yield worker
    finally:
        worker.stop()
        thread.join(timeout=15)
        queue.close()
    assert not thread.is_alive(), "the worker did not stop"
    if failures:
        raise failures[0]


def queue_client() -> Any:
    """Return a client of the test's Valkey."""
    return redis.Redis.from_url(settings.REDIS_URL)


def rebuilt_hash(shard_id: int = 0) -> str:
    """Return the hash of an engine rebuilt from the tables, as a successor would."""
    session = connect(shard_id=shard_id, owner="rebuild")
    try:
        return load_shard(session, shard_id)[0].engine.state_hash()
    finally:
        session.close()


def journal(shard_id: int = 0) -> list[tuple[str, str, str]]:
    """Return (kind, outcome, reason) of the journal in order, without the market's set-up."""
    rows = Command.objects.filter(shard_id=shard_id).exclude(kind="configure")
    return list(rows.order_by("sequence").values_list("kind", "outcome", "reason"))


def assert_sound(shard_id: int = 0) -> None:
    """The money adds up, and the journal has no gap."""
    breaks = [found.text() for found in reconcile()]
    assert not breaks, "\n".join(breaks)
    sequences = list(
        Command.objects.filter(shard_id=shard_id)
        .order_by("sequence")
        .values_list("sequence", flat=True)
    )
    assert sequences == list(range(1, len(sequences) + 1))


def expire_lease(shard_id: int = 0) -> None:
    """Let the lease run out, as time would."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE matching_shard SET lease_expires_at = clock_timestamp() - interval '1 ms'"
            " WHERE id = %s",
            (shard_id,),
        )


@contextlib.contextmanager
def failing_switches(event: str, times: int, sqlstate: str) -> Iterator[None]:
    """Let a change of a switch's row fail so often; the sequence that counts is not taken back."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE SEQUENCE switch_failures")
        cursor.execute(
            "CREATE FUNCTION fail_switch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF nextval('switch_failures') <= {times} THEN"
            f" RAISE EXCEPTION 'not now' USING ERRCODE = '{sqlstate}'; END IF;"
            " RETURN coalesce(NEW, OLD); END $$"
        )
        cursor.execute(
            f"CREATE TRIGGER fail BEFORE {event} ON matching_switch"
            " FOR EACH ROW EXECUTE FUNCTION fail_switch()"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION fail_switch CASCADE")
            cursor.execute("DROP SEQUENCE switch_failures")
