"""The load of (b): commands go to the stream as gateways put them there, replies come back.

Everything is encoded before the clock runs, so that the generator costs little of the machine that
it shares with what it measures. It lives in a process of its own (``benchmarks.remote``).
"""

import gc
import random
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, Final

import msgspec
import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from benchmarks.flow import Flow, FlowMarket, NewOrder, Step, price_text, quantity_text
from benchmarks.statistics import Latencies
from matching import wire
from matching.commands.base import WireCommand
from matching.commands.cancel import CancelOrder
from matching.commands.place import PlaceOrder

# Below the edge's bound (ZAVORA_BACKLOG_MAX), above what a batch takes: the worker never waits.
BACKLOG_HIGH: Final = 15_000
BACKLOG_LOW: Final = 2_000
CHUNK: Final = 250
SAMPLE_S: Final = 0.1
POLL_S: Final = 0.003
ANSWER_WAIT_MAX_S: Final = 60.0
_FAR: Final = 2**52  # a deadline that no run reaches: commands are encoded minutes before


class StreamSpec(msgspec.Struct, frozen=True):
    """Where to play which flow. ``traced_each``: one command in so many belongs to a trace."""

    redis_url: str
    database_url: str
    shard_id: int
    markets: list[FlowMarket]
    account_ids: list[int]
    seed: int
    cancel_share: float
    traced_each: int = 0


class StreamLoad:
    """Plays one flow on a shard's stream, part by part."""

    def __init__(self, spec: StreamSpec) -> None:
        self._spec = spec
        self._flow = Flow(
            spec.markets,
            accounts=len(spec.account_ids),
            seed=spec.seed,
            cancel_share=spec.cancel_share,
        )
        self._redis = redis.Redis.from_url(spec.redis_url, retry=Retry(NoBackoff(), 0))
        self._feed = self._redis.connection_pool.make_connection()
        self._feed.connect()
        # The replies prove what arrived; an answer to each XADD would only cost time.
        self._feed.send_command("CLIENT", "REPLY", "OFF")
        self._address = f"bench-{uuid.uuid4().hex[:12]}"
        self._pubsub = self._redis.pubsub()
        self._pubsub.subscribe(wire.replies_channel(self._address))
        while self._pubsub.get_message(timeout=1.0) is None:
            pass
        self._stream = wire.stream_name(spec.shard_id)
        self._prepared: list[bytes] = []
        self._sent = 0  # of all parts: correlation numbers go on
        self._codes: dict[str, int] = {}

    def prepare(self, steps: int) -> int:
        """Encode the flow's next steps; return how many orders rest once they are played."""
        self._encode(self._flow.take(steps))
        return self._flow.open_orders()

    def prepare_books(self, orders: int) -> int:
        """Encode passive orders only; return how many orders rest once they are played."""
        self._encode(self._flow.seed_books(orders))
        return self._flow.open_orders()

    def prepare_commands(self, commands: list[WireCommand]) -> None:
        """Encode commands that no flow knows of."""
        self._encode_commands(commands)

    def saturate(self, seconds: float, warm_up_s: float) -> dict[str, Any]:
        """Play what is prepared, the backlog never empty; return the rate of commits.

        The rate is that of journal rows between two moments at both of which commands waited.
        """
        samples: list[tuple[float, int, int]] = []  # moment, journal sequence, backlog
        with psycopg.connect(self._spec.database_url, autocommit=True) as connection:
            began = next_sample = time.perf_counter()

            def sample() -> None:
                nonlocal next_sample
                now = time.perf_counter()
                if next_sample <= now <= began + warm_up_s + seconds:
                    samples.append((now, self._journaled(connection), self._backlog()))
                    next_sample = now + SAMPLE_S

            played = self._feed_all(sample)
        return {"played": played, **_saturated(samples, warm_up_s)}

    def play(self) -> int:
        """Play what is prepared as fast as it goes; return how many commands that were."""
        return self._feed_all(lambda: None)

    def pace(self, rate_per_s: float) -> dict[str, Any]:
        """Play what is prepared at random moments of that mean rate; return the latencies.

        A latency runs from the moment at which a command was due, sent late or not, to its reply.
        """
        due, seconds = self._pace(rate_per_s)
        took_s = due[-1] - due[0]
        return {"rate_per_s": round((len(due) - 1) / took_s), **Latencies(seconds).as_ms()}

    def latencies_s(self, rate_per_s: float) -> list[float]:
        """Do as ``pace`` does; return every latency in seconds."""
        return self._pace(rate_per_s)[1]

    def answer_codes(self) -> dict[str, int]:
        """Return how often each code came back so far; the empty code says it took effect."""
        return dict(self._codes)

    # --- inside -----------------------------------------------------------------------------------

    def _pace(self, rate_per_s: float) -> tuple[list[float], list[float]]:
        """Play what is prepared; return when each command was due, and its latency, in seconds."""
        first, commands, self._prepared = self._sent, self._prepared, []
        gaps = random.Random(first)
        due, at = [], time.perf_counter() + 0.2
        for _ in commands:
            due.append(at)
            at += gaps.expovariate(rate_per_s)
        done = [0.0] * len(commands)
        answers: list[bytes] = []
        place = answered = 0
        gives_up_at = at + ANSWER_WAIT_MAX_S
        gc.collect()
        gc.disable()
        while answered < len(commands):
            now = time.perf_counter()
            ready = place
            while ready < len(due) and due[ready] <= now:
                ready += 1
            if ready > place:
                self._feed.send_packed_command([b"".join(commands[place:ready])])
                place = ready
            wait_s = due[place] - time.perf_counter() if place < len(due) else 0.5
            message = self._pubsub.get_message(timeout=max(0.0, wait_s))
            if message is not None and message["type"] == "message":
                now = time.perf_counter()
                answers.append(message["data"])
                for correlation, _ in wire.decode_replies(message["data"]).items:
                    done[correlation - first] = now
                    answered += 1
            elif now > gives_up_at:
                raise TimeoutError("the worker did not answer all commands in time")
        gc.enable()
        self._sent += len(commands)
        self._check_answers(first, answers)
        return due, [end - start for start, end in zip(due, done, strict=True)]

    def _encode(self, steps: list[Step]) -> None:
        self._encode_commands([_command(step, self._spec.account_ids) for step in steps])

    def _encode_commands(self, commands: list[WireCommand]) -> None:
        first = self._sent + len(self._prepared)
        self._prepared += [
            _xadd(
                self._stream,
                wire.encode(command),
                f"00000000-0000-4000-8000-{number:012x}",
                self._address,
                number,
                self._parent(number),
            )
            for number, command in enumerate(commands, start=first)
        ]

    def _parent(self, number: int) -> str:
        """Return the span that a command belongs to; mostly none."""
        each = self._spec.traced_each
        return f"00-{number + 1:032x}-{number + 1:016x}-01" if each and number % each == 0 else ""

    def _feed_all(self, between: Callable[[], None]) -> int:
        """Feed all that is prepared, wait for all replies and check them."""
        first, commands, self._prepared = self._sent, self._prepared, []
        answers: list[bytes] = []
        reader = threading.Thread(target=self._collect, args=(len(commands), answers), daemon=True)
        gc.collect()
        gc.freeze()
        reader.start()
        place = 0
        while place < len(commands) or reader.is_alive():
            backlog = self._backlog()
            while place < len(commands) and backlog < BACKLOG_HIGH - CHUNK:
                self._feed.send_packed_command([b"".join(commands[place : place + CHUNK])])
                place += CHUNK
                backlog += CHUNK
            between()
            time.sleep(POLL_S)  # paces the feeding, which is far ahead of the worker
        self._sent += len(commands)
        self._check_answers(first, answers)
        return len(commands)

    def _collect(self, commands: int, answers: list[bytes]) -> None:
        """Read replies until all commands are answered."""
        answered = 0
        while answered < commands:
            message = self._pubsub.get_message(timeout=ANSWER_WAIT_MAX_S)
            if message is None:
                return
            if message["type"] == "message":
                answers.append(message["data"])
                answered += len(wire.decode_replies(message["data"]).items)

    def _check_answers(self, first: int, answers: list[bytes]) -> None:
        """Count the codes. Raises AssertionError unless each command was answered once."""
        seen = []
        for answer in answers:
            for correlation, encoded in wire.decode_replies(answer).items:
                seen.append(correlation)
                code = wire.decode_reply(encoded).code
                self._codes[code] = self._codes.get(code, 0) + 1
        if sorted(seen) != list(range(first, self._sent)):
            raise AssertionError(
                f"{len(seen)} replies, {len(set(seen))} of them different, to"
                f" {self._sent - first} commands"
            )

    def _backlog(self) -> int:
        length: Any = self._redis.xlen(self._stream)
        return int(length)

    def _journaled(self, connection: "psycopg.Connection[Any]") -> int:
        row = connection.execute(
            "SELECT journal_sequence FROM matching_shard WHERE id = %s", (self._spec.shard_id,)
        ).fetchone()
        if row is None:
            raise AssertionError("the shard has no row")
        return int(row[0])


