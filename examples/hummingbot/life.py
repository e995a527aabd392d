"""The life of orders as Hummingbot's ``binance`` connector tells of it, on Zavora.

    hb/bin/python examples/hummingbot/life.py --url http://127.0.0.1:8000 \
        --pair EUR-USDT --keys KEY SECRET --other-keys KEY SECRET

Two connectors, each with a key of its own, trade with each other in a market that is theirs alone:
an order rests, is filled in part and cancelled; another rests and is taken by a market order; one
that would take is refused. Every state is waited for as Hummingbot's strategies learn of it: by the
connector's events and its tracker of orders, which the account's stream feeds. The last line is
JSON: each order as the connector recorded it, and the balances that it believes in.

To be run with a Python that has hummingbot. It keeps the exchange's addresses in module constants;
they are set here before anything connects, and nothing else is changed.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import hummingbot
from hummingbot.connector.exchange.binance import binance_constants
from hummingbot.connector.exchange.binance.binance_exchange import BinanceExchange
from hummingbot.core.clock import Clock, ClockMode
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.event.event_logger import EventLogger
from hummingbot.core.event.events import MarketEvent

READY_WAIT_S: Final = 60
# The connector asks for what the stream did not tell of every ten seconds; what comes sooner was
# told.
TOLD_WITHIN_S: Final = 8.0
# With its first warning the connector makes all of Hummingbot's application, to show it there.
WARNED_WITHIN_S: Final = 90.0
LOOKS_EVERY_S: Final = 0.02
PRICE: Final = Decimal("1.1")
MADE_HIGHER: Final = Decimal("1.2")


class LifeFailed(Exception):
    """An order did not become what it should have."""


def point_at(url: str) -> None:
    """Give the connector the addresses of the exchange at ``url``."""
    ws = url.replace("http", "ws", 1)
    binance_constants.REST_URL = f"{url}/api/"
    binance_constants.WSS_URL = f"{ws}/ws"
    binance_constants.WSS_API_URL = f"{ws}/ws-api/v3"


async def until(condition: Callable[[], Any], what: str, wait_s: float = TOLD_WITHIN_S) -> Any:
    """Wait for a true answer, as Hummingbot's own strategies do: they look at each tick."""
    began = time.monotonic()
    while not (answer := condition()):  # no event tells of all of its state
        if time.monotonic() - began > wait_s:
            raise LifeFailed(f"{what}: not within {wait_s:.0f} s")
        await asyncio.sleep(LOOKS_EVERY_S)
    print(f"{what}: {time.monotonic() - began:.2f} s", flush=True)
    return answer


class Trader:
    """One connector, its events, and every order that it was told to place."""

    def __init__(self, name: str, keys: tuple[str, str], pair: str) -> None:
        self.name, self.pair = name, pair
        self.connector = BinanceExchange(*keys, trading_pairs=[pair])
        self.events = EventLogger()
        for event in MarketEvent:
            self.connector.add_listener(event, self.events)
        self.order_ids: list[str] = []

    def place(self, side: TradeType, kind: OrderType, amount: str, price: Decimal) -> str:
        """Place an order; return its client order id."""
        place = self.connector.buy if side is TradeType.BUY else self.connector.sell
        order_id = place(self.pair, Decimal(amount), kind, price)
        self.order_ids.append(order_id)
        return order_id

    def order(self, order_id: str) -> Any:
        """Return an order as the connector tracks it, or as it was before it was done with."""
        return self.connector._order_tracker.fetch_order(client_order_id=order_id)

    async def state(
        self,
        order_id: str,
        *wanted: str,
        executed: str | None = None,
        wait_s: float = TOLD_WITHIN_S,
    ) -> None:
        """Wait until an order is in a state, and has so much executed."""

        def reached() -> bool:
            order = self.order(order_id)
            return (
                order is not None
                and order.current_state.name in wanted
                and (executed is None or order.executed_amount_base == Decimal(executed))
            )

        try:
            what = f"{self.name}: {'/'.join(wanted)} {executed or ''}".strip()
            await until(reached, what, wait_s)
        except LifeFailed as error:
            order = self.order(order_id)
            now = None if order is None else (order.current_state, order.executed_amount_base)
            raise LifeFailed(f"{error}; it is {now}") from None

    async def event(self, name: str, order_id: str) -> None:
        """Wait until the connector has told its listeners of an order."""

        def told() -> bool:
            return any(
                type(event).__name__ == name and event.order_id == order_id
                for event in self.events.event_log
            )

        await until(told, f"{self.name}: {name}")

    async def available(self, asset: str, wanted: Decimal) -> None:
        """Wait until the connector believes to have so much available."""
        await until(
            lambda: self.connector.get_available_balance(asset) == wanted,
            f"{self.name}: {wanted} {asset} available",
        )

    def recorded(self) -> list[dict[str, str]]:
        """Return every order as the connector recorded it, with the sum of its fills' fees."""
        return [self._recorded(self.order(order_id)) for order_id in self.order_ids]

    def _recorded(self, order: Any) -> dict[str, str]:
        fees = [fee for fill in order.order_fills.values() for fee in fill.fee.flat_fees]
        return {
            "order_id": str(order.exchange_order_id or ""),
            "side": order.trade_type.name.lower(),
            "kind": order.order_type.name.lower(),
            "status": order.current_state.name.lower(),
            "filled": str(order.executed_amount_base),
            "cost": str(order.executed_amount_quote),
            "fee": str(sum((fee.amount for fee in fees), Decimal(0))),
            "fee_asset": fees[0].token if fees else "",
        }


