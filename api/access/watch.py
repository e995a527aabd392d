"""Whether a credential is still good: asked at once when told of a change, and now and then.

Notices end a credential at once. The looks in between notice the rest: lost notices and expiry (by
the process's cache, which knows when it may trust itself), and sessions that were deleted.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import structlog

from api.access.cache import Credentials

TOKEN_LOOK_S: Final = 0.9
SESSION_LOOK_S: Final = 5.0

log = structlog.get_logger(__name__)


class CredentialWatch:
    """Looks after the credential of one connection or stream.

    ``is_good`` tells whether it may go on, and raises where that is not known for now. ``ended``
    is called where it may not; it may close the watch, also from within a look.
    """

    def __init__(
        self,
        credentials: Credentials,
        is_good: Callable[[], Awaitable[bool]],
        ended: Callable[[], None],
    ) -> None:
        self._credentials = credentials
        self._is_good = is_good
        self._ended = ended
        self._user_id: int | None = None
        self._every_s = TOKEN_LOOK_S
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def follow(self, user_id: int, *, every_s: float = TOKEN_LOOK_S) -> None:
        """Begin, or go on with another credential; it is looked at each ``every_s``."""
        self._every_s = every_s
        if self._user_id is None:
            self._run(self._keep_looking())
        else:
            self._credentials.unfollow_user(self._user_id, self._changed)
        self._user_id = user_id
        self._credentials.follow_user(user_id, self._changed)

    def close(self) -> None:
        """End it; again is fine."""
        self._is_closed = True
        if self._user_id is not None:
            self._credentials.unfollow_user(self._user_id, self._changed)
        for task in self._tasks:
            # A look that finds the credential gone may close the watch from inside.
            if task is not asyncio.current_task():
                task.cancel()

    def _changed(self) -> None:
        self._run(self._look())

    def _run(self, look: Coroutine[Any, Any, None]) -> None:
        # The loop knows its tasks weakly: they are kept here until they are done.
        task = asyncio.create_task(look)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep_looking(self) -> None:
        while not self._is_closed:
            await asyncio.sleep(self._every_s)
            await self._look()

    async def _look(self) -> None:
        try:
            is_good = await self._is_good()
        except Exception as error:
            # The database may be away: nothing is known for or against the credential.
            log.warning("credential_not_checked", error=str(error))
            return
        if not is_good and not self._is_closed:
            self._ended()