def _saturated(samples: list[tuple[float, int, int]], warm_up_s: float) -> dict[str, Any]:
    """Return the rate between the first and last warm sample, commands waiting at every one."""
    window = []
    for sample in samples:
        if sample[0] - samples[0][0] < warm_up_s:
            continue
        if sample[2] < BACKLOG_LOW:
            break
        window.append(sample)
    if len(window) < 5:
        raise AssertionError("too few commands were prepared to keep a backlog")
    first, last = window[0], window[-1]
    return {
        "commands_per_s": (last[1] - first[1]) / (last[0] - first[0]),
        "commands": last[1] - first[1],
        "seconds": last[0] - first[0],
        "backlog_min": min(sample[2] for sample in window),
    }


def _command(step: Step, account_ids: list[int]) -> WireCommand:
    market = step.market
    if isinstance(step, NewOrder):
        return PlaceOrder(
            account_id=account_ids[step.account],
            market_id=market.market_id,
            side=step.side,
            order_type="limit",
            time_in_force=step.time_in_force,
            post_only=False,
            price=price_text(market, step.price_ticks),
            quantity=quantity_text(market, step.lots),
            quote_quantity=None,
            client_order_id=step.client_order_id,
            key=step.client_order_id,  # as the edge has it for whoever gives a client order id
            deadline_ms=_FAR,
        )
    return CancelOrder(
        account_id=account_ids[step.account],
        market_id=market.market_id,
        order_id=None,
        client_order_id=step.client_order_id,
    )


def _xadd(
    stream: str, body: bytes, request_id: str, address: str, correlation: int, parent: str
) -> bytes:
    """Return the bytes of an XADD as the gateway's Lua makes it."""
    words = [
        b"XADD",
        stream.encode(),
        b"*",
        wire.FIELD_BODY,
        body,
        wire.FIELD_REQUEST_ID,
        request_id.encode(),
        wire.FIELD_REPLY_TO,
        address.encode(),
        wire.FIELD_CORRELATION,
        str(correlation).encode(),
    ]
    if parent:
        words += (wire.FIELD_PARENT, parent.encode())
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"".join(parts)
