"""The same load as ``http_load``'s, in the words of the Binance-compatible API."""

import hashlib
import hmac
import time
from typing import Final

from benchmarks.flow import NewOrder, price_text, quantity_text
from benchmarks.http_load import HttpLoad, HttpSpec

# Requests are signed before the clock runs; none is older than this when it is sent.
RECV_WINDOW_MS: Final = 60_000
# Between a key and its secret, which travel as one credential.
SEPARATOR: Final = ":"


class CompatLoad(HttpLoad):
    """Signs each order with the key of its account; a trader has one account."""

    def __init__(self, spec: HttpSpec) -> None:
        super().__init__(spec)
        self._orders: list[NewOrder] = []  # of the prepared requests

    def prepare(self, orders: int, books: bool = False) -> int:
        """Have so many requests wait: what was not sent is signed anew, the flow's next follow."""
        left = len(self._prepared)
        self._orders = self._orders[len(self._orders) - left :]
        self._prepared = [self._signed(order) for order in self._orders]
        return super().prepare(max(0, orders - left), books)

    def _request(self, order: NewOrder) -> bytes:
        """Return a whole signed request that places an order, its parameters in the body."""
        self._orders.append(order)
        return self._signed(order)

    def _signed(self, order: NewOrder) -> bytes:
        _, credential = self._owners[order.account]
        key, _, secret = credential.partition(SEPARATOR)
        market = order.market
        text = (
            f"symbol={market.symbol.replace('/', '')}&side={order.side.upper()}&type=LIMIT"
            f"&timeInForce={order.time_in_force.upper()}"
            f"&quantity={quantity_text(market, order.lots)}"
            f"&price={price_text(market, order.price_ticks)}"
            f"&newClientOrderId={order.client_order_id}&recvWindow={RECV_WINDOW_MS}"
            f"&timestamp={time.time_ns() // 1_000_000}"
        )
        signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        body = f"{text}&signature={signature}"
        head = (
            f"POST {self._spec.path} HTTP/1.1\r\nHost: {self._spec.host}:{self._spec.port}\r\n"
            f"X-MBX-APIKEY: {key}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return (head + body).encode()
