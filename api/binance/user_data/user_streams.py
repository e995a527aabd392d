"""One client's stream of one account: begun, followed, and ended when its key is no longer good.

However the client asked for it (by listen key or by a signed request), a stream either tells
everything or ends. Whoever carries it to the client gives two callbacks: one that takes an event's
JSON text, and one that is told that there will be no more.
"""

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Final

import structlog
from redis.exceptions import RedisError

from accounts.access.callers import SCOPE_READ, Caller
from api.access.usable import has_expired
from api.access.watch import CredentialWatch
from api.binance.rest.params import Params
from api.binance.rest.routes import Security
from api.binance.rest.signing import authenticate
from api.binance.user_data import listen_keys
from api.binance.user_data.listen_keys import LISTEN_KEY, key_id_of
from api.binance.user_data.user_events import USER_DATA, listen_key_expired, stream_terminated
from api.binance.words import errors
from api.binance.words.errors import CompatError
from api.process import WebProcess, web_process
from marketdata.feed.account_streams import Lost
from marketdata.feed.feed import Message
from zavora.foundation.ending import end_tasks

# How soon a deleted listen key ends its streams.
LISTEN_KEY_LOOK_S: Final = 1.0
# Events that a stream may keep until it is begun; more than this is a client that never begins.
WAITING_MAX: Final = 10_000
NO_PARAMS: Final = Params.of_object({})

log = structlog.get_logger(__name__)


class End(Enum):
    """Why a stream ended. Of ``LOST`` the client must be told by the end of its connection."""

    # Something may be missing: the client has to begin anew, with a look at its account.
    LOST = "lost"
    # The key was revoked, expired, or may no longer be used from there.
    CREDENTIAL = "credential"
    # The listen key expired or was deleted.
    LISTEN_KEY = "listen_key"


Push = Callable[[str], None]
# Takes the reason and a last event to send, if there is one.
Ended = Callable[[End, str | None], None]


class AccountStream:
    """Follows an account for one client. ``push`` and ``ended`` must not block or raise."""

    def __init__(
        self,
        *,
        api_key: str,
        caller: Caller,
        account_pk: int,
        ip: str,
        push: Push,
        ended: Ended,
        listen_key: str | None = None,
    ) -> None:
        self.api_key = api_key
        self.account_pk = account_pk
        self.listen_key = listen_key
        self.key_id = key_id_of(caller)
        self._caller = caller
        self._ip = ip
        self._push = push
        self._ended = ended
        self._process = web_process()
        # Events from before the client knows that its stream has begun.
        self._waiting: list[str] | None = []
        self._is_over = False
        self._knows_lists = False
        self._watch = CredentialWatch(
            self._process.credentials, self._is_still_good, self._end_with_key
        )

    async def follow(self) -> None:
        """Follow the account; events are kept until ``begin``. Raises CompatError, ZavoraError."""
        try:
            await USER_DATA.load_assets()
            await self._process.feed.follow_account(self.account_pk, USER_DATA, self)
            self._knows_lists = True
            await USER_DATA.list_names.follow(self.account_pk)
        except BaseException:
            # Also a client that is gone meanwhile follows nothing any more.
            self.close()
            raise
        if self._is_over:
            raise errors.unavailable()
        self._watch.follow(self._caller.user_id)
        if self.listen_key is not None:
            self._process.part(ListenKeyWatch).add(self)

    def begin(self) -> None:
        """Push what was kept, and from now on everything at once."""
        waiting, self._waiting = self._waiting, None
        for text in waiting or ():
            self._push(text)

    def close(self) -> None:
        """End it, without a word; again is fine."""
        self._is_over = True
        self._process.feed.unfollow_account(self.account_pk, USER_DATA, self)
        if self._knows_lists:
            self._knows_lists = False
            USER_DATA.list_names.unfollow(self.account_pk)
        self._watch.close()
        if self.listen_key is not None:
            self._process.part(ListenKeyWatch).discard(self)

    def end(self, reason: End) -> None:
        """End it and say so."""
        if self._is_over:
            return
        self.close()
        self._ended(reason, self._last_event(reason))

    def _last_event(self, reason: End) -> str | None:
        if reason is End.LOST:
            return None
        if self.listen_key is not None:
            return listen_key_expired(self.listen_key)
        return stream_terminated()

    # --- what the feed tells ----------------------------------------------------------------------

    def push_account(self, account_id: int, messages: list[Message]) -> None:
        """Take events that follow each other."""
        if self._waiting is None:
            for text in messages:
                self._push(text)
        elif len(self._waiting) + len(messages) > WAITING_MAX:
            self.end(End.LOST)
        else:
            self._waiting += messages

    def lost_account(self, account_id: int, what: Lost) -> None:
        """Learn that something may be missing."""
        self.end(End.LOST)

    # --- the key ----------------------------------------------------------------------------------

    async def _is_still_good(self) -> bool:
        """Tell whether its key may still read the account."""
        try:
            _, account_pk, _ = await authenticate(
                NO_PARAMS, self.api_key, self._ip, security=Security.USER_STREAM
            )
        except CompatError:
            return False
        return account_pk == self.account_pk

    def _end_with_key(self) -> None:
        """End the stream: its key may no longer read. A listen key goes with its API key."""
        if self._is_over:
            return
        self.end(End.CREDENTIAL)
        if self.listen_key is not None:
            # Not in this look: the client's socket closes now, which cancels it.
            self._process.part(ListenKeyWatch).end_orphan(self)


