"""The official client, unmodified, on a session: one log-on, then nothing signed any more."""

import asyncio
from typing import Any

from binance_common.configuration import ConfigurationWebSocketAPI
from binance_sdk_spot.spot import Spot

from tests.integration.binance.user_data.conftest import Bot
from tests.socket_client import WAIT_S


async def test_a_session_of_the_official_client(carol: Bot) -> None:
    configuration = ConfigurationWebSocketAPI(
        api_key=carol.key,
        private_key=carol.secret,
        stream_url=f"{carol.exchange.ws_url}/ws-api/v3",
    )
    client = Spot(config_ws_api=configuration).websocket_api
    await client.create_connection()
    try:
        await _use(client, carol)
    finally:
        await client.close_connection(close_session=True)


async def _use(client: Any, carol: Bot) -> None:
    on = (await client.session_logon()).data().result
    assert on.api_key == carol.key
    events: asyncio.Queue[Any] = asyncio.Queue()
    subscription = await client.user_data_stream_subscribe()
    subscription.stream.on("message", events.put_nowait)
    placed = await client.order_place(
        "EURUSDT", "BUY", "LIMIT", time_in_force="GTC", quantity=10, price=0.9
    )
    order = placed.data().result
    assert order.status == "NEW"
    assert {limit.rateLimitType for limit in placed.rate_limits} == {"REQUEST_WEIGHT", "ORDERS"}
    cancelled = (await client.order_cancel("EURUSDT", order_id=order.order_id)).data().result
    assert cancelled.status == "CANCELED"
    async with asyncio.timeout(WAIT_S):
        told = [(await events.get()).actual_instance for _ in range(4)]
    assert [(type(event).__name__, getattr(event, "x", None)) for event in told] == [
        ("ExecutionReport", "NEW"),
        ("OutboundAccountPosition", None),
        ("ExecutionReport", "CANCELED"),
        ("OutboundAccountPosition", None),
    ]
    assert (await client.session_status()).data().result.user_data_stream is True
    assert (await client.session_logout()).data().result.api_key is None