async def live(maker: Trader, taker: Trader) -> None:
    """Let orders live every kind of life that the connector knows."""
    base, quote = maker.pair.split("-")
    connector = maker.connector
    had = connector.get_available_balance(quote)

    resting = maker.place(TradeType.BUY, OrderType.LIMIT_MAKER, "20", PRICE)
    await maker.state(resting, "OPEN")
    await maker.event("BuyOrderCreatedEvent", resting)
    await maker.available(quote, had - 20 * PRICE)

    part = taker.place(TradeType.SELL, OrderType.LIMIT, "5", PRICE)
    await taker.state(part, "FILLED", executed="5")
    await taker.event("SellOrderCompletedEvent", part)
    await maker.state(resting, "PARTIALLY_FILLED", executed="5")
    await maker.event("OrderFilledEvent", resting)

    connector.cancel(maker.pair, resting)
    await maker.state(resting, "CANCELED", executed="5")
    await maker.event("OrderCancelledEvent", resting)
    await maker.available(quote, had - 5 * PRICE)

    offer = taker.place(TradeType.SELL, OrderType.LIMIT_MAKER, "10", MADE_HIGHER)
    await taker.state(offer, "OPEN")
    taken = maker.place(TradeType.BUY, OrderType.MARKET, "10", MADE_HIGHER)
    await maker.state(taken, "FILLED", executed="10")
    await maker.event("BuyOrderCompletedEvent", taken)
    await taker.state(offer, "FILLED", executed="10")
    await taker.event("SellOrderCompletedEvent", offer)
    await maker.available(quote, had - 5 * PRICE - 10 * MADE_HIGHER)
    assert connector.get_balance(base) == connector.get_available_balance(base)

    again = taker.place(TradeType.SELL, OrderType.LIMIT_MAKER, "10", MADE_HIGHER)
    await taker.state(again, "OPEN")
    refused = maker.place(TradeType.BUY, OrderType.LIMIT_MAKER, "10", MADE_HIGHER)
    await maker.state(refused, "FAILED", wait_s=WARNED_WITHIN_S)
    await maker.event("MarketOrderFailureEvent", refused)
    taker.connector.cancel(taker.pair, again)
    await taker.state(again, "CANCELED", executed="0")


async def trade(arguments: Any) -> None:
    """Connect both, let their orders live, and print what the connectors recorded."""
    point_at(arguments.url)
    traders = [
        Trader("maker", tuple(arguments.keys), arguments.pair),
        Trader("taker", tuple(arguments.other_keys), arguments.pair),
    ]
    clock = Clock(ClockMode.REALTIME, tick_size=1.0)
    for trader in traders:
        clock.add_iterator(trader.connector)
    with clock:
        running = asyncio.create_task(clock.run())
        try:
            for trader in traders:
                connector = trader.connector
                await until(lambda it=connector: it.ready, f"{trader.name}: ready", READY_WAIT_S)
            await live(*traders)
            told = {
                trader.name: {
                    "orders": trader.recorded(),
                    "balances": {a: str(b) for a, b in trader.connector.get_all_balances().items()},
                }
                for trader in traders
            }
        finally:
            running.cancel()
            for trader in traders:
                await trader.connector.stop_network()
    print(json.dumps(told))


def main() -> None:
    """Read the command line and trade."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--pair", default="EUR-USDT")
    for name in ("--keys", "--other-keys"):
        parser.add_argument(name, nargs=2, metavar=("KEY", "SECRET"), required=True)
    # Where it keeps its settings; by default that is where it is installed.
    Path("conf").mkdir(exist_ok=True)
    hummingbot.set_prefix_path(str(Path.cwd()))
    try:
        asyncio.run(trade(parser.parse_args()))
    except LifeFailed as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
