"""Listen keys belong to one API key each; and nothing derived from a key outlives it."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
import redis

from tests.integration.binance.user_data.conftest import Bot, Socket

Keep = Callable[[Socket], Socket]
METHODS = ("POST", "PUT", "DELETE")
OTHER = "x" * 60
_numbers = itertools.count(1)


async def run(bot: Bot, code: str) -> str:
    """Run a line of code inside the exchange and return what it printed last."""
    printed = await asyncio.to_thread(bot.exchange.manage, "shell", "-c", code)
    return printed.strip().splitlines()[-1] if printed.strip() else ""


async def keys_of(alice: Bot, *kinds: dict[str, Any]) -> list[Bot]:
    """Return bots with further keys for Alice's account."""
    code = f"""
import json
from accounts.models import ApiKey
from accounts.services import create_api_key
from tests.actors import SYSTEM
key = ApiKey.objects.get(lookup="{alice.key}")
for options in {kinds!r}:
    options = {{"kind": "hmac", "scopes": ["read", "trade"], **options}}
    of = {{"user_id": key.owner_id, "account_id": key.account.public_id}}
    made = create_api_key(by=SYSTEM, **of, **options)
    print(json.dumps({{"key": made.key, "secret": made.secret, "account": str(made.account_id)}}))
"""
    printed = await asyncio.to_thread(alice.exchange.manage, "shell", "-c", code)
    lines = [line for line in printed.splitlines() if line.startswith("{")]
    return [Bot(alice.exchange, line) for line in lines]


@pytest.fixture
def store(alice: Bot) -> Any:
    with redis.Redis.from_url(alice.exchange.redis_url, decode_responses=True) as client:
        yield client


def listen_keys(store: Any) -> set[str]:
    return set(store.scan_iter("listen_key*", count=1_000))


async def test_a_key_without_read_gets_no_listen_key(alice: Bot, store: Any) -> None:
    (blind,) = await keys_of(alice, {"scopes": ["trade", "withdraw"]})
    mine = (await alice.listen_key()).json()["listenKey"]
    before = listen_keys(store)
    for method, listen_key in itertools.product(METHODS, (mine, OTHER)):
        answer = await blind.listen_key(method, listenKey=listen_key)
        assert (answer.status_code, answer.json()["code"]) == (401, -2015)
    assert listen_keys(store) == before
    assert (await alice.listen_key("PUT", listenKey=mine)).json() == {}


async def test_each_key_of_an_account_has_its_own(alice: Bot, sockets: Keep) -> None:
    (second,) = await keys_of(alice, {})
    assert second.account == alice.account
    mine, theirs = [(await bot.listen_key()).json()["listenKey"] for bot in (alice, second)]
    assert mine != theirs
    for method in ("PUT", "DELETE"):
        for bot, listen_key in ((alice, theirs), (second, mine), (alice, OTHER)):
            answer = await bot.listen_key(method, listenKey=listen_key)
            assert (answer.status_code, answer.json()["code"]) == (400, -1125)
    # Both stand still, and the end of one is not the end of the other.
    socket = sockets(await second.follow())
    assert (await alice.listen_key("DELETE", listenKey=mine)).json() == {}
    assert (await second.listen_key("PUT", listenKey=theirs)).json() == {}
    await alice.order("buy 10 @ 0.9")
    await socket.until(lambda: socket.of("executionReport"))


async def test_the_address_list_of_its_own_key_holds(alice: Bot, store: Any) -> None:
    far, here = ["192.0.2.7"], ["192.0.2.7", "127.0.0.1"]
    elsewhere, bot = await keys_of(alice, {"ip_allowed": far}, {"ip_allowed": here})
    mine = (await alice.listen_key()).json()["listenKey"]
    for method in METHODS:
        answer = await elsewhere.listen_key(method, listenKey=mine)
        assert (answer.status_code, answer.json()["code"]) == (401, -2015)
    listen_key = (await bot.listen_key()).json()["listenKey"]
    socket = await bot.follow()
    await run(bot, _changed(bot, f"ip_allowed={far!r}"))
    assert await socket.closed_with() == 1001
    refused = await Socket.open(f"{bot.exchange.ws_url}/ws/{listen_key}")
    assert await refused.closed_with() == 1008
    # It was asked for from a wrong place, which must not end it for its owner.
    await run(bot, _changed(bot, f"ip_allowed={here!r}"))
    assert (await bot.listen_key("PUT", listenKey=listen_key)).json() == {}