# --- listen keys ----------------------------------------------------------------------------------


class ListenKeyWatch:
    """Ends the streams of listen keys that are no longer valid; one task for the process."""

    def __init__(self, _process: WebProcess) -> None:
        self._streams: dict[AccountStream, None] = {}
        self._task: asyncio.Task[None] | None = None
        # The loop knows its tasks weakly: these are kept here until they are done.
        self._endings: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """End the task, and what it began."""
        await end_tasks(([] if self._task is None else [self._task]) + list(self._endings))

    def add(self, stream: AccountStream) -> None:
        """Look after a stream from now on."""
        self._streams[stream] = None
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch(), name="listen-keys")

    def discard(self, stream: AccountStream) -> None:
        """Look after it no more."""
        self._streams.pop(stream, None)

    def end_orphan(self, stream: AccountStream) -> None:
        """End the listen key of a stream whose API key may no longer read, soon."""
        ending = asyncio.create_task(
            _end_orphan(stream.listen_key or "", stream.key_id, stream.api_key),
            name="listen-key-orphan",
        )
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    async def _watch(self) -> None:
        """Look as long as there is something to look after."""
        while self._streams:
            await asyncio.sleep(LISTEN_KEY_LOOK_S)
            streams = list(self._streams)
            try:
                current = await listen_keys.list_current(stream.key_id for stream in streams)
            except Exception as error:
                # Whatever it was, nothing is known for or against them.
                log.warning("listen_keys_not_checked", error=str(error))
                continue
            for stream, listen_key in zip(streams, current, strict=True):
                if stream.listen_key == listen_key:
                    continue
                try:
                    stream.end(End.LISTEN_KEY)
                except Exception:
                    self.discard(stream)
                    log.exception("stream_not_ended", account_pk=stream.account_pk)


def is_listen_key(name: str) -> bool:
    """Tell whether a stream's name has the form of a listen key."""
    return LISTEN_KEY.fullmatch(name) is not None


async def _end_orphan(listen_key: str, key_id: int, api_key: str) -> None:
    """End a listen key whose API key is gone or may no longer read.

    One that was merely used from a foreign address stays: else whoever learns it could end it.
    """
    key, _ = await web_process().credentials.of_api_key(api_key)
    if key is None or SCOPE_READ not in key.caller.scopes or has_expired(key.caller):
        await listen_keys.forget(listen_key, key_id)


async def follow_listen_key(listen_key: str, ip: str, *, push: Push, ended: Ended) -> AccountStream:
    """Return the followed, not yet begun stream of a listen key.

    Raises -1125 for one that is not valid, -2015 where its API key may not be used from there.
    """
    try:
        owner = await listen_keys.find(listen_key)
    except (RedisError, OSError) as error:
        log.warning("listen_keys_unavailable", error=str(error))
        raise errors.unavailable() from None
    if owner is None:
        raise errors.unknown_listen_key()
    try:
        caller, account_pk, _ = await authenticate(
            NO_PARAMS, owner.api_key, ip, security=Security.USER_STREAM
        )
    except CompatError:
        await _end_orphan(listen_key, owner.key_id, owner.api_key)
        raise
    if account_pk != owner.account_pk or caller.key_id != owner.key_id:
        await listen_keys.forget(listen_key, owner.key_id)
        raise errors.unknown_listen_key()
    stream = AccountStream(
        api_key=owner.api_key,
        caller=caller,
        account_pk=account_pk,
        ip=ip,
        push=push,
        ended=ended,
        listen_key=listen_key,
    )
    await stream.follow()
    return stream
