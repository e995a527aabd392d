"""Listen keys: names of an account's event stream, good for an hour, known to every web process.

They live in Valkey/Redis. What counts is the key that is written down for an account; the way back
from a key to its account is only an index. One that is lost with the queue ends its streams, and
its owner makes another.
"""

import asyncio
import re
import secrets
import string
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import redis.asyncio as redis_asyncio
import structlog
from redis.exceptions import RedisError

from api.binance import errors
from api.binance.routes import CompatRequest, Route, Routes, Security
from zavora.redis_links import connect_async

log = structlog.get_logger(__name__)

LENGTH: Final = 60
LISTEN_KEY: Final = re.compile(rf"[A-Za-z0-9]{{{LENGTH}}}", re.ASCII)
VALID_S: Final = 3_600
WEIGHT: Final = 2
SOCKET_TIMEOUT_S: Final = 2.0
_LETTERS: Final = string.ascii_letters + string.digits


class Owner(NamedTuple):
    """Whom a listen key stands for: an account, and the API key that asked for it last."""

    account_pk: int
    api_key: str


# --- the store ------------------------------------------------------------------------------------


def _of_account(account_pk: int) -> str:
    return f"listen_key_of:{account_pk}"


def _of_key(listen_key: str) -> str:
    return f"listen_key:{listen_key}"


_clients: Final[dict[asyncio.AbstractEventLoop, "redis_asyncio.Redis"]] = {}


def _redis() -> Any:
    """Return the running loop's connections."""
    loop = asyncio.get_running_loop()
    client = _clients.get(loop)
    if client is None:
        client = _clients[loop] = connect_async(timeout_s=SOCKET_TIMEOUT_S, decode_responses=True)
    return client


async def close_listen_keys() -> None:
    """End the running loop's connections."""
    client = _clients.pop(asyncio.get_running_loop(), None)
    if client is not None:
        await client.aclose()


async def make(owner: Owner) -> str:
    """Return the account's listen key, new or renewed. Raises RedisError."""
    store = _redis()
    name = _of_account(owner.account_pk)
    made = "".join(secrets.choice(_LETTERS) for _ in range(LENGTH))
    # Of several that ask at once, one makes the key and the others are told it.
    known = None if await store.set(name, made, nx=True, ex=VALID_S) else await store.get(name)
    listen_key: str = known or made
    await store.set(name, listen_key, ex=VALID_S)
    await store.set(_of_key(listen_key), f"{owner.account_pk}:{owner.api_key}", ex=VALID_S)
    return listen_key


async def find(listen_key: str) -> Owner | None:
    """Return whose listen key it is, None for one that is not valid. Raises RedisError."""
    if LISTEN_KEY.fullmatch(listen_key) is None:
        return None
    store = _redis()
    value = await store.get(_of_key(listen_key))
    if value is None:
        return None
    account_pk, _, api_key = value.partition(":")
    owner = Owner(int(account_pk), api_key)
    return owner if await store.get(_of_account(owner.account_pk)) == listen_key else None


async def renew(listen_key: str, account_pk: int) -> bool:
    """Let an account's listen key be valid for another hour; False where it is not. RedisError."""
    owner = await find(listen_key)
    if owner is None or owner.account_pk != account_pk:
        return False
    store = _redis()
    if not await store.expire(_of_account(account_pk), VALID_S):
        return False
    await store.expire(_of_key(listen_key), VALID_S)
    return True


async def delete(listen_key: str, account_pk: int) -> bool:
    """End an account's listen key; False where it is none. Raises RedisError."""
    owner = await find(listen_key)
    if owner is None or owner.account_pk != account_pk:
        return False
    store = _redis()
    await store.delete(_of_account(account_pk))
    await store.delete(_of_key(listen_key))
    return True


async def list_current(account_pks: Iterable[int]) -> list[str | None]:
    """Return the valid listen key of each account, None where it has none. Raises RedisError."""
    pipeline = _redis().pipeline(transaction=False)
    for account_pk in account_pks:
        pipeline.get(_of_account(account_pk))
    found: list[str | None] = await pipeline.execute()
    return found


# --- the routes -----------------------------------------------------------------------------------


async def start(account_pk: int, api_key: str) -> dict[str, str]:
    """Answer with an account's listen key, made or renewed."""
    try:
        return {"listenKey": await make(Owner(account_pk, api_key))}
    except RedisError as error:
        raise _unavailable(error) from None


async def keep_alive(account_pk: int, listen_key: str) -> dict[str, str]:
    """Renew a listen key, or raise -1125."""
    try:
        is_known = await renew(listen_key, account_pk)
    except RedisError as error:
        raise _unavailable(error) from None
    if not is_known:
        raise errors.unknown_listen_key()
    return {}


async def stop(account_pk: int, listen_key: str) -> dict[str, str]:
    """End a listen key and its streams, or raise -1125."""
    try:
        is_known = await delete(listen_key, account_pk)
    except RedisError as error:
        raise _unavailable(error) from None
    if not is_known:
        raise errors.unknown_listen_key()
    return {}


def _unavailable(error: RedisError) -> errors.CompatError:
    log.warning("listen_keys_unavailable", error=str(error))
    return errors.unavailable()


async def _post(request: CompatRequest) -> dict[str, str]:
    return await start(request.account_pk, request.api_key)


async def _put(request: CompatRequest) -> dict[str, str]:
    return await keep_alive(request.account_pk, request.params.needed("listenKey"))


async def _delete(request: CompatRequest) -> dict[str, str]:
    return await stop(request.account_pk, request.params.needed("listenKey"))


PATH: Final = "/api/v3/userDataStream"
_REQUIRED: Final = ("listenKey",)
ROUTES: Final[Routes] = {
    ("POST", PATH): Route(_post, WEIGHT, Security.USER_STREAM, needs_feed=False),
    ("PUT", PATH): Route(_put, WEIGHT, Security.USER_STREAM, required=_REQUIRED, needs_feed=False),
    ("DELETE", PATH): Route(
        _delete, WEIGHT, Security.USER_STREAM, required=_REQUIRED, needs_feed=False
    ),
}
