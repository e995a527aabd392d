"""What one web process has: the subscription, the way to the workers, the feed, what it remembers.

Made when it is first asked for, in the event loop that serves; closed with the server. Whatever has
a task or a connection in a web process is one of its parts, so that it ends with it.
"""

import asyncio
from typing import Protocol, Self, TypeVar

from api.access.cache import ASK_S, Credentials
from api.access.key_uses import KeyUses
from api.access.lease_keeper import LeaseKeeper
from api.access.replays import ReplayGuard
from api.transport.life_signs import LifeSigns
from api.transport.loop_watch import LoopWatch
from marketdata.feed.alerts import AlertStreams
from marketdata.feed.feed import Feed
from matching.gateway.client import Gateway
from zavora.foundation.queue import Subscription


class Part(Protocol):
    """Something of one API that lives as long as the process."""

    def __init__(self, process: "WebProcess") -> None: ...

    async def close(self) -> None:
        """End tasks and connections."""


P = TypeVar("P", bound=Part)


class WebProcess:
    """Everything that one web process has. Bound to the event loop that it starts in."""

    def __init__(self) -> None:
        self.subscription = Subscription(ask_s=ASK_S)
        self.credentials = Credentials(self.subscription)
        self.feed = Feed(self.subscription)
        self.alerts = AlertStreams(self.subscription)
        self.gateway = Gateway(
            self.subscription, shard_of=self.feed.shard_of, when_shown=self.feed.when_shown
        )
        self.limits = LeaseKeeper()
        self.replays = ReplayGuard()
        self.key_uses = KeyUses()
        self.life_signs = LifeSigns(lambda: self.feed.is_live)
        self.loop_watch = LoopWatch()
        self._parts: dict[type[Part], Part] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False

    def part(self, kind: type[P]) -> P:
        """Return what an API keeps in the process, made when it is first asked for."""
        found = self._parts.get(kind)
        if found is None:
            found = self._parts[kind] = kind(self)
        return found  # type: ignore[return-value]

    # --- life -------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Begin to hear and to share, on the running loop. The feed starts when first needed."""
        self._loop = asyncio.get_running_loop()
        self.subscription.start()
        self.limits.start()
        self.replays.start()
        self.key_uses.start()
        self.life_signs.start()
        self.loop_watch.start()
        return self

    async def close(self) -> None:
        """End everything, what depends on others first. A closed process is not started again."""
        # What ends may still ask for a part, so that there is one more.
        while self._parts:
            _, part = self._parts.popitem()
            await part.close()
        await self.life_signs.close()
        await self.loop_watch.close()
        await self.key_uses.close()
        await self.replays.close()
        await self.limits.close()
        await self.feed.close()
        await self.gateway.close()
        await self.subscription.close()
        self._is_closed = True

    @property
    def is_running(self) -> bool:
        """Tell whether it may be used from any thread."""
        return self._loop is not None and not self._is_closed and self._loop.is_running()

    def may_run_in(self, loop: asyncio.AbstractEventLoop | None) -> bool:
        """Tell whether it runs, or may start, in a loop; outside any it is there for reading."""
        return not self._is_closed and (self._loop is None or loop is None or loop is self._loop)


_process: WebProcess | None = None


def running_process() -> WebProcess | None:
    """Return this process's where it runs, from any thread; makes and starts none."""
    process = _process
    return process if process is not None and process.is_running else None


def web_process() -> WebProcess:
    """Return this process's, started. Outside an event loop it is there for reading only.

    One whose loop has ended (tests run each in a loop of their own) is followed by another.
    """
    global _process
    process = _process
    if process is not None and process.is_running:
        return process
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        loop = None
    if process is None or not process.may_run_in(loop):
        process = _process = WebProcess()
    return process if loop is None else process.start()
