"""Credentials that the edge looked up, kept in the process for a while.

A change of a user's keys, accounts or rights is told on the queue, and everything kept of that user
is dropped at once. While no notice could arrive nothing older than ``UNNOTICED_S`` is believed, so
a revoked credential ends within a second either way. Sessions, which can also end without a notice,
are never kept for longer than that.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final, TypeVar

import msgspec
import redis.asyncio as redis_asyncio
import structlog

from accounts.access.callers import Caller, SigningKey
from accounts.access.selectors import find_api_key, find_caller_by_token
from accounts.notices import CREDENTIALS_CHANNEL, decode_credential_notice
from api.access.auth import find_caller_by_session, get_open_api_caller
from api.transport.threads import in_thread
from zavora.foundation.queue import Subscription

log = structlog.get_logger(__name__)

KEPT_MAX: Final = 20_000
KEPT_S: Final = 30.0
UNNOTICED_S: Final = 0.8
UNKNOWN_S: Final = 0.5
# Silence for longer than this means that notices may be missing ...
SILENCE_MAX_S: Final = 0.7
# ... so a quiet subscription is asked for a sign of life as often as this.
ASK_S: Final = SILENCE_MAX_S / 4
OPEN_API_KEY: Final = b"open"


# Both know the ``user_id`` that they belong to.
Found = TypeVar("Found", Caller, SigningKey)


class _Kept(msgspec.Struct, gc=False):
    found: Caller | SigningKey | None
    loaded_at: float
    # Times ``seconds_max`` is what notices allow; without them ``UNNOTICED_S`` rules.
    seconds_max: float


class Credentials:
    """The cache of one process, and who is told when a user's credentials change."""

    def __init__(self, subscription: Subscription) -> None:
        """Make one that hears notices by ``subscription``, which is not started yet."""
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._loading: dict[bytes, asyncio.Future[Any]] = {}
        self._notices = 0
        self._followers: dict[int, dict[Callable[[], None], None]] = {}
        self._subscription = subscription
        subscription.on(CREDENTIALS_CHANNEL, self._take_notice)
        subscription.on_gap(self._begin, self.forget_all)

    async def of_token(self, token: str) -> tuple[Caller | None, bool]:
        """Return a token's caller, and whether it came from memory."""
        name = b"t" + sha256(token.encode("utf-8", "replace")).digest()
        return await self._get(name, lambda: find_caller_by_token(token), KEPT_S)

    async def of_api_key(self, name: str) -> tuple[SigningKey | None, bool]:
        """Return the signing key of a name, and whether it came from memory."""
        return await self._get(b"k" + name.encode(), lambda: find_api_key(name), KEPT_S)

    async def of_session(self, session_key: str) -> tuple[Caller | None, bool]:
        """Return a session's caller, and whether it came from memory."""
        name = b"s" + sha256(session_key.encode("utf-8", "replace")).digest()
        return await self._get(name, lambda: find_caller_by_session(session_key), UNNOTICED_S)

    async def of_open_api(self) -> tuple[Caller | None, bool]:
        """Return the caller of unauthenticated clients, and whether it came from memory."""
        return await self._get(OPEN_API_KEY, get_open_api_caller, KEPT_S)

    def forget_user(self, user_id: int) -> None:
        """Drop everything kept of a user."""
        self._notices += 1
        stale = [
            name
            for name, kept in self._kept.items()
            if kept.found is not None and kept.found.user_id == user_id
        ]
        for name in stale:
            del self._kept[name]

    def forget_all(self) -> None:
        """Drop everything."""
        self._notices += 1
        self._kept.clear()

    def hears_notices(self) -> bool:
        """Tell whether a notice sent now would be heard."""
        subscription = self._subscription
        if not subscription.is_connected:
            return False
        return time.monotonic() - subscription.heard_at < SILENCE_MAX_S

    async def _get(
        self, name: bytes, load: Callable[[], Found | None], seconds_max: float
    ) -> tuple[Found | None, bool]:
        kept = self._kept.get(name)
        if kept is not None:
            age = time.monotonic() - kept.loaded_at
            if age < UNKNOWN_S or (
                age < kept.seconds_max and (age < UNNOTICED_S or self.hears_notices())
            ):
                self._kept.move_to_end(name)
                # A name's first letter says of what kind it is.
                return kept.found, True  # type: ignore[return-value]
        loading = self._loading.get(name)
        if loading is None:
            loading = asyncio.ensure_future(self._load(name, load, seconds_max))
            self._loading[name] = loading
        # Shielded: a client that goes away does not take the look-up from the others.
        return await asyncio.shield(loading), False

    async def _load(
        self, name: bytes, load: Callable[[], Found | None], seconds_max: float
    ) -> Found | None:
        try:
            notices, loaded_at = self._notices, time.monotonic()
            found = await in_thread(load)
            if found is None:
                seconds_max = UNKNOWN_S
            elif notices != self._notices:
                # Read around a change: perhaps before it.
                seconds_max = 0.0
            if seconds_max:
                self._kept[name] = _Kept(found, loaded_at, seconds_max)
                if len(self._kept) > KEPT_MAX:
                    self._kept.popitem(last=False)
            return found
        finally:
            self._loading.pop(name, None)

    # --- notices ------------------------------------------------------------------------------

    def follow_user(self, user_id: int, callback: Callable[[], None]) -> None:
        """Call back whenever credentials, accounts or rights of a user changed, or may have.

        By then nothing is kept of that user.
        """
        self._followers.setdefault(user_id, {})[callback] = None

    def unfollow_user(self, user_id: int, callback: Callable[[], None]) -> None:
        """End it; what is not followed is left alone."""
        callbacks = self._followers.get(user_id, {})
        callbacks.pop(callback, None)
        if not callbacks:
            self._followers.pop(user_id, None)

    async def _begin(self, _client: "redis_asyncio.Redis") -> None:
        # What was read before the subscription stood may have changed unnoticed.
        self.forget_all()
        for user_id in list(self._followers):
            self._tell(user_id)

    def _take_notice(self, body: bytes) -> None:
        user_id = decode_credential_notice(body).user_id
        self.forget_user(user_id)
        self._tell(user_id)

    def _tell(self, user_id: int) -> None:
        for callback in list(self._followers.get(user_id, {})):
            try:
                callback()
            except Exception:
                log.exception("user_not_told", user_id=user_id)
