"""The worker's side of the queue: read commands in order, tell what is committed, show life.

The client never repeats a command by itself, so every reconnect is seen here: after each one the
stream is fenced, lest a queue that lost its data or whose clock went back hands out ids below the
stored position.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from matching import wire
from matching.commands import decode_command, kind_of
from matching.commands.base import WireCommand
from matching.worker.entries import Entry
from zavora.foundation import tracing
from zavora.foundation.lasting import UnsafeServer

log = structlog.get_logger(__name__)

BLOCK_MS: Final = 250
SOCKET_TIMEOUT_S: Final = 2.0  # above the block, below the lease
_ENTRY_ID_MAX: Final = 2**64 - 1

# Sent again by whoever lost the reply, not by the library.
QUEUE_ERRORS: Final = (RedisError, OSError)


class News(msgspec.Struct, frozen=True):
    """What is told of a committed batch.

    ``events``: market id and encoded MarketEvent; ``sequences``: their sequences by market;
    ``traced``: market id and encoded TracedEvent, of events that tell of traced requests;
    ``replies``: by process, correlation number and encoded Reply; ``position``: that of the last
    command, up to which the stream is not needed any more.
    """

    events: list[tuple[int, bytes]] = []
    sequences: dict[int, int] = {}
    replies: dict[str, list[tuple[int, bytes]]] = {}
    position: str | None = None
    traced: list[tuple[int, bytes]] = []


class _CountingPool(redis.ConnectionPool):
    """Counts the connections made: the client replaces a broken one without a word."""

    connections = 0

    def make_connection(self) -> Any:
        connection = super().make_connection()
        connection.register_connect_callback(self.note_connection)
        return connection

    def note_connection(self, connection: Any) -> None:
        self.connections += 1


class CommandStream:
    """One shard's stream and what a worker says beside it."""

    def __init__(self, shard_id: int) -> None:
        self._shard_id = shard_id
        self._stream = wire.stream_name(shard_id)
        self._heartbeat = wire.heartbeat_name(shard_id)
        self._pool = _CountingPool.from_url(
            settings.REDIS_URL,
            socket_timeout=SOCKET_TIMEOUT_S,
            socket_connect_timeout=SOCKET_TIMEOUT_S,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 0),
        )
        self._redis = redis.Redis(connection_pool=self._pool)

    @property
    def connections(self) -> int:
        """How often a connection to the queue was made, by whichever command needed one."""
        return self._pool.connections

    def require_noeviction(self) -> None:
        """Raise UnsafeServer where the queue may drop keys under memory pressure."""
        try:
            policy: Any = self._redis.config_get("maxmemory-policy")
        except ResponseError:
            log.warning("queue_policy_unknown", hint="maxmemory-policy must be noeviction")
            return
        if policy.get("maxmemory-policy") != "noeviction":
            raise UnsafeServer(f"the queue's maxmemory-policy is {policy}; it must be noeviction")

    def fence(self, position: str) -> None:
        """Make sure that the next id of the stream is above ``position``."""
        try:
            self._redis.xadd(self._stream, {"fence": "1"}, id=_following(position))
        except ResponseError as error:
            if "equal or smaller" not in str(error):
                raise

    def read(self, position: str, *, count_max: int, block_ms: int = BLOCK_MS) -> list[Entry]:
        """Return up to ``count_max`` entries after ``position``; waits a little if none."""
        answer: Any = self._redis.xread(
            {self._stream: position}, count=count_max, block=block_ms or None
        )
        if not answer:
            return []
        streams = answer.values() if isinstance(answer, dict) else [part[1] for part in answer]
        entries: list[Entry] = []
        for stream in streams:
            for stream_id, fields in _flat(stream):
                entries.append(_entry(stream_id.decode(), fields))
        return entries

    def trim(self, position: str) -> None:
        """Drop entries up to and including ``position``."""
        self._redis.xtrim(self._stream, minid=_following(position), approximate=False)

    def tell(self, news: News) -> None:
        """Publish news, events first, and trim what they settled: one round trip."""
        pipeline = self._redis.pipeline(transaction=False)
        for market_id, said in news.traced:
            pipeline.publish(wire.traces_channel(market_id), said)
        for market_id, payload in news.events:
            pipeline.publish(wire.events_channel(market_id), payload)
        sequences = list(news.sequences.items())
        for process, items in news.replies.items():
            message = wire.encode(wire.Replies(items, sequences))
            pipeline.publish(wire.replies_channel(process), message)
        if news.position is not None:
            pipeline.xtrim(self._stream, minid=_following(news.position), approximate=False)
        pipeline.execute()

    def show_life(self, owner: str, set_aside: Iterable[str] = ()) -> None:
        """Tell gateways that this shard has a live worker, for the length of a lease.

        And tell the health check which of its markets are not matched.
        """
        self._redis.set(self._heartbeat, wire.sign_of_life(owner), px=settings.ZAVORA_LEASE_MS)
        symbols = ",".join(set_aside)
        if symbols:
            self._redis.set(
                wire.set_aside_name(self._shard_id), symbols, px=settings.ZAVORA_LEASE_MS
            )

    def show_standby(self, owner: str) -> None:
        """Tell that a worker waits to take over; nothing depends on it."""
        try:
            self._redis.set(
                wire.standby_name(self._shard_id),
                wire.sign_of_life(owner),
                px=settings.ZAVORA_LEASE_MS,
            )
        except QUEUE_ERRORS as error:
            log.warning("queue_unreachable", error=str(error))

    def end_standby(self, owner: str) -> None:
        """Tell at once that a waiting worker goes, unless another one has said since that it waits.

        Whoever restarts one after the other would take the sign of who is gone for the next one's.
        """
        sign: Any = self._redis.get(wire.standby_name(self._shard_id))
        if sign is not None and sign.decode(errors="replace") == wire.sign_of_life(owner):
            self._redis.delete(wire.standby_name(self._shard_id))

    def end_life(self) -> None:
        """Tell gateways at once that the worker goes."""
        self._redis.delete(self._heartbeat)

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()
        self._pool.disconnect()


def _flat(stream: Any) -> Any:
    """Return (id, fields) pairs; redis-py nests them once more under RESP3."""
    if stream and isinstance(stream[0], list) and stream[0] and isinstance(stream[0][0], tuple):
        return [pair for part in stream for pair in part]
    return stream


def _following(position: str) -> str:
    """Return the smallest stream id above ``position``."""
    milliseconds, _, sequence = position.partition("-")
    number = int(sequence or 0) + 1
    if number > _ENTRY_ID_MAX:
        return f"{int(milliseconds) + 1}-0"
    return f"{milliseconds}-{number}"


def _entry(stream_id: str, fields: dict[bytes, bytes]) -> Entry:
    body = fields.get(wire.FIELD_BODY)
    if body is None:
        return Entry(stream_id, b"", "", "", 0, None, is_fence=True)
    command: WireCommand | None
    try:
        command = decode_command(body)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        command = None
    if command is not None and kind_of(command).is_own(command):
        command = None  # the clock says when it is time, and nobody who can write to the stream
    try:
        correlation = int(fields.get(wire.FIELD_CORRELATION, b"0"))
    except ValueError:
        correlation = 0
    parent = fields.get(wire.FIELD_PARENT)
    return Entry(
        stream_id,
        body,
        fields.get(wire.FIELD_REQUEST_ID, b"").decode("ascii", "replace")[:36],
        fields.get(wire.FIELD_REPLY_TO, b"").decode("ascii", "replace"),
        correlation,
        command,
        parent="" if parent is None else tracing.accepted(parent),
    )
