"""Move markets from one shard to another, live."""

import asyncio
import time
from typing import NamedTuple

import structlog
from django.db import connection
from redis.exceptions import RedisError

from accounts.access.actor import Actor, Permission
from accounts.audit import on_record
from accounts.redis_client import get_redis
from matching.commands.move import AdoptMarket, ReleaseMarket
from matching.gateway.client import open_gateway
from matching.markets.selectors import Place, get_place, has_shard
from matching.models import Handover
from matching.wire import heartbeat_name
from zavora.foundation.errors import (
    Conflict,
    EngineUnavailable,
    OutcomeUnknown,
    ValidationFailed,
    ZavoraError,
)

log = structlog.get_logger(__name__)


class Move(NamedTuple):
    """A market that was moved. ``away_ms``: for how long nobody matched it, about."""

    symbol: str
    from_shard: int
    to_shard: int
    away_ms: float


def move_market(*, by: Actor, symbol: str, to_shard: int) -> Move:
    """Have another shard match a market from now on; its orders keep their places.

    Whoever asks for something of it meanwhile waits a moment. Asked again after it
    was not answered, it goes on where it was. Raises Forbidden, MarketNotFound; ValidationFailed,
    Conflict and EngineUnavailable, and then nothing was moved; OutcomeUnknown where it left its
    shard and has not arrived yet: the other shard's worker has it as soon as there is one.
    """
    by.require(Permission.CHANGE_MARKET)
    place = get_place(symbol)
    if not has_shard(to_shard):
        raise ValidationFailed(
            f"there is no shard {to_shard}",
            to="expected a shard that a worker runs for (manage.py run_matching --shard N)",
        )
    if place.shard_id == to_shard and place.handover_id is None:
        raise Conflict(f"market {place.symbol} is matched by shard {to_shard} already")
    if place.shard_id != to_shard and place.handover_id is not None:
        raise Conflict(f"market {place.symbol} is on its way to shard {place.shard_id}")
    _require_worker(to_shard)
    was, now = {"shard": place.shard_id}, {"shard": to_shard}
    with on_record(by, "market.move", f"market:{place.symbol}", was=was, now=now) as by:
        return asyncio.run(_move(by, place, to_shard, place.handover_id or _next_handover_id()))


async def _move(by: Actor, place: Place, to_shard: int, handover_id: int) -> Move:
    began = time.monotonic()
    async with open_gateway() as gateway:
        if place.handover_id is None:
            release = ReleaseMarket(place.market_id, to_shard, handover_id, by.text)
            try:
                await gateway.submit(release, shard_id=place.shard_id, request_id=by.request_id)
            except (EngineUnavailable, OutcomeUnknown):
                found = await asyncio.to_thread(_look_again, place.symbol)
                if found.shard_id != to_shard:
                    raise
                # It took effect, or somebody else asked for the same.
                handover_id = found.handover_id or 0
            began = time.monotonic()
        adopt = AdoptMarket(place.market_id, handover_id, by.text)
        try:
            await gateway.submit(adopt, shard_id=to_shard, request_id=by.request_id)
        except ZavoraError as error:  # its worker looks for it by itself
            log.warning("adoption_not_asked", market=place.symbol, error=str(error))
        try:
            await gateway.arrived(place.market_id)
        except EngineUnavailable:
            raise OutcomeUnknown(
                f"market {place.symbol} left shard {place.shard_id} and is not matched yet:"
                f" shard {to_shard} has it as soon as a worker of it runs"
            ) from None
    away_ms = (time.monotonic() - began) * 1_000
    return Move(place.symbol, place.shard_id, to_shard, away_ms)


def _require_worker(shard_id: int) -> None:
    try:
        is_alive = get_redis().exists(heartbeat_name(shard_id))
    except RedisError:
        raise EngineUnavailable("the queue is not reachable; nothing was moved") from None
    if not is_alive:
        raise EngineUnavailable(f"shard {shard_id} has no running worker; nothing was moved")


def _look_again(symbol: str) -> Place:
    """Look where a market is, in a thread of its own."""
    try:
        return get_place(symbol)
    finally:
        connection.close()


def _next_handover_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id'))", (Handover._meta.db_table,)
        )
        return int(cursor.fetchone()[0])
