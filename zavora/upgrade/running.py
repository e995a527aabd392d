"""Which versions run now, by what processes say of themselves in the queue's store."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from redis.exceptions import RedisError

from accounts.redis_client import get_redis
from marketdata.wire import HEARTBEAT_KEY, decode_progress
from matching.wire import heartbeat_name, standby_name, version_of
from zavora.foundation.queue import CELERY_KEY, WEB_VERSIONS
from zavora.upgrade.errors import CheckFailed

WEBS_MAX: Final = 1_000
# What versions wrote there that did not say which they were.
_SILENT: Final = ("1", "up", "")
UNTOLD: Final = "one that does not say"


class Running(msgspec.Struct, frozen=True):
    """A process that shows life, and its version."""

    process: str
    version: str


def running_processes(shards: Sequence[int]) -> list[Running]:
    """Return who shows life: workers, standbys, market data, celery, webs. Raises CheckFailed.

    A standby that waits behind another one of its shard shares its sign, so of several one is told.
    """
    names = {heartbeat_name(shard): f"the worker of shard {shard}" for shard in shards}
    names |= {standby_name(shard): f"the standby of shard {shard}" for shard in shards}
    try:
        values: list[Any] = get_redis().mget([*names, HEARTBEAT_KEY, CELERY_KEY])
        webs = _web_signs()
    except RedisError as error:
        raise CheckFailed(f"the queue does not answer, so nobody knows who runs: {error}") from None
    *workers, data, celery = values
    found = [
        Running(what, version_of(sign))
        for what, sign in zip(names.values(), workers, strict=True)
        if sign is not None
    ]
    if data is not None:
        found.append(Running("market data", decode_progress(data).version))
    if celery is not None:
        found.append(Running("celery", celery.decode(errors="replace")))
    found += [Running("a web process", sign) for sign in webs]
    return [
        Running(one.process, UNTOLD if one.version in _SILENT else one.version) for one in found
    ]


def _web_signs() -> list[str]:
    queue = get_redis()
    keys = []
    for key in queue.scan_iter(match=f"{WEB_VERSIONS}*", count=WEBS_MAX):
        keys.append(key)
        if len(keys) == WEBS_MAX:
            break
    signs: list[Any] = queue.mget(keys) if keys else []
    return [sign.decode(errors="replace") for sign in signs if sign is not None]
