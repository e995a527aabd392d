"""Whether the parts of the exchange show life, asked of Valkey in one round trip."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from redis.exceptions import RedisError

from accounts.redis_client import get_redis
from marketdata.wire import HEARTBEAT_KEY
from matching.markets.selectors import list_shard_ids
from matching.wire import RECONCILED_KEY, Reconciled, heartbeat_name, set_aside_name, stream_name
from zavora.foundation.queue import CELERY_KEY, WEB_KEY

SHARDS_MAX: Final = 64
# Of more markets at once it is not recorded which they are.
MARKETS_MAX: Final = 100
# Phases in which a market is not left to itself.
INTERRUPTED: Final = frozenset({"halted", "cancel_only"})
# What a market is called among the parts.
MARKET: Final = "market:"


class Health(msgspec.Struct, frozen=True):
    """What shows life. ``waiting``: commands in all shards' queues."""

    is_queue_up: bool
    shards_down: list[int] = []
    markets_set_aside: list[str] = []
    waiting: int = 0
    is_data_up: bool = False
    is_celery_up: bool = False
    is_web_up: bool = False
    shards: int = 0
    reconciled: Reconciled | None = None


def get_health() -> Health:
    """Return what the parts say of themselves; where Valkey does not answer, nothing is known."""
    shards = list_shard_ids()[:SHARDS_MAX]
    try:
        asked = get_redis().pipeline(transaction=False)
        asked.mget([HEARTBEAT_KEY, CELERY_KEY, WEB_KEY, RECONCILED_KEY])
        asked.mget([heartbeat_name(0), *map(heartbeat_name, shards)])
        asked.mget([set_aside_name(0), *map(set_aside_name, shards)])
        for shard_id in shards:
            asked.xlen(stream_name(shard_id))
        (data, celery, web, reconciled), lives, aside, *lengths = asked.execute()
    except RedisError:
        return Health(is_queue_up=False)
    return Health(
        is_queue_up=True,
        shards_down=[one for one, life in zip(shards, lives[1:], strict=True) if life is None],
        markets_set_aside=[name for told in aside[1:] if told for name in told.decode().split(",")],
        waiting=sum(lengths),
        is_data_up=data is not None,
        is_celery_up=celery is not None,
        is_web_up=web is not None,
        shards=len(shards),
        reconciled=_reconciled(reconciled),
    )


def troubles_of(health: Health, phases: Mapping[str, str]) -> dict[str, str]:
    """Return what is not as it should be, and how, for the record of the exchange's status.

    ``phases`` are those of the markets, by symbol. A market that opens and closes by its calendar
    is as it should be.
    """
    troubles: dict[str, str] = {}
    if not health.is_queue_up:
        # Nothing else can be known.
        return {"queue": "down"}
    if health.shards_down:
        troubles["matching"] = "down" if len(health.shards_down) == health.shards else "partly"
    if not health.is_data_up:
        troubles["market_data"] = "down"
    if not health.is_web_up:
        troubles["web"] = "down"
    aside = dict.fromkeys(health.markets_set_aside, "set_aside")
    held = {name: phase for name, phase in phases.items() if phase in INTERRUPTED}
    for symbol, state in sorted((held | aside).items())[:MARKETS_MAX]:
        troubles[f"{MARKET}{symbol}"] = state
    return troubles


def _reconciled(body: Any) -> Reconciled | None:
    try:
        return None if body is None else msgspec.json.decode(body, type=Reconciled)
    except msgspec.MsgspecError:  # another version's words
        return None
