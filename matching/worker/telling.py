"""What is told of the shard: of each batch once it has committed, and of quiet markets."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from matching import wire
from matching.worker.decide import ShardContext
from matching.worker.results import Committed
from matching.worker.stream import News

QUIET_EVENT_S: Final = 1.0


class Telling:
    """Tells everybody, in order: at once, or a moment later where PostgreSQL is not to wait."""

    def __init__(self, publish: Callable[[News], None]) -> None:
        """``publish`` gives news to the queue, or to whoever listens; what it loses is no harm."""
        self._publish = publish
        # What is committed and will be told in a moment; None: it is told at once.
        self._held: list[News] | None = None
        # When something was told of each market last, of the monotonic clock.
        self._told_at: dict[int, float] = {}

    @contextmanager
    def later(self) -> Iterator[None]:
        """Keep what is to be told until the end of the block."""
        self._held = []
        try:
            yield
        finally:
            held, self._held = self._held, None
            for news in held:
                self._publish(news)

    def tell(self, committed: Committed, traced: list[tuple[int, bytes]]) -> None:
        """Tell of a batch, and which traced requests its events tell of."""
        decision, settled = committed.decision, committed.settled
        now = time.monotonic()
        for market_id, _ in settled.events:
            self._told_at[market_id] = now
        news = News(
            settled.events,
            settled.event_sequences,
            decision.replies,
            decision.last_stream_id,
            traced,
        )
        if self._held is None:
            self._publish(news)
        else:
            self._held.append(news)

    def tell_position(self, stream_id: str) -> None:
        """Tell that the stream is not needed up to there."""
        self._publish(News(position=stream_id))

    def tell_quiet_markets(self, context: ShardContext) -> None:
        """Repeat current sequences once a second, so that a lost last message is noticed."""
        quiet = list(self._quiet_events(context, time.monotonic()))
        if quiet:
            self._publish(News(quiet))

    def _quiet_events(self, context: ShardContext, now: float) -> Iterator[tuple[int, bytes]]:
        for market_id, sequence in context.event_sequences.items():
            if now - self._told_at.get(market_id, 0.0) < QUIET_EVENT_S:
                continue
            self._told_at[market_id] = now
            depth_sequence = context.engine.market(market_id).depth_sequence
            event = wire.MarketEvent(
                market_id, sequence, sequence, context.last_batch_us, depth_sequence, [], [], b""
            )
            yield market_id, wire.encode(event)
