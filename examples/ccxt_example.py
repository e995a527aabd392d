"""ccxt on Zavora: market data, an order from placing to cancelling, a purchase, an error.

    manage.py create_api_key --email me@example.com --fund        # prints key and secret
    python examples/ccxt_example.py --key KEY --secret SECRET

Everything but the addresses and the keys is ccxt's ``binance`` as it is installed.
"""

import argparse
import asyncio
from typing import Any

import ccxt.pro


def exchange_at(url: str, key: str, secret: str) -> ccxt.pro.binance:
    """Return ccxt's client for the exchange at ``url``."""
    ws = url.replace("http", "ws", 1)
    return ccxt.pro.binance(
        {
            "apiKey": key,
            "secret": secret,
            "urls": {
                "api": {
                    "public": f"{url}/api/v3",
                    "private": f"{url}/api/v3",
                    "sapi": f"{url}/sapi/v1",
                    "ws": {"spot": f"{ws}/ws", "ws-api": {"spot": f"{ws}/ws-api/v3"}},
                }
            },
            # Spot only: else ccxt asks the vendor's own futures hosts when it loads markets.
            "options": {
                "fetchMarkets": {"types": ["spot"]},
                "fetchCurrencies": False,
                "fetchMargins": False,
            },
        }
    )


async def show_market(exchange: ccxt.pro.binance, symbol: str) -> float:
    """Print rules, book and candles of a market; return its best ask."""
    market = exchange.market(symbol)
    print(
        f"{symbol}: price step {market['precision']['price']}, lot {market['precision']['amount']}"
    )
    book = await exchange.watch_order_book(symbol)  # ccxt keeps it up to date from here on
    print(f"best bids {book['bids'][:2]}, best asks {book['asks'][:2]}")
    candles = await exchange.fetch_ohlcv(symbol, "1m", limit=3)
    print(f"last candles {candles}")
    return float(book["asks"][0][0])


async def place_and_cancel(exchange: ccxt.pro.binance, symbol: str, price: float) -> None:
    """Rest an order below the market, see it on the account's own stream, cancel it."""
    told = asyncio.create_task(exchange.watch_orders(symbol))
    # Orders placed before the subscription is confirmed would not be told.
    await exchange.ensure_user_data_stream_ws_subscribe_signature()
    amount = 20 / price
    order = await exchange.create_order(
        symbol,
        "limit",
        "buy",
        float(exchange.amount_to_precision(symbol, amount)),
        float(exchange.price_to_precision(symbol, price)),
        {"postOnly": True},
    )
    print(f"placed {order['id']}: {order['amount']} at {order['price']}")
    print(f"told by the stream: {[update['status'] for update in await told]}")
    cancelled = await exchange.cancel_order(order["id"], symbol)
    print(f"cancelled: {cancelled['status']}")


async def buy_at_once(exchange: ccxt.pro.binance, symbol: str) -> None:
    """Spend 20 of the quote asset at the market's price; print the fills and their fees."""
    order = await exchange.create_market_buy_order_with_cost(symbol, 20)
    print(f"bought {order['filled']} for {order['cost']}, fees {order['fees']}")
    for trade in await exchange.fetch_order_trades(order["id"], symbol):
        print(f"  {trade['amount']} at {trade['price']}, {trade['fee']}")


async def trade(arguments: Any) -> None:
    """Do all of it, one after the other."""
    exchange = exchange_at(arguments.url, arguments.key, arguments.secret)
    symbol = arguments.symbol
    try:
        await exchange.load_markets()
        best_ask = await show_market(exchange, symbol)
        await place_and_cancel(exchange, symbol, best_ask * 0.9)
        await buy_at_once(exchange, symbol)
        try:
            await exchange.create_order(symbol, "limit", "buy", 10_000, best_ask * 0.9)
        except ccxt.InsufficientFunds as error:
            print(f"refused, as it should be: {error}")
        balance = await exchange.fetch_balance()
        print(f"free: {balance['free']}")
    finally:
        await exchange.close()


def main() -> None:
    """Read the command line and trade."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--key", required=True)
    parser.add_argument("--secret", required=True, help="for ed25519 the PEM itself")
    parser.add_argument("--symbol", default="BTC/USDT")
    asyncio.run(trade(parser.parse_args()))


if __name__ == "__main__":
    main()
