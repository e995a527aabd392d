"""(c) HTTP: ``POST /api/v1/orders`` to the durable answer, through the real web server."""

from statistics import median
from typing import Any, Final

from benchmarks.http_load import HttpLoad, HttpSpec, HttpTrader
from benchmarks.remote import Remote
from benchmarks.venue import Venue
from tests.exchange import Exchange
from zavora.runner.exchange import HOST

PATH: Final = "/api/v1/orders"
CONNECTIONS: Final = 64
RATE_MAX: Final = 8_000  # orders a second that are prepared for at most
SINGLE_RATE_MAX: Final = 1_000
WARM_UP_S: Final = 1.0


def http_spec(exchange: Exchange, venue: Venue, *, seed: int) -> HttpSpec:
    """Return where to send a flow."""
    traders = [
        HttpTrader(trader.token, [str(public_id) for public_id, _ in trader.accounts])
        for trader in venue.traders
    ]
    return HttpSpec(HOST, exchange.port, PATH, venue.markets, traders, seed)


def measure(
    exchange: Exchange, venue: Venue, *, seed: int, single_s: float, seconds: float, runs: int
) -> dict[str, Any]:
    """Return one client's latencies on the idle exchange, and the rate of 64 clients."""
    with Remote(HttpLoad, http_spec(exchange, venue, seed=seed)) as load:
        load.call("prepare", int((single_s + WARM_UP_S) * SINGLE_RATE_MAX))
        single = checked(load.call("run", 1, single_s, WARM_UP_S))
        busy = []
        for _ in range(runs):
            load.call("prepare", int((seconds + WARM_UP_S) * RATE_MAX))
            busy.append(checked(load.call("run", CONNECTIONS, seconds, WARM_UP_S)))
    rates = [result["orders_per_s"] for result in busy]
    return {
        "http_order_p50_ms": single["p50_ms"],
        "http_order_p99_ms": single["p99_ms"],
        "http_single_orders": single["count"],
        "http_orders_per_s": round(median(rates)),
        "http_runs_per_s": [round(rate) for rate in rates],
        "http_64_clients_p50_ms": median(result["p50_ms"] for result in busy),
        "http_64_clients_p99_ms": median(result["p99_ms"] for result in busy),
    }


def checked(result: dict[str, Any]) -> dict[str, Any]:
    """Return a run's result, all of whose orders must have been taken."""
    if set(result["statuses"]) != {"200"}:
        raise AssertionError(f"orders were refused: {result}")
    return result
