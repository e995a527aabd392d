"""What the tables are asked for where memory or the queue gave no answer: rare, and in few threads.

Each look-up has a connection of its own: one that was kept would only be stale the next time.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import structlog
from django.db import DatabaseError, InterfaceError, connections

from matching import wire
from matching.commands import fingerprint, key_of, kind_of, parts_of
from matching.commands.base import WireCommand
from matching.gateway.routing import Route, find_route
from matching.markets.selectors import Moved, get_moved_lately
from matching.rows.keys import KeyBinding, KeyName, find_key_results
from zavora.foundation import lasting, metrics
from zavora.foundation.errors import EngineUnavailable, MarketNotFound, OutcomeUnknown

log = structlog.get_logger(__name__)

# How long the look-up of a command may take that was not answered in time.
LOOK_UP_MAX_S: Final = 1.0
THREADS_MAX: Final = 4
_UNKNOWN: Final = (
    "the command was queued but not answered in time; look it up before repeating it without a key"
)

_threads: Final = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="look-up")
Asked = TypeVar("Asked")
Found = TypeVar("Found")


async def find_route_of(market_id: int) -> Route:
    """Return where the tables have a market. Raises MarketNotFound, EngineUnavailable."""
    route = await _in_thread(_read_route, market_id)
    if route is None:
        raise MarketNotFound("There is no such market.")
    return route


async def find_moved_lately(_: None = None) -> Moved:
    """Return which markets were moved lately. Raises EngineUnavailable."""
    return await _in_thread(_read_moved, None)


async def find_reply(command: WireCommand) -> wire.Reply:
    """Return the first result of a command's key where it took effect meanwhile.

    Of a message of several commands that of each is told, or that it is not known. Raises
    OutcomeUnknown for a single one.
    """
    parts = parts_of(command)
    replies = await _find_replies(parts)
    if metrics.is_on():
        metrics.COMMANDS_UNRESOLVED.inc(replies.count(None))
    if not kind_of(command).is_several:
        if replies[0] is None:
            raise OutcomeUnknown(_UNKNOWN)
        return wire.decode_reply(replies[0])
    unknown = wire.encode(wire.Reply(OutcomeUnknown.code, _UNKNOWN))
    return wire.Reply("", parts=[reply or unknown for reply in replies])


async def _find_replies(commands: Sequence[WireCommand]) -> list[bytes | None]:
    """Return the encoded first results that commands' keys are bound to.

    What is found is an answer only once it would outlive the database server: the row of a commit
    that no replica has may be seen, too.
    """
    names = [key_of(command) for command in commands]
    found: dict[KeyName, KeyBinding] = {}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LOOK_UP_MAX_S):
            known = sorted({name for name in names if name is not None})
            if known:
                bound = await _in_thread(_read_key_results, known)
            else:
                bound = {}
            if bound:
                await lasting.wait_async(timeout_s=LOOK_UP_MAX_S)
            found = bound
    results: list[bytes | None] = []
    for command, name in zip(commands, names, strict=True):
        binding = None if name is None else found.get(name)
        is_its = binding is not None and binding[0] == fingerprint(command)
        results.append(binding[1] if binding is not None and is_its else None)
    return results


async def _in_thread(read: Callable[[Asked], Found], asked: Asked) -> Found:
    return await asyncio.get_running_loop().run_in_executor(_threads, read, asked)


def _read_moved(_: None) -> Moved:
    """Return what was moved lately; raise EngineUnavailable where the tables cannot be asked."""
    connections.close_all()
    try:
        return get_moved_lately()
    except (DatabaseError, InterfaceError):
        raise EngineUnavailable("it cannot be found now what was moved") from None
    finally:
        connections.close_all()


def _read_route(market_id: int) -> Route | None:
    """Return a market's route; raise EngineUnavailable where the tables cannot be asked."""
    connections.close_all()
    try:
        return find_route(market_id)
    except (DatabaseError, InterfaceError):
        raise EngineUnavailable("the market cannot be found now; nothing was queued") from None
    finally:
        connections.close_all()


def _read_key_results(names: Sequence[KeyName]) -> dict[KeyName, KeyBinding]:
    """Return what keys are bound to; nothing where the tables cannot be asked just now."""
    connections.close_all()
    try:
        return find_key_results(names)
    except (DatabaseError, InterfaceError) as error:
        log.warning("look_up_failed", error=str(error).strip())
        return {}
    finally:
        connections.close_all()
