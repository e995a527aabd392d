"""Which web server suits the edge: (c) with each of them, on the same exchange."""

import signal
from typing import Any

from benchmarks import http_orders
from benchmarks.venue import Venue
from tests.exchange import Exchange
from zavora.runner.exchange import WEB_SERVERS, web


def measure(
    exchange: Exchange, venue: Venue, *, single_s: float, seconds: float, runs: int
) -> dict[str, dict[str, Any]]:
    """Return the figures of (c) for each server."""
    figures = {}
    for number, server in enumerate(WEB_SERVERS):
        if "web" in exchange.names() and exchange.is_running("web"):
            exchange.kill("web", signal.SIGTERM)
        exchange.launch(web(exchange.env, port=exchange.port, server=server))
        exchange.wait_until_healthy()
        figures[server] = http_orders.measure(
            exchange, venue, seed=100 + number, single_s=single_s, seconds=seconds, runs=runs
        )
    return figures


def table(figures: dict[str, dict[str, Any]]) -> str:
    """Return the comparison as text."""
    lines = [f"{'':10}{'64 clients':>12}{'p50':>8}{'p99':>8}{'1 client p50':>14}{'p99':>8}"]
    for server, found in figures.items():
        lines.append(
            f"{server:10}{found['http_orders_per_s']:>10,}/s{found['http_64_clients_p50_ms']:>8}"
            f"{found['http_64_clients_p99_ms']:>8}{found['http_order_p50_ms']:>14}"
            f"{found['http_order_p99_ms']:>8}"
        )
    return "\n".join(lines)
