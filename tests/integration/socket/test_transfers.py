"""A transfer on the v1 socket: both accounts see their balances change, and nobody else."""

import uuid
from decimal import Decimal

from websockets.asyncio.client import connect

from tests.exchange import Exchange
from tests.integration.socket.conftest import Client, Trader


async def test_a_transfer_shows_in_the_balances_of_both_accounts(
    exchange: Exchange, client: Client, second: Trader
) -> None:
    trader = Trader(exchange)  # of this test alone: others count their accounts
    other = trader.data(trader.http.post("/accounts", json={"label": "other"}))["id"]
    stranger = Client(await connect(f"{exchange.ws_url}/ws"))
    for one, token in ((client, trader.token), (stranger, second.token)):
        await one.call("authenticate", token=token)
        await one.call("subscribe", channel="balances")
    path = f"/accounts/{trader.account}/balances"
    before = {row["asset"]: row["total"] for row in trader.data(trader.http.get(path))}
    body = {"from_account": trader.account, "to_account": other, "asset": "EUR", "amount": "1.25"}

    headers = {"Idempotency-Key": uuid.uuid4().hex}
    for _ in range(2):
        trader.data(trader.http.post("/transfers", json=body, headers=headers))

    told = await client.until(lambda: len(client.of("balances")) == 2 and client.of("balances"))
    assert {balance["account_id"]: Decimal(balance["available"]) for balance in told} == {
        trader.account: Decimal(before["EUR"]) - Decimal("1.25"),
        other: Decimal("1.25"),
    }
    await stranger.call("ping")  # whatever was sent before this answer has come
    assert stranger.of("balances") == []
    await stranger.end()
    trader.http.close()