def _changed(bot: Bot, change: str) -> str:
    """Return code that changes a key as a service would: the row, and the notice."""
    return f"""
from accounts.models import ApiKey
from accounts.notices import publish_credentials_on_commit
rows = ApiKey.objects.filter(lookup="{bot.key}")
rows.update({change})
publish_credentials_on_commit(rows.get().owner_id)
"""


# --- nothing outlives the key ---------------------------------------------------------------------

GUEST = """
import json
from accounts.people.selectors import find_user
from accounts.services import create_api_key, create_token, sign_up
from tests.actors import SYSTEM
from accounts.models import Account
user = sign_up(email="{email}", password="correct horse battery")
account = Account.objects.get(owner=user).public_id
scopes = ["read", "trade"]
key = create_api_key(
    by=SYSTEM, user_id=user.pk, account_id=account, kind="ed25519", scopes=scopes
)
_, token = create_token(by=SYSTEM, user_id=user.pk, scopes=["read", "trade"])
made = {{"key": key.key, "secret": key.secret, "account": str(key.account_id), "token": token}}
print(json.dumps(made))
"""
ENDS = {
    "revoked": """
from accounts.models import ApiKey
from accounts.services import revoke_key
from tests.actors import SYSTEM
for key in ApiKey.objects.filter(owner__email="{email}"):
    revoke_key(by=SYSTEM, key_id=key.pk)
""",
    "expired": """
from datetime import timedelta
from django.utils import timezone
from accounts.models import ApiKey
from accounts.notices import publish_credentials_on_commit
keys = ApiKey.objects.filter(owner__email="{email}")
keys.update(expires_at=timezone.now() + timedelta(seconds=0.5))
publish_credentials_on_commit(keys[0].owner_id)
""",
    "without scope": """
from accounts.models import ApiKey
from accounts.notices import publish_credentials_on_commit
keys = ApiKey.objects.filter(owner__email="{email}")
keys.update(scopes=["trade"])
publish_credentials_on_commit(keys[0].owner_id)
""",
    "shut out": """
from accounts.models import User
from accounts.notices import publish_credentials_on_commit
User.objects.filter(email="{email}").update(is_active=False)
publish_credentials_on_commit(User.objects.get(email="{email}").pk)
""",
}


class Derived:
    """Everything that may be derived from a person's key and token."""

    def __init__(self, bot: Bot, token: str, email: str) -> None:
        self.bot, self.token, self.email = bot, token, email
        self.listen_key = ""
        self.sockets: dict[str, Socket] = {}

    async def begin(self) -> None:
        bot = self.bot
        self.listen_key = (await bot.listen_key()).json()["listenKey"]
        self.sockets["listen key"] = await bot.follow()
        self.sockets["signed"] = await bot.subscribe()
        session = await Socket.open(f"{bot.exchange.ws_url}/ws-api/v3")
        self.sockets["session"] = session
        assert (await session.call("session.logon", bot.signed()))["status"] == 200
        assert (await session.call("userDataStream.subscribe"))["status"] == 200
        assert (await session.call("account.status", _now()))["status"] == 200
        v1 = await Socket.open(f"{bot.exchange.ws_url}/ws")
        self.sockets["v1"] = v1
        assert "result" in await v1.call("authenticate", {"token": self.token})
        assert "result" in await v1.call("subscribe", {"channel": "balances"})

    async def end(self) -> None:
        for socket in self.sockets.values():
            await socket.end()


