"""What a member had of an account ends with the membership, at once and everywhere."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.access.people import CSRF, order
from tests.exchange import Exchange
from tests.integration.binance.user_data.conftest import Socket
from tests.integration.socket.conftest import Client
from tests.signed import SigningKey, let_memory_be_old

MAKE = """
import json
from decimal import Decimal
from importlib import import_module
from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest
from accounts.services import create_api_key, create_token, deposit, ensure_user
from tests.actors import SYSTEM
from tests.members import shared

owner = ensure_user(by=SYSTEM, email="sharing.owner@example.com")
account = owner.accounts.get()
deposit(by=SYSTEM, account_id=account.public_id, asset="EUR", amount=Decimal(10**9), source="bank")

def session(user):
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore()
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session.save()
    return request.session.session_key

def trader(name):
    user = ensure_user(by=SYSTEM, email=f"sharing.{name}@example.com")
    member = shared(account, user, "trader")
    limits = {"user_id": user.pk, "scopes": ["read", "trade"], "account_id": account.public_id}
    key = create_api_key(by=SYSTEM, kind="ed25519", **limits)
    return {
        "member": member.pk, "session": session(user), "key": key.key, "secret": key.secret,
        "token": create_token(by=SYSTEM, **limits)[1],
    }

print(json.dumps({
    "account": str(account.public_id),
    "owner": create_token(by=SYSTEM, user_id=owner.pk, scopes=["read", "trade"])[1],
    "removed": trader("removed"), "lowered": trader("lowered"),
}))
"""
END = """
import time
from accounts.models import Account
from accounts.services import change_member_role, remove_member
from tests.actors import customer
account = Account.objects.get(public_id="{account}")
about = {{"by": customer(account.owner), "account_id": account.public_id, "member_id": {member}}}
{act}
print(time.time())
"""
ACTS = {
    "removed": "remove_member(**about)",
    "lowered": 'change_member_role(**about, role="viewer")',
}
# How long what was cached may count: as long as a revoked key's.
ENDS_WITHIN_S = 1.0
# Orders of one after the other go on for this long after that.
GOES_ON_S = 0.5


class Sent(NamedTuple):
    """An order: when it was sent, by which credential, and the status of the answer."""

    at: float
    by: str
    status: int


@pytest.fixture(scope="module")
def made(exchange: Exchange) -> Any:
    found = json.loads(exchange.manage("shell", "-c", MAKE).strip().splitlines()[-1])
    let_memory_be_old(exchange.redis_url)
    return found


@asynccontextmanager
async def socket(exchange: Exchange, *, session: str | None = None) -> AsyncIterator[Client]:
    headers = {"Cookie": f"sessionid={session}"} if session else {}
    client = Client(await connect(f"{exchange.ws_url}/ws", additional_headers=headers))
    yield client
    await client.end()


async def followed(client: Client, **proof: Any) -> Client:
    """Authenticate, and follow the orders of all accounts within reach."""
    assert "result" in await client.call("authenticate", **proof)
    assert "result" in await client.call("subscribe", channel="orders")
    return client


async def place(http: httpx.AsyncClient, account: str, headers: dict[str, str]) -> httpx.Response:
    return await http.post("/api/v1/orders", json=order(account), headers=headers)


async def keep_placing(
    http: httpx.AsyncClient, account: str, by: str, headers: dict[str, str], ended: Any
) -> list[Sent]:
    """Place orders one after the other, until a while after the right to must have ended."""
    sent: list[Sent] = []
    while not (ended.done() and time.time() > ended.result() + ENDS_WITHIN_S + GOES_ON_S):
        at = time.time()
        sent.append(Sent(at, by, (await place(http, account, headers)).status_code))
    return sent


@pytest.mark.parametrize(
    ("end", "refused"),
    [("removed", {"token": 401, "session": 404}), ("lowered", {"token": 403, "session": 403})],
)
async def test_orders_sockets_and_streams_end_within_a_second_of_the_commit(
    exchange: Exchange, made: Any, end: str, refused: dict[str, int]
) -> None:
    who, account = made[end], made["account"]
    key = SigningKey(who["key"], who["secret"])
    cookie = {"Cookie": f"sessionid={who['session']}; csrftoken={CSRF}", "X-CSRFToken": CSRF}
    as_owner = {"Authorization": f"Bearer {made['owner']}"}
    credentials = {"token": {"Authorization": f"Bearer {who['token']}"}, "session": cookie}
    async with (
        httpx.AsyncClient(base_url=exchange.base_url, timeout=30) as http,
        socket(exchange) as by_key,
        socket(exchange, session=who["session"]) as by_session,
        socket(exchange) as of_owner,
    ):
        await followed(by_key, **key.params())
        await followed(by_session)
        await followed(of_owner, token=made["owner"])
        answer = await http.post("/api/v3/userDataStream", headers={"X-MBX-APIKEY": key.name})
        stream = await Socket.open(f"{exchange.ws_url}/ws/{answer.json()['listenKey']}")
        ends = [asyncio.ensure_future(_closed(by_key, 4001))]
        if end == "removed":  # a viewer goes on seeing
            ends.append(asyncio.ensure_future(_closed(stream, 1001)))
        ended = asyncio.get_running_loop().create_future()
        placing = [
            asyncio.ensure_future(keep_placing(http, account, by, headers, ended))
            for by, headers in credentials.items()
        ]

        script = END.format(account=account, member=who["member"], act=ACTS[end])
        printed = await asyncio.to_thread(exchange.manage, "shell", "-c", script)
        ended_at = float(printed.strip().splitlines()[-1])
        ended.set_result(ended_at)
        sent = [one for each in await asyncio.gather(*placing) for one in each]

        for by, status in refused.items():
            of_one = [one for one in sent if one.by == by]
            # It was a race: orders were taken until the end, and asked for long after it.
            assert {one.status for one in of_one} == {200, status}
            assert [one for one in of_one if one.at > ended_at + ENDS_WITHIN_S]
            last = max(one.at for one in of_one if one.status == 200)
            assert last < ended_at + ENDS_WITHIN_S
            # Once refused, always refused.
            assert min(one.at for one in of_one if one.status == status) > last
        assert max(await asyncio.gather(*ends)) - ended_at < ENDS_WITHIN_S
        pushed = len(by_session.of("orders"))
        answer = await place(http, account, as_owner)
        order_id = answer.json()["data"]["order"]["id"]
        await of_owner.until(lambda: order_id in [one["id"] for one in of_owner.of("orders")])
        assert "result" in await by_session.call("ping")
        assert (len(by_session.of("orders")) == pushed) == (end == "removed")
        await stream.end()
        await http.post("/api/v1/orders/cancel-all", json={"account": account}, headers=as_owner)


async def _closed(client: Client | Socket, code: int) -> float:
    """Return when a connection was ended with this code."""
    assert await client.closed_with(timeout_s=60) == code
    return time.time()
