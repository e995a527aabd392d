"""(a) The engine alone: the flow through ``matching.engine``, without text, tables or queue."""

import time
from statistics import median
from typing import Any, Final

from benchmarks.flow import Flow, FlowMarket
from matching.engine import Engine

BOOK_ORDERS: Final = 4_000
BATCH: Final = 500
RUNS: Final = 3


def measure(markets: list[FlowMarket], *, commands: int, accounts: int) -> dict[str, Any]:
    """Return the rate at which an engine applies the flow, in batches as the worker does."""
    flow = Flow(markets, accounts=accounts, seed=1, record=True)
    flow.seed_books(BOOK_ORDERS)
    flow.take(commands)
    recorded = flow.recorded or []
    rates = []
    for _ in range(RUNS):
        engine = Engine()
        for configure in flow.configure:
            engine.apply(configure)
        for command in recorded[:BOOK_ORDERS]:
            engine.apply(command)
        engine.commit()
        started = time.perf_counter()
        for first in range(BOOK_ORDERS, len(recorded), BATCH):
            for command in recorded[first : first + BATCH]:
                engine.apply(command)
            engine.commit()
        rates.append((len(recorded) - BOOK_ORDERS) / (time.perf_counter() - started))
    return {
        "engine_commands_per_s": round(median(rates)),
        "engine_runs_per_s": [round(rate) for rate in rates],
        "engine_trading_share": round(flow.trading_orders / flow.orders, 3),
    }
