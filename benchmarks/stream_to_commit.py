"""(b) Stream to commit: everything durable and switched on, without HTTP in front."""

from typing import Any, Final

import psutil
import psycopg

from benchmarks.remote import Remote
from benchmarks.stream_load import StreamLoad, StreamSpec
from benchmarks.venue import Venue
from tests.exchange import Exchange

BOOK_ORDERS: Final = 4_000
TRIAL_STEPS: Final = 30_000
SHARD: Final = 0


def measure(
    exchange: Exchange, venue: Venue, *, seconds: float, runs: int, paced_s: float
) -> dict[str, Any]:
    """Return the saturated rate, and the latencies at a tenth and at half of it."""
    spec = StreamSpec(
        exchange.redis_url,
        exchange.database_url,
        SHARD,
        venue.markets,
        venue.account_ids(),
        seed=2,
        cancel_share=0.35,
    )
    with Remote(StreamLoad, spec) as load:
        load.call("prepare_books", BOOK_ORDERS)
        load.call("play")
        load.call("prepare", TRIAL_STEPS)
        rate = load.call("saturate", seconds, 0.3)["commands_per_s"]
        results = []
        for _ in range(runs):
            # Enough for the window and the backlog that must still wait at its end.
            load.call("prepare", int(rate * (seconds + 1.0) * 1.15) + 20_000)
            before = _cpu_s(exchange)
            result = load.call("saturate", seconds, 1.0)
            result["cpu_us"] = {
                name: round((used - before[name]) / result["played"] * 1e6, 1)
                for name, used in _cpu_s(exchange).items()
            }
            results.append(result)
            rate = max(rate, result["commands_per_s"])
        rates = sorted(result["commands_per_s"] for result in results)
        median = rates[len(rates) // 2]
        paced = {}
        for name, share in (("10pct", 0.1), ("50pct", 0.5)):
            load.call("prepare", int(median * share * paced_s))
            paced[name] = load.call("pace", median * share)
        codes = load.call("answer_codes")
    if set(codes) != {""}:
        raise AssertionError(f"commands were refused: {codes}")
    figures: dict[str, Any] = {
        "durable_commands_per_s": round(median),
        "durable_runs_per_s": [round(result["commands_per_s"]) for result in results],
        "durable_backlog_min": min(result["backlog_min"] for result in results),
        "durable_cpu_us_per_command": results[-1]["cpu_us"],
        "durable_answers": sum(codes.values()),
        **_shares(exchange),
    }
    for name, result in paced.items():
        figures[f"durable_p50_ms_at_{name}"] = result["p50_ms"]
        figures[f"durable_p99_ms_at_{name}"] = result["p99_ms"]
        figures[f"durable_rate_per_s_at_{name}"] = result["rate_per_s"]
    return figures


def _cpu_s(exchange: Exchange) -> dict[str, float]:
    """Return the processor time that each part has used so far, in seconds."""
    used: dict[str, float] = {}
    for name in exchange.names():
        process = psutil.Process(exchange.pid(name))
        processes = [process, *process.children(recursive=True)]
        used[name] = sum(sum(one.cpu_times()[:2]) for one in processes)
    return used


def _shares(exchange: Exchange) -> dict[str, float]:
    """Return what the tables say of the flow that was played."""
    with psycopg.connect(exchange.database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FILTER (WHERE kind = 'cancel')::float8 / count(*),"
            " count(*) FILTER (WHERE kind = 'place') FROM matching_command"
            " WHERE kind IN ('place', 'cancel')"
        ).fetchone()
        takers = connection.execute(
            "SELECT count(DISTINCT taker_order_id), count(*) FROM matching_trade"
        ).fetchone()
    if row is None or takers is None:
        raise AssertionError("the journal is empty")
    return {
        "durable_cancel_share": round(row[0], 3),
        "durable_trading_share": round(takers[0] / row[1], 3),
        "durable_trades_per_trading_order": round(takers[1] / max(1, takers[0]), 2),
    }
