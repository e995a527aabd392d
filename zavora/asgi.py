"""ASGI entry point: edge paths to the edge, sockets to the sockets, all else to Django.

Before that, and once for all of them: who the client is, and whether it names a host of ours.
Works under uvicorn, granian and Daphne. Daphne has no lifespan, so the process starts when it is
first asked for; lifespan merely does so before the first request.
"""

import asyncio
import contextlib
import os
import time
import warnings
from collections.abc import Awaitable, Callable
from typing import Any, Final

import django
from django.conf import settings
from django.db import DatabaseError, connections
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zavora.settings")
django.setup(set_prefix=False)

from api import refusals  # noqa: E402  (needs the settings)
from api.binance import app as binance  # noqa: E402
from api.process import WebProcess, running_process, web_process  # noqa: E402
from api.sockets import websocket_application  # noqa: E402
from api.transport import measured  # noqa: E402
from api.transport.django_threads import PooledASGIHandler  # noqa: E402
from api.transport.http import adding, strict_transport  # noqa: E402
from api.v1 import app as edge  # noqa: E402
from marketdata.wire import PARTS  # noqa: E402
from matching.gateway.watch import QueueWatch  # noqa: E402
from zavora.foundation import (  # noqa: E402
    failures,
    heap,
    lasting,
    metrics,
    metrics_listener,
    tracing,
)
from zavora.foundation.clients import with_client  # noqa: E402
from zavora.foundation.errors import ZavoraError  # noqa: E402
from zavora.foundation.hosts import is_host_allowed  # noqa: E402
from zavora.foundation.setting_values import SettingValue  # noqa: E402
from zavora.foundation.socket_counts import SOCKETS  # noqa: E402
from zavora.starting import check_demo_before_serving  # noqa: E402

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

check_demo_before_serving()
# WhiteNoise hands over files, which Django reads a piece at a time and then complains of.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous")
_django = PooledASGIHandler()


def _shards() -> set[int]:
    """Return the shards that this process knows of; read from the metrics' thread."""
    process = running_process()
    views = [] if process is None else process.feed.markets()
    return {view.terms.shard_id for view in views} | set(settings.ZAVORA_SHARDS)


failures.start("web")
tracing.start("web")
metrics_listener.start(metrics.WEB, [QueueWatch(_shards, PARTS).refresh])
_ = get_resolver().url_patterns  # all pages are found before the first is asked for
_STRICT = strict_transport()
_NAME: Final = SettingValue("ZAVORA_WEB_NAME")
LISTEN_WAIT_MAX_S: Final = 30.0
lasting.bound_commits(settings.ZAVORA_EDGE_WAIT_MS / 1000)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one connection."""
    kind = scope["type"]
    if kind == "lifespan":
        await _live(receive, send)
        return
    scope = with_client(scope)
    if kind == "http":
        await measured.answer(_answer, scope, receive, send)
    elif kind == "websocket":
        await _serve_socket(scope, receive, send)
    else:
        raise ValueError(f"no such protocol here: {kind}")


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    path: str = scope["path"]
    # Django adds it to its own answers.
    own = adding(_STRICT, send) if _STRICT and scope.get("scheme") == "https" else send
    if not is_host_allowed(scope):
        await refusals.refuse_host(scope, own)
    elif edge.is_edge_path(path):
        await edge.application(scope, receive, own)
    elif binance.is_compat_path(path):
        await binance.application(scope, receive, own)
    elif path.startswith("/api/") and path.endswith("/"):
        # A slash at the end means nothing in the API.
        scope["path"] = path.rstrip("/")
        await _django(scope, receive, send)
    else:
        await _django(scope, receive, send)


async def _serve_socket(scope: Scope, receive: Receive, send: Send) -> None:
    client = scope.get("client")
    address: str = client[0] if client else ""
    if not is_host_allowed(scope):
        await refusals.refuse_socket_host(scope, receive, send)
    elif not SOCKETS.open(address):
        await refusals.refuse_socket_count(scope, receive, send)
    else:
        try:
            await websocket_application(scope, receive, send)
        finally:
            SOCKETS.close(address)


async def _live(receive: Receive, send: Send) -> None:
    """Start with the server where it tells us so, and end with it."""
    starting: asyncio.Task[None] | None = None
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            if reason := await asyncio.to_thread(_refusal):
                await send({"type": "lifespan.startup.failed", "message": reason})
                return
            starting = asyncio.create_task(_start(web_process()))
            # Not awaited: a server without its database still answers, with 503. But one of several
            # on a port leaves clients to the others until it has its feed, or gives up for now.
            if _NAME.value:
                await asyncio.wait({starting})
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            if starting is not None:
                starting.cancel()
            await web_process().close()
            await asyncio.to_thread(tracing.stop)
            await send({"type": "lifespan.shutdown.complete"})
            return


def _refusal() -> str:
    """Return why this process must not serve; a database that is away is no reason."""
    try:
        lasting.require_replica()
    except lasting.UnsafeServer as unsafe:
        return str(unsafe)
    except DatabaseError:
        return ""
    finally:
        connections.close_all()
    return ""


async def _start(process: WebProcess) -> None:
    # Where it cannot yet, it goes on trying; requests that need it say so meanwhile. One of several
    # on a port gives it longer: with a thousand markets it takes more than one try.
    until = time.monotonic() + (LISTEN_WAIT_MAX_S if _NAME.value else 0)
    while True:
        with contextlib.suppress(ZavoraError):
            await process.feed.ensure_started()
            break
        if time.monotonic() >= until:
            break
    heap.settle()
