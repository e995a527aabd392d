"""Who speaks on a v1 WebSocket, and how a connection learns that it may not any more."""

import asyncio
import time

from websockets.asyncio.client import connect

from tests.exchange import Exchange
from tests.integration.socket.conftest import MARKET, Client, Trader


async def test_a_revoked_token_ends_the_connection_within_a_second(
    exchange: Exchange, client: Client
) -> None:
    doomed = Trader(exchange)
    await client.call("authenticate", token=doomed.token)
    await client.call("subscribe", channel="orders")
    closing = asyncio.ensure_future(_closing(client))
    script = (
        "import time; from accounts.models import ApiKey; from accounts.services import revoke_key;"
        "from tests.actors import SYSTEM;"
        f"key = ApiKey.objects.get(owner__email='{doomed.email}');"
        "revoke_key(by=SYSTEM, key_id=key.pk); print(time.time())"
    )
    printed = await asyncio.to_thread(exchange.manage, "shell", "-c", script)
    revoked_at = float(printed.strip().splitlines()[-1])

    code, closed_at = await closing
    assert code == 4001
    assert closed_at - revoked_at < 1


async def _closing(client: Client) -> tuple[int | None, float]:
    return await client.closed_with(), time.time()


async def test_only_a_token_that_may_read_is_told_the_accounts(
    exchange: Exchange, client: Client
) -> None:
    trader = await asyncio.to_thread(Trader, exchange)
    for scopes, told in (("trade", []), ("withdraw", []), ("read", [trader.account])):
        token = await asyncio.to_thread(exchange.create_token, trader.email, scopes=scopes)
        answer = await client.call("authenticate", token=token)
        assert [one["id"] for one in answer["result"]["accounts"]] == told, scopes


async def test_a_session_of_a_foreign_page_does_not_count(exchange: Exchange) -> None:
    cookie = _session_cookie(exchange)
    own = {"Origin": exchange.base_url, "Cookie": cookie}
    foreign = {"Origin": "https://evil.example", "Cookie": cookie}
    for headers, is_in in ((own, True), (foreign, False), ({"Cookie": cookie}, True)):
        socket = Client(await connect(f"{exchange.ws_url}/ws", additional_headers=headers))
        answer = await socket.call("authenticate")
        assert ("result" in answer) is is_in
        assert (await socket.call("getTicker", market=MARKET))["result"]["market"] == MARKET
        await socket.end()


def _session_cookie(exchange: Exchange) -> str:
    user = Trader(exchange)
    script = (
        "from django.contrib.sessions.backends.db import SessionStore;"
        "from django.contrib.auth import get_user_model, SESSION_KEY, BACKEND_SESSION_KEY,"
        " HASH_SESSION_KEY;"
        "from django.conf import settings;"
        f"user = get_user_model().objects.get(email='{user.email}');"
        "s = SessionStore();"
        "s[SESSION_KEY] = str(user.pk);"
        "s[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0];"
        "s[HASH_SESSION_KEY] = user.get_session_auth_hash();"
        "s.create(); print(s.session_key)"
    )
    return f"sessionid={exchange.manage('shell', '-c', script).strip().splitlines()[-1]}"
