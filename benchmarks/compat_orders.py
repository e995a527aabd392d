"""(f) ``POST /api/v3/order`` beside ``POST /api/v1/orders``: by turns, by the same clients."""

from statistics import median
from typing import Any, Final

from benchmarks.compat_load import SEPARATOR, CompatLoad
from benchmarks.http_load import HttpLoad, HttpSpec, HttpTrader
from benchmarks.http_orders import CONNECTIONS, RATE_MAX, SINGLE_RATE_MAX, checked
from benchmarks.http_orders import PATH as V1_PATH
from benchmarks.remote import Remote
from benchmarks.venue import Venue
from tests.exchange import Exchange
from zavora.runner.exchange import HOST

PATH: Final = "/api/v3/order"
WARM_UP_S: Final = 1.0


def specs(exchange: Exchange, venue: Venue, *, seed: int) -> tuple[HttpSpec, HttpSpec]:
    """Return where to send flows through v1 and through the compatible API.

    Both are the first accounts of all users, with one credential each: a key speaks for one
    account, and neither API is to look up more credentials than the other.
    """
    v1 = [
        HttpTrader(trader.token, [str(public_id)])
        for trader in venue.traders
        for public_id, _ in trader.accounts[:1]
    ]
    compat = [
        HttpTrader(SEPARATOR.join(trader.signing_key), each.accounts)
        for trader, each in zip(venue.traders, v1, strict=True)
    ]
    return (
        HttpSpec(HOST, exchange.port, V1_PATH, venue.markets, v1, seed),
        HttpSpec(HOST, exchange.port, PATH, venue.markets, compat, seed + 1),
    )


def measure(
    exchange: Exchange, venue: Venue, *, seed: int, seconds: float, runs: int
) -> dict[str, Any]:
    """Return latencies of one client and rates of 64, of both APIs by turns, and their ratios."""
    found: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("v1_single", "compat_single", "v1_busy", "compat_busy")
    }
    v1_spec, compat_spec = specs(exchange, venue, seed=seed)
    with (
        Remote(HttpLoad, v1_spec) as v1,
        Remote(CompatLoad, compat_spec) as compat,
    ):
        for run in range(runs):
            loads: list[tuple[str, Remote[Any]]] = [("v1", v1), ("compat", compat)]
            # Who goes second finds fuller books: each does by turns.
            for name, load in loads if run % 2 else reversed(loads):
                load.call("prepare", int((seconds + WARM_UP_S) * SINGLE_RATE_MAX))
                found[f"{name}_single"].append(checked(load.call("run", 1, seconds, WARM_UP_S)))
            for name, load in loads if run % 2 else reversed(loads):
                load.call("prepare", int((seconds + WARM_UP_S) * RATE_MAX))
                result = checked(load.call("run", CONNECTIONS, seconds, WARM_UP_S))
                found[f"{name}_busy"].append(result)
    p50 = {name: [result["p50_ms"] for result in found[f"{name}_single"]] for name in _NAMES}
    rates = {name: [result["orders_per_s"] for result in found[f"{name}_busy"]] for name in _NAMES}
    return {
        "compat_order_p50_ms": round(median(p50["compat"]), 2),
        "compat_v1_order_p50_ms": round(median(p50["v1"]), 2),
        "compat_order_cost": _ratio(p50["compat"], p50["v1"]),
        "compat_orders_per_s": round(median(rates["compat"])),
        "compat_v1_orders_per_s": round(median(rates["v1"])),
        "compat_load_cost": _ratio(rates["v1"], rates["compat"]),
        "compat_runs_per_s": [round(rate) for rate in rates["compat"]],
        "compat_v1_runs_per_s": [round(rate) for rate in rates["v1"]],
    }


_NAMES: Final = ("v1", "compat")


def _ratio(uppers: list[float], lowers: list[float]) -> float:
    """Return the median of the ratios of pairs, each measured close together."""
    return round(median(upper / lower for upper, lower in zip(uppers, lowers, strict=True)), 3)
