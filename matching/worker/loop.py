"""The worker's loop: take the lease, rebuild, then read, decide, settle, tell, again and again.

What becomes of a batch stands in ``batch``. Where commands wait, one batch is decided while the one
before is being settled (``pipeline``).
"""

import sys
import time
from collections.abc import Callable, Iterable
from typing import Final

import psycopg
import structlog
from django.conf import settings

from matching.worker import meter
from matching.worker.entries import Entry
from matching.worker.owned import OwnedShard, new_owner, try_take
from matching.worker.session import RECONNECT_WAIT_MAX_S, RECONNECT_WAIT_MIN_S, Session
from matching.worker.settlement import PostgresSettlement, Settlement
from matching.worker.stream import BLOCK_MS, QUEUE_ERRORS, CommandStream, News
from zavora.foundation.times import now_us

log = structlog.get_logger(__name__)

STANDBY_POLL_S: Final = 0.25
# How soon a thread that has its answer from PostgreSQL goes on while the other one computes.
SWITCH_S: Final = 0.0002


class MatchingWorker:
    """One shard's worker. ``run`` returns when it was asked to stop or lost its lease."""

    def __init__(
        self,
        shard_id: int,
        *,
        clock_us: Callable[[], int] = now_us,
        batch_max: int | None = None,
        settlement: Callable[[Session, int], Settlement] = PostgresSettlement,
    ) -> None:
        self.shard_id = shard_id
        self.owner = new_owner()
        self._clock_us = clock_us
        self._batch_max = batch_max or settings.ZAVORA_BATCH_MAX
        self._settlement = settlement
        self._is_stopping = False
        self._shown_at = 0.0
        # What is ours once we have the lease; the metrics' thread looks at it, too.
        self.shard: OwnedShard | None = None

    def stop(self) -> None:
        """Ask the loop to end after what it is doing (safe in a signal handler)."""
        self._is_stopping = True

    def run(self) -> None:
        """Wait for the lease, then work until stopped. Raises LeaseLost when another took over."""
        stream = CommandStream(self.shard_id)
        session = Session(self.shard_id, self.owner, lambda: self._is_stopping)
        sys.setswitchinterval(SWITCH_S)
        shard: OwnedShard | None = None
        try:
            shard = self.shard = self._wait_for_lease(session, stream)
            if shard is not None:
                self._work(shard, stream)
                shard.pipeline.land()
        finally:
            self.shard = None
            self._leave(session, shard, stream)

    # --- life -------------------------------------------------------------------------------------

    def _wait_for_lease(self, session: Session, stream: CommandStream) -> OwnedShard | None:
        """Wait as a standby until the lease is ours; None if asked to stop before."""
        said = False
        wait_s = STANDBY_POLL_S
        while not self._is_stopping:
            try:
                shard = try_take(
                    session,
                    publish=lambda news: self._publish(stream, news),
                    clock_us=self._clock_us,
                    settlement=self._settlement,
                )
                if shard is not None:
                    return shard
                wait_s = STANDBY_POLL_S
                stream.show_standby(self.owner)
                if not said:
                    log.info("standby", shard=self.shard_id)
                    said = True
            except psycopg.OperationalError as error:
                log.warning("database_unreachable", error=str(error).strip())
                session.close()
                wait_s = min(RECONNECT_WAIT_MAX_S, wait_s * 2)
            time.sleep(wait_s)  # between polls of the lease, which only time can free
        return None

    def _leave(self, session: Session, shard: OwnedShard | None, stream: CommandStream) -> None:
        """Give the lease up if it is ours and nothing is in doubt; close everything."""
        if self._is_stopping:
            try:
                stream.end_life() if shard is not None else stream.end_standby(self.owner)
            except QUEUE_ERRORS as error:
                log.warning("end_not_told", shard=self.shard_id, error=str(error))
        if shard is None:
            session.close()
        else:
            shard.close(gives_up=self._is_stopping)
        stream.close()

    # --- the loop ---------------------------------------------------------------------------------

    def _work(self, shard: OwnedShard, stream: CommandStream) -> None:
        pipeline, memory = shard.pipeline, shard.memory
        fenced_connection = -1  # the connection to the queue on which the stream was fenced
        wait_s = RECONNECT_WAIT_MIN_S
        while not self._is_stopping:
            pipeline.fire_due()
            shard.adopt_waiting()
            if fenced_connection != stream.connections:
                pipeline.land()  # a fence must be above everything that was settled
            try:
                if fenced_connection != stream.connections:
                    stream.require_noeviction()
                    # Read before fencing: one that breaks meanwhile makes the next round fence.
                    fenced_connection = stream.connections
                    stream.fence(memory.position.last_stream_id)
                    stream.trim(memory.position.last_stream_id)
                    self._shown_at = 0.0
                self._show_life(stream, memory.context.set_aside.values())
                entries = self._read(shard, stream)
                wait_s = RECONNECT_WAIT_MIN_S
            except QUEUE_ERRORS as error:
                log.warning("queue_unreachable", shard=self.shard_id, error=str(error))
                fenced_connection = -1
                pipeline.land()
                time.sleep(wait_s)  # between attempts to connect
                wait_s = min(RECONNECT_WAIT_MAX_S, wait_s * 2)
                shard.settlement.keep_lease()
                continue
            if pipeline.is_flying and not pipeline.is_worth_a_flight(entries):
                pipeline.land()  # and read again: more may have come meanwhile
            elif entries:
                pipeline.process(entries)
            if not pipeline.is_flying:
                shard.settlement.keep_lease()
                shard.telling.tell_quiet_markets(memory.context)

    def _read(self, shard: OwnedShard, stream: CommandStream) -> list[Entry]:
        """Return what waits in the stream; wait a little if nothing does."""
        return stream.read(
            shard.pipeline.last_stream_id,
            count_max=self._batch_max,
            block_ms=shard.pipeline.wait_ms(BLOCK_MS),
        )

    def _show_life(self, stream: CommandStream, set_aside: Iterable[str]) -> None:
        """Say often enough that the loop goes on: a tenth of the lease is soon enough."""
        now = time.monotonic()
        if now - self._shown_at > settings.ZAVORA_LEASE_MS / 10_000:
            stream.show_life(self.owner, set_aside)
            self._shown_at = now

    def _publish(self, stream: CommandStream, news: News) -> None:
        """Publish; what is lost here is found in the tables."""
        try:
            with meter.phase(self.shard_id, "tell"):
                stream.tell(news)
        except QUEUE_ERRORS as error:
            log.warning("telling_failed", shard=self.shard_id, error=str(error))