def _now() -> dict[str, int]:
    return {"timestamp": int(time.time() * 1000), "recvWindow": 60_000}


@pytest_asyncio.fixture
async def derived(bots: list[Bot]) -> AsyncIterator[Derived]:
    email = f"derived-{next(_numbers)}@example.com"
    made = await run(bots[0], GUEST.format(email=email))
    bot = Bot(bots[0].exchange, made, kind="ed25519")
    all_of_it = Derived(bot, json.loads(made)["token"], email)
    await all_of_it.begin()
    yield all_of_it
    await all_of_it.end()


@pytest.mark.parametrize("how", ENDS)
async def test_nothing_outlives_a_key(derived: Derived, store: Any, how: str) -> None:
    bot, sockets = derived.bot, derived.sockets
    assert store.exists(f"listen_key:{derived.listen_key}")

    await run(bot, ENDS[how].format(email=derived.email))

    # All of it is over by now, or very soon.
    async with asyncio.timeout(2):
        assert await sockets["listen key"].closed_with() == 1001
        (last,) = sockets["listen key"].of("listenKeyExpired")
        assert last["listenKey"] == derived.listen_key
        for name in ("signed", "session"):
            await sockets[name].until(lambda s=sockets[name]: s.of("eventStreamTerminated"))
        assert await sockets["v1"].closed_with() == 4001
        await _has_ended(store, derived.listen_key)
    await _is_nobody(derived)


async def test_a_listen_key_ends_however_slow_the_store_is(derived: Derived, store: Any) -> None:
    """The client's socket is closed, and the stream with it, long before the key can be ended."""
    stand_still = """
from accounts.redis_client import get_redis
get_redis().execute_command("CLIENT", "PAUSE", 400)
"""
    await run(derived.bot, ENDS["without scope"].format(email=derived.email) + stand_still)

    async with asyncio.timeout(5):
        assert await derived.sockets["listen key"].closed_with() == 1001
        await _has_ended(store, derived.listen_key)


async def _has_ended(store: Any, listen_key: str) -> None:
    while store.exists(f"listen_key:{listen_key}"):  # noqa: ASYNC110
        # It lies in Valkey: nothing here could set an Event.
        await asyncio.sleep(0.01)


async def _is_nobody(derived: Derived) -> None:
    """What is left of the connections may do nothing, and nothing new can be begun."""
    bot, session = derived.bot, derived.sockets["session"]
    assert (await session.call("account.status", _now()))["status"] == 401
    assert (await session.call("userDataStream.subscribe"))["status"] == 401
    assert (await session.call("session.status"))["result"]["apiKey"] is None
    assert (await bot.listen_key()).status_code == 401
    assert (await bot.listen_key("PUT", listenKey=derived.listen_key)).status_code == 401
    assert (await bot.rest("GET", "account")).status_code == 401
    again = await Socket.open(f"{bot.exchange.ws_url}/ws/{derived.listen_key}")
    assert await again.closed_with() == 1008


async def test_a_listen_key_that_nobody_follows_goes_when_it_is_next_asked_for(
    derived: Derived, store: Any
) -> None:
    bot, listen_key = derived.bot, derived.listen_key
    await derived.sockets["listen key"].end()
    await run(bot, ENDS["revoked"].format(email=derived.email))
    refused = await Socket.open(f"{bot.exchange.ws_url}/ws/{listen_key}")
    assert await refused.closed_with() == 1008
    assert not store.exists(f"listen_key:{listen_key}")


async def test_names_of_keys_are_not_logged(alice: Bot, sockets: Keep) -> None:
    socket = sockets(await alice.follow())
    listen_key = (await alice.listen_key()).json()["listenKey"]
    await alice.order("buy 10 @ 0.9")
    await socket.until(lambda: len(socket.messages) >= 2)
    log = alice.exchange.log("web")
    for name in (listen_key, alice.key):
        assert name not in log
