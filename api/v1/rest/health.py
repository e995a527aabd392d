"""Is the exchange well, and is this process: what balancers, people and pages ask, cheaply.

Two questions: a balancer that asks the first one takes every replica out when one shard is dead.
"""

import asyncio
import contextlib
import time
from typing import Any, Final

import psutil
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from redis.exceptions import RedisError

from api.process import web_process
from api.transport.threads import in_thread
from api.v1.times import now_text
from api.v1.words import TRADING_PHASES, Shape
from marketdata.wire import HEARTBEAT_KEY, Progress, decode_progress
from matching.wire import heartbeat_name, set_aside_name
from zavora import __version__
from zavora.foundation.errors import ZavoraError
from zavora.foundation.growth_settings import web_names
from zavora.foundation.queue import connect_async, web_name
from zavora.foundation.setting_values import SettingValue

# An answer is shared for this long, so that many who ask cost no more than one.
SHARED_S: Final = 0.5
PROBE_TIMEOUT_S: Final = 1.0
_REPLICAS: Final = SettingValue("ZAVORA_WEB_REPLICAS")
_NAME: Final = SettingValue("ZAVORA_WEB_NAME")

_started_at: Final = time.monotonic()
_process: Final = psutil.Process()
_last: tuple[float, int, Shape] | None = None


async def get_health() -> tuple[int, Shape]:
    """Return status (200, or 503 where a part is down) and body; at most ``SHARED_S`` old."""
    global _last
    now = time.monotonic()
    if _last is not None and now - _last[0] < SHARED_S:
        return _last[1], _last[2]
    status, body = await _look()
    _last = (time.monotonic(), status, body)
    return status, body


async def get_readiness() -> tuple[int, Shape]:
    """Return whether this process can do its part: it hears the queue and has its feed.

    Nothing about workers, the database or anybody else: whoever takes this process out of a
    balancer for them takes out all others, too, and nobody is left to say what is wrong.
    """
    process = web_process()
    await _start_feed()
    waits_for = [
        part
        for part, is_there in (
            ("feed", process.feed.is_started),
            ("queue", process.subscription.is_connected),
        )
        if not is_there
    ]
    if waits_for:
        return 503, {"status": "waiting", "waits_for": waits_for}
    return 200, {"status": "ready", "waits_for": []}


async def _start_feed() -> None:
    """See to it that the feed starts; where it cannot yet it goes on trying."""
    with contextlib.suppress(ZavoraError, TimeoutError):
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            await web_process().feed.ensure_started()


async def _look() -> tuple[int, Shape]:
    began = time.perf_counter()
    asked, (database_up, database_ms) = await asyncio.gather(_ask_queue(), _ask_database())
    engine_up, progress, unmatched, webs, queue_ms = asked
    data_up = progress is not None
    set_aside = _list_set_aside(progress or Progress(), unmatched)
    services = {
        "matching_engine": _service(engine_up, queue_ms),
        "account_service": _service(database_up, database_ms),
        "market_data_service": _service(data_up, queue_ms),
    }
    is_up = engine_up and database_up and data_up
    is_whole = is_up and not set_aside and "down" not in webs.values()
    body: Shape = {
        "status": "healthy" if is_whole else "degraded",
        "version": __version__,
        "timestamp": now_text(),
        "uptime_seconds": int(time.monotonic() - _started_at),
        "services": services,
        "web": webs,
        "markets": {**_count_markets(), "set_aside": set_aside},
        "system": {"memory_usage_mb": round(_process.memory_info().rss / 2**20, 1)},
        "health_check_latency_ms": _ms_since(began),
    }
    # A market that is set aside is no reason to send people away from all the others, nor is a web
    # process beside this one.
    return (200 if is_up else 503), body


def _list_set_aside(progress: Progress, unmatched: list[str]) -> list[Shape]:
    """Return the markets on which some part of the work fails, and which part that is."""
    parts = {
        "matching": unmatched,
        "candles": progress.candles_set_aside,
        "rules": progress.rules_unreadable,
        "feed": web_process().feed.set_aside,
    }
    return [{"market": symbol, "part": part} for part in parts for symbol in parts[part]]


def _service(is_up: bool, latency_ms: float) -> dict[str, Any]:
    return {"status": "up" if is_up else "down", "latency_ms": latency_ms}


def _ms_since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 2)


def _count_markets() -> dict[str, int]:
    views = web_process().feed.markets()
    active = sum(view.terms.rules.phase in TRADING_PHASES for view in views)
    return {"total": len(views), "active": active}


async def _ask_queue() -> tuple[bool, Progress | None, list[str], dict[str, str], float]:
    """Return what workers, market data service and web processes say of themselves.

    That is whether every shard's worker shows life, the service's progress (None: no life), the
    markets that are not matched, and which of the web processes on this port are up.
    """
    began = time.perf_counter()
    # Where the feed is not there yet, there is no market to ask a worker about.
    await _start_feed()
    shards = {view.terms.shard_id for view in web_process().feed.markets()} or set(
        settings.ZAVORA_SHARDS
    )
    names = [heartbeat_name(shard_id) for shard_id in sorted(shards)]
    webs = web_names(_REPLICAS.value)
    # Whoever answers is up.
    answering = _NAME.value or webs[0]
    client = connect_async(timeout_s=PROBE_TIMEOUT_S)
    try:
        async with client:
            found: Any = await client.mget(
                [
                    *(HEARTBEAT_KEY, *names),
                    *map(set_aside_name, sorted(shards)),
                    *map(web_name, webs),
                ]
            )
    except (RedisError, OSError, TimeoutError):
        return False, None, [], {answering: "up"}, _ms_since(began)
    progress = None if found[0] is None else decode_progress(found[0])
    lives, told = found[1 : 1 + len(names)], found[1 + len(names) : 1 + 2 * len(names)]
    unmatched = [symbol for one in told if one for symbol in one.decode().split(",")]
    signs = dict(zip(webs, found[1 + 2 * len(names) :], strict=True))
    states = {
        name: "up" if sign is not None or name == answering else "down"
        for name, sign in signs.items()
    }
    return all(one is not None for one in lives), progress, unmatched, states, _ms_since(began)


async def _ask_database() -> tuple[bool, float]:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            await in_thread(_select_one)
    except (DatabaseError, InterfaceError, ZavoraError, TimeoutError):
        return False, _ms_since(began)
    return True, _ms_since(began)


def _select_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
