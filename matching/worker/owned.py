"""A shard that is ours: its lease, its session, its memory, and how commands get settled in it."""

import gc
import os
import secrets
import socket
import time
from collections.abc import Callable

import psycopg
import structlog

from matching.worker import lease, meter
from matching.worker.adopting import Adopting
from matching.worker.batch import Batches
from matching.worker.lease import LeaseLost
from matching.worker.memory import ShardMemory
from matching.worker.pipeline import FLIGHT_COMMANDS_MIN, Pipeline
from matching.worker.rebuild import load_shard
from matching.worker.session import Session
from matching.worker.settlement import PostgresSettlement, Settlement
from matching.worker.stream import News
from matching.worker.telling import Telling
from zavora.foundation.times import now_us

log = structlog.get_logger(__name__)


def new_owner() -> str:
    """Return a name for whoever may own a shard, recognisable to an operator."""
    return f"{socket.gethostname()[:24]}-{os.getpid()}-{secrets.token_hex(4)}"


class OwnedShard:
    """What belongs together while the lease is ours; made by ``try_take``."""

    def __init__(
        self,
        session: Session,
        memory: ShardMemory,
        settlement: Settlement,
        publish: Callable[[News], None],
        *,
        flight_min: int = FLIGHT_COMMANDS_MIN,
        taken_in_s: float = 0.0,
    ) -> None:
        """``taken_in_s``: how long it took from having the lease to being ready."""
        meter.begin(session.shard_id)
        self.taken_in_s = taken_in_s
        self.session = session
        self.memory = memory
        self.settlement = settlement
        self.telling = Telling(publish)
        self.batches = Batches(memory, settlement, self.telling, is_stopping=session.is_stopping)
        self.pipeline = Pipeline(
            memory, settlement, self.telling, self.batches, flight_min=flight_min
        )
        self._adopting = Adopting(memory, settlement, self.batches)

    def adopt_waiting(self) -> None:
        """Adopt what other shards let go to this one, from time to time."""
        if self._adopting.is_due:
            self.pipeline.land()
            self._adopting.adopt()

    def close(self, *, gives_up: bool) -> None:
        """End what is its own; ``gives_up``: let the next owner have the lease at once."""
        self.pipeline.close()
        self.settlement.close()
        if gives_up:
            try:
                self.session.release(self.memory.position.epoch)
            except psycopg.Error as error:
                log.warning("lease_not_released", error=str(error).strip())
        self.session.close()


def try_take(
    session: Session,
    *,
    publish: Callable[[News], None],
    clock_us: Callable[[], int] = now_us,
    settlement: Callable[[Session, int], Settlement] = PostgresSettlement,
    flight_min: int = FLIGHT_COMMANDS_MIN,
) -> OwnedShard | None:
    """Try once to take the lease and rebuild the shard; None: somebody else has it.

    Raises OperationalError where the server cannot be reached, LeaseLost where the shard was taken
    while it was loaded.
    """
    shard_id = session.shard_id
    connection = session.connected()
    epoch = lease.try_take(connection, shard_id=shard_id, owner=session.owner)
    if epoch is None:
        return None
    started = time.perf_counter()
    with lease.kept(shard_id=shard_id, owner=session.owner, epoch=epoch) as keep_lease:
        context, position = load_shard(connection, shard_id, keep_lease=keep_lease)
    if position.epoch != epoch:
        raise LeaseLost(f"shard {shard_id} was taken while loading")
    lease.renew(connection, shard_id=shard_id, epoch=epoch)
    session.limit()
    # Millions of small objects that are in no cycle: let the collector leave them alone.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    taken_in_s = time.perf_counter() - started
    log.info(
        "lease_taken",
        shard=shard_id,
        epoch=epoch,
        markets=len(context.terms),
        journal_sequence=position.journal_sequence,
        seconds=round(taken_in_s, 3),
    )
    return OwnedShard(
        session,
        ShardMemory(context, position, clock_us),
        settlement(session, epoch),
        publish,
        flight_min=flight_min,
        taken_in_s=taken_in_s,
    )
