"""Hummingbot's ``binance`` connector on Zavora: book, balances, a resting order, a purchase.

    manage.py create_api_key --email me@example.com --fund        # prints key and secret
    python examples/hummingbot_example.py --key KEY --secret SECRET

To be run with a Python that has hummingbot. It keeps the exchange's addresses in module constants;
they are set here before anything connects, and nothing else is changed.
"""

import argparse
import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hummingbot.connector.exchange.binance import binance_constants
from hummingbot.connector.exchange.binance.binance_exchange import BinanceExchange
from hummingbot.core.clock import Clock, ClockMode
from hummingbot.core.data_type.common import OrderType

WAIT_S = 60


def point_at(url: str) -> None:
    """Give the connector the addresses of the exchange at ``url``."""
    ws = url.replace("http", "ws", 1)
    binance_constants.REST_URL = f"{url}/api/"
    binance_constants.WSS_URL = f"{ws}/ws"
    binance_constants.WSS_API_URL = f"{ws}/ws-api/v3"


async def until(condition: Callable[[], Any]) -> Any:
    """Wait for a true answer, as Hummingbot's own strategies do: they look at each tick."""
    async with asyncio.timeout(WAIT_S):
        while not (answer := condition()):  # noqa: ASYNC110 (no event tells of its state)
            await asyncio.sleep(0.2)
    return answer


async def order_state(connector: BinanceExchange, order_id: str, *wanted: str) -> Any:
    """Wait until an order is in one of the states; return it."""

    def reached() -> Any:
        order = connector._order_tracker.fetch_order(client_order_id=order_id)
        return order if order is not None and order.current_state.name in wanted else None

    return await until(reached)


async def trade(arguments: Any) -> None:
    """Connect, rest an order and cancel it, buy, and print what the connector knows."""
    point_at(arguments.url)
    pair = arguments.pair
    base, quote = pair.split("-")
    connector = BinanceExchange(arguments.key, arguments.secret, trading_pairs=[pair])
    clock = Clock(ClockMode.REALTIME, tick_size=1.0)
    clock.add_iterator(connector)
    with clock:
        running = asyncio.create_task(clock.run())
        try:
            await until(lambda: connector.ready)
            print(f"ready: {connector.status_dict}")
            best_ask = connector.get_price(pair, is_buy=True)
            print(f"{pair}: best ask {best_ask}, {quote} {connector.get_balance(quote)}")

            amount = connector.quantize_order_amount(pair, Decimal(30) / best_ask)
            low = connector.quantize_order_price(pair, best_ask * Decimal("0.9"))
            resting = connector.buy(pair, amount, OrderType.LIMIT_MAKER, low)
            order = await order_state(connector, resting, "OPEN")
            print(f"resting: {order.amount} at {order.price}")
            connector.cancel(pair, resting)
            print(f"then {(await order_state(connector, resting, 'CANCELED')).current_state.name}")

            before = connector.get_balance(base)
            taking = connector.buy(pair, amount, OrderType.MARKET, best_ask)
            order = await order_state(connector, taking, "FILLED")
            fills = order.order_fills.values()
            fees = sum(fee.amount for fill in fills for fee in fill.fee.flat_fees)
            wanted = before + order.executed_amount_base - fees
            await until(lambda: connector.get_balance(base) == wanted)
            print(f"bought {order.executed_amount_base}, fee {fees} {base}; {base} now {wanted}")
        finally:
            running.cancel()
            await connector.stop_network()


def main() -> None:
    """Read the command line and trade."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--key", required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--pair", default="BTC-USDT")
    asyncio.run(trade(parser.parse_args()))


if __name__ == "__main__":
    main()
