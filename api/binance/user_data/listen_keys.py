"""Listen keys: names of an account's event stream, good for an hour, known to every web process.

Each is its API key's own: it is made, kept alive and ended by that key alone, from the addresses
that the key may be used from, and it does not outlive the key. They live in Valkey/Redis. What
counts is the listen key that is written down for an API key; the way back is only an index. One
that is lost with the queue ends its streams, and its owner makes another.
"""

import re
import secrets
import string
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import structlog
from redis.exceptions import RedisError

from accounts.access.callers import Caller
from api.binance.rest.routes import CompatRequest, Route, Routes, Security
from api.binance.words import errors
from api.process import WebProcess, web_process
from zavora.foundation.queue import connect_async

log = structlog.get_logger(__name__)

LENGTH: Final = 60
LISTEN_KEY: Final = re.compile(rf"[A-Za-z0-9]{{{LENGTH}}}", re.ASCII)
VALID_S: Final = 3_600
WEIGHT: Final = 2
SOCKET_TIMEOUT_S: Final = 2.0
_LETTERS: Final = string.ascii_letters + string.digits


class Owner(NamedTuple):
    """Whose a listen key is: an account's, and there one API key's, by its id and its name."""

    account_pk: int
    key_id: int
    api_key: str


# --- the store ------------------------------------------------------------------------------------


def _of_owner(key_id: int) -> str:
    return f"listen_key_of_key:{key_id}"


def _of_key(listen_key: str) -> str:
    return f"listen_key:{listen_key}"


class ListenKeyStore:
    """The process's connections to where listen keys are kept."""

    def __init__(self, _process: WebProcess) -> None:
        self.client: Any = connect_async(timeout_s=SOCKET_TIMEOUT_S, decode_responses=True)

    async def close(self) -> None:
        """End them."""
        await self.client.aclose()


def _redis() -> Any:
    return web_process().part(ListenKeyStore).client


async def make(owner: Owner) -> str:
    """Return the API key's listen key, new or renewed. Raises RedisError."""
    store = _redis()
    name = _of_owner(owner.key_id)
    made = "".join(secrets.choice(_LETTERS) for _ in range(LENGTH))
    # Of several that ask at once, one makes the key and the others are told it.
    known = None if await store.set(name, made, nx=True, ex=VALID_S) else await store.get(name)
    listen_key: str = known or made
    await store.set(name, listen_key, ex=VALID_S)
    value = f"{owner.account_pk}:{owner.key_id}:{owner.api_key}"
    await store.set(_of_key(listen_key), value, ex=VALID_S)
    return listen_key


async def find(listen_key: str) -> Owner | None:
    """Return whose listen key it is, None for one that is not valid. Raises RedisError."""
    if LISTEN_KEY.fullmatch(listen_key) is None:
        return None
    store = _redis()
    value = await store.get(_of_key(listen_key))
    if value is None:
        return None
    account_pk, _, rest = value.partition(":")
    key_id, _, api_key = rest.partition(":")
    if not key_id.isdecimal():
        return None  # a former version's, which belonged to no key
    owner = Owner(int(account_pk), int(key_id), api_key)
    return owner if await store.get(_of_owner(owner.key_id)) == listen_key else None


async def renew(listen_key: str, key_id: int) -> bool:
    """Let an API key's listen key be valid for another hour; False where it is not. RedisError."""
    owner = await find(listen_key)
    if owner is None or owner.key_id != key_id:
        return False
    store = _redis()
    if not await store.expire(_of_owner(key_id), VALID_S):
        return False
    await store.expire(_of_key(listen_key), VALID_S)
    return True


async def delete(listen_key: str, key_id: int) -> bool:
    """End an API key's listen key; False where it is none. Raises RedisError."""
    owner = await find(listen_key)
    if owner is None or owner.key_id != key_id:
        return False
    store = _redis()
    await store.delete(_of_owner(key_id))
    await store.delete(_of_key(listen_key))
    return True


async def forget(listen_key: str, key_id: int) -> None:
    """End a listen key whose API key is no longer good; where it cannot be, it expires."""
    try:
        await delete(listen_key, key_id)
    except (RedisError, OSError) as error:
        log.warning("listen_key_not_ended", error=str(error))


async def list_current(key_ids: Iterable[int]) -> list[str | None]:
    """Return the valid listen key of each API key, None where it has none. Raises RedisError."""
    pipeline = _redis().pipeline(transaction=False)
    for key_id in key_ids:
        pipeline.get(_of_owner(key_id))
    found: list[str | None] = await pipeline.execute()
    return found


# --- the routes -----------------------------------------------------------------------------------


async def start(owner: Owner) -> dict[str, str]:
    """Answer with an API key's listen key, made or renewed."""
    try:
        return {"listenKey": await make(owner)}
    except RedisError as error:
        raise _unavailable(error) from None


async def keep_alive(owner: Owner, listen_key: str) -> dict[str, str]:
    """Renew an API key's listen key, or raise -1125."""
    try:
        is_known = await renew(listen_key, owner.key_id)
    except RedisError as error:
        raise _unavailable(error) from None
    if not is_known:
        raise errors.unknown_listen_key()
    return {}


async def stop(owner: Owner, listen_key: str) -> dict[str, str]:
    """End an API key's listen key and its streams, or raise -1125."""
    try:
        is_known = await delete(listen_key, owner.key_id)
    except RedisError as error:
        raise _unavailable(error) from None
    if not is_known:
        raise errors.unknown_listen_key()
    return {}


def _unavailable(error: RedisError) -> errors.CompatError:
    log.warning("listen_keys_unavailable", error=str(error))
    return errors.unavailable()


def _owner(request: CompatRequest) -> Owner:
    return Owner(request.account_pk, key_id_of(request.caller), request.api_key)


def key_id_of(caller: Caller) -> int:
    """Return the id of the API key that a caller of this API came with: it always did."""
    if caller.key_id is None:
        raise TypeError("a caller of the compatible API without a key")
    return caller.key_id


async def _post(request: CompatRequest) -> dict[str, str]:
    return await start(_owner(request))


async def _put(request: CompatRequest) -> dict[str, str]:
    return await keep_alive(_owner(request), request.params.needed("listenKey"))


async def _delete(request: CompatRequest) -> dict[str, str]:
    return await stop(_owner(request), request.params.needed("listenKey"))


PATH: Final = "/api/v3/userDataStream"
_REQUIRED: Final = ("listenKey",)
ROUTES: Final[Routes] = {
    ("POST", PATH): Route(_post, WEIGHT, Security.USER_STREAM, needs_feed=False),
    ("PUT", PATH): Route(_put, WEIGHT, Security.USER_STREAM, required=_REQUIRED, needs_feed=False),
    ("DELETE", PATH): Route(
        _delete, WEIGHT, Security.USER_STREAM, required=_REQUIRED, needs_feed=False
    ),
}
