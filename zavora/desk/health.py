"""Whether the parts of the exchange show life, asked of Valkey in one round trip."""

from typing import Any, Final

import msgspec
from redis.exceptions import RedisError

from accounts.redis_client import get_redis
from marketdata.wire import HEARTBEAT_KEY
from matching.markets.selectors import list_shard_ids
from matching.wire import RECONCILED_KEY, Reconciled, heartbeat_name, set_aside_name, stream_name
from zavora.foundation.queue import CELERY_KEY

SHARDS_MAX: Final = 64


class Health(msgspec.Struct, frozen=True):
    """What shows life. ``waiting``: commands in all shards' queues."""

    is_queue_up: bool
    shards_down: list[int] = []
    markets_set_aside: list[str] = []
    waiting: int = 0
    is_data_up: bool = False
    is_celery_up: bool = False
    reconciled: Reconciled | None = None


def get_health() -> Health:
    """Return what the parts say of themselves; where Valkey does not answer, nothing is known."""
    shards = list_shard_ids()[:SHARDS_MAX]
    try:
        asked = get_redis().pipeline(transaction=False)
        asked.mget([HEARTBEAT_KEY, CELERY_KEY, RECONCILED_KEY])
        asked.mget([heartbeat_name(0), *map(heartbeat_name, shards)])
        asked.mget([set_aside_name(0), *map(set_aside_name, shards)])
        for shard_id in shards:
            asked.xlen(stream_name(shard_id))
        (data, celery, reconciled), lives, aside, *lengths = asked.execute()
    except RedisError:
        return Health(is_queue_up=False)
    return Health(
        is_queue_up=True,
        shards_down=[one for one, life in zip(shards, lives[1:], strict=True) if life is None],
        markets_set_aside=[name for told in aside[1:] if told for name in told.decode().split(",")],
        waiting=sum(lengths),
        is_data_up=data is not None,
        is_celery_up=celery is not None,
        reconciled=_reconciled(reconciled),
    )


def _reconciled(body: Any) -> Reconciled | None:
    try:
        return None if body is None else msgspec.json.decode(body, type=Reconciled)
    except msgspec.MsgspecError:  # another version's words
        return None
