"""python-binance on Zavora: market data, an order, the account's stream, a purchase, an error.

    manage.py create_api_key --email me@example.com --fund        # prints key and secret
    python examples/python_binance_example.py --key KEY --secret SECRET

Addresses are class attributes in python-binance, so a subclass of each client carries ours.
"""

import argparse
import asyncio
from decimal import ROUND_DOWN, Decimal
from typing import Any

from binance import AsyncClient, BinanceSocketManager
from binance.exceptions import BinanceAPIException
from binance.ws.depthcache import DepthCacheManager
from binance.ws.reconnecting_websocket import ReconnectingWebsocket

SPEND = Decimal(20)
# Seconds that a quiet socket takes to notice that it is being closed; else 10 for each.
ReconnectingWebsocket.TIMEOUT = 2


class ZavoraClient(AsyncClient):
    """The client; ``point_at`` gives it its addresses."""


class ZavoraSockets(BinanceSocketManager):
    """Its streams."""


def point_at(url: str) -> None:
    """Give both classes the addresses of the exchange at ``url``."""
    ws = url.replace("http", "ws", 1)
    ZavoraClient.API_URL = f"{url}/api"
    ZavoraClient.WS_API_URL = f"{ws}/ws-api/v3"
    ZavoraSockets.STREAM_URL = f"{ws}/"


async def rules(client: ZavoraClient, symbol: str) -> tuple[Decimal, Decimal]:
    """Return a market's price step and lot."""
    info = await client.get_symbol_info(symbol)
    filters = {row["filterType"]: row for row in info["filters"]}
    return (
        Decimal(filters["PRICE_FILTER"]["tickSize"]),
        Decimal(filters["LOT_SIZE"]["stepSize"]),
    )


def whole(amount: Decimal, step: Decimal) -> str:
    """Return the amount in whole steps, as text."""
    return str((amount / step).to_integral_value(ROUND_DOWN) * step)


async def place_and_cancel(
    client: ZavoraClient, sockets: ZavoraSockets, symbol: str, price: Decimal
) -> None:
    """Rest an order below the market, see it on the account's own stream, cancel it."""
    tick, lot = await rules(client, symbol)
    async with sockets.user_socket() as own:
        order = await client.order_limit_buy(
            symbol=symbol, quantity=whole(SPEND / price, lot), price=whole(price, tick)
        )
        print(f"placed {order['orderId']}: {order['origQty']} at {order['price']}")
        event = await own.recv()
        print(f"told by the stream: {event['e']} {event['X']} {event['i']}")
        cancelled = await client.cancel_order(symbol=symbol, orderId=order["orderId"])
        print(f"cancelled: {cancelled['status']}")


async def trade(arguments: Any) -> None:
    """Do all of it, one after the other."""
    point_at(arguments.url)
    client = await ZavoraClient.create(arguments.key, arguments.secret)
    sockets, symbol = ZavoraSockets(client), arguments.symbol
    try:
        book = await client.get_order_book(symbol=symbol, limit=5)
        print(f"best bids {book['bids'][:2]}, best asks {book['asks'][:2]}")
        best_ask = Decimal(book["asks"][0][0])
        await place_and_cancel(client, sockets, symbol, best_ask * Decimal("0.9"))
        # python-binance's own copy of the book, kept up to date by the diff-depth stream
        manager = DepthCacheManager(client, symbol, bm=sockets, ws_interval=100)
        async with manager as cache:
            bought = await client.order_market_buy(symbol=symbol, quoteOrderQty=str(SPEND))
            print(f"bought {bought['executedQty']} for {bought['cummulativeQuoteQty']}")
            for fill in bought["fills"]:
                fee = f"{fill['commission']} {fill['commissionAsset']}"
                print(f"  {fill['qty']} at {fill['price']}, fee {fee}")
            print(f"own copy of the book: asks {(await cache.recv()).get_asks()[:2]}")
        try:
            await client.order_limit_buy(symbol=symbol, quantity="10000", price=str(best_ask))
        except BinanceAPIException as error:
            print(f"refused, as it should be: {error.code} {error.message}")
        account = await client.get_account()
        print(f"free: { {row['asset']: row['free'] for row in account['balances']} }")
    finally:
        await client.close_connection()


def main() -> None:
    """Read the command line and trade."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--key", required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--symbol", default="BTCUSDT")
    asyncio.run(trade(parser.parse_args()))


if __name__ == "__main__":
    main()
