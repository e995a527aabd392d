"""binance-sdk-spot, the vendor's own client, on Zavora: REST, streams, the WebSocket API.

manage.py create_api_key --email me@example.com --fund        # prints key and secret
python examples/binance_sdk_example.py --key KEY --secret SECRET
"""

import argparse
import asyncio
from typing import Any

from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_common.errors import BadRequestError
from binance_sdk_spot.spot import Spot

WAIT_S = 10


def client_at(url: str, key: str, secret: str) -> Spot:
    """Return the SDK's client for the exchange at ``url``."""
    ws = url.replace("http", "ws", 1)
    return Spot(
        config_rest_api=ConfigurationRestAPI(api_key=key, api_secret=secret, base_path=url),
        config_ws_api=ConfigurationWebSocketAPI(
            api_key=key, api_secret=secret, stream_url=f"{ws}/ws-api/v3"
        ),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=ws),
    )


def buy_at_once(rest: Any, symbol: str) -> None:
    """Spend 20 of the quote asset at the market's price; print the fills and their fees."""
    order = rest.new_order(symbol, "BUY", "MARKET", quote_order_qty=20).data()
    print(f"bought {order.executed_qty} for {order.cummulative_quote_qty}")
    for fill in order.fills:
        print(f"  {fill.qty} at {fill.price}, fee {fill.commission} {fill.commission_asset}")


async def follow_own_orders(client: Spot, symbol: str, price: int) -> None:
    """Place and cancel over the WebSocket API while the account's stream tells what happens."""
    api: Any = client.websocket_api
    await api.create_connection()
    try:
        events: asyncio.Queue[Any] = asyncio.Queue()
        subscription = await api.user_data_stream_subscribe_signature()
        subscription.stream.on("message", events.put_nowait)
        placed = await api.order_place(
            symbol, "BUY", "LIMIT", time_in_force="GTC", quantity=0.01, price=price
        )
        order = placed.data().result
        print(f"placed {order.order_id}: {order.orig_qty} at {order.price}")
        event = (await asyncio.wait_for(events.get(), WAIT_S)).actual_instance
        print(f"told by the stream: {type(event).__name__} {event.X} {event.i}")
        await api.order_cancel(symbol, order_id=order.order_id)
    finally:
        await api.close_connection(close_session=True)


async def follow_trades(client: Spot, symbol: str) -> None:
    """Print the next trade of the market; make one, so that there is one."""
    streams: Any = client.websocket_streams
    await streams.create_connection()
    try:
        trades: asyncio.Queue[Any] = asyncio.Queue()
        stream = await streams.trade(symbol.lower())
        stream.on("message", trades.put_nowait)
        await asyncio.to_thread(buy_at_once, client.rest_api, symbol)
        trade = await asyncio.wait_for(trades.get(), WAIT_S)
        print(f"trade {trade.t}: {trade.q} at {trade.p}")
    finally:
        await streams.close_connection(close_session=True)


def main() -> None:
    """Read the command line and trade."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--key", required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--symbol", default="BTCUSDT")
    arguments = parser.parse_args()
    client, symbol = client_at(arguments.url, arguments.key, arguments.secret), arguments.symbol
    rest: Any = client.rest_api

    book = rest.depth(symbol, limit=5).data()
    print(f"best bids {book.bids[:2]}, best asks {book.asks[:2]}")
    price = int(float(book.asks[0][0]) * 0.9)
    asyncio.run(follow_own_orders(client, symbol, price))
    asyncio.run(follow_trades(client, symbol))
    try:
        rest.new_order(symbol, "BUY", "LIMIT", time_in_force="GTC", quantity=10_000, price=price)
    except BadRequestError as error:
        print(f"refused, as it should be: {error.status_code} {error.error_message}")
    rows = rest.get_account().data().balances
    print(f"free: { {row.asset: row.free for row in rows} }")


if __name__ == "__main__":
    main()
