"""Measure unit costs on a small real exchange, predict a larger one by them, and compare.

A scratch exchange is played the flow of `make bench` (b): first a sample, by which rows and bytes
of a unit are measured, then the rest. What the model says of all of it is held against the tables.
"""

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg

from benchmarks import venue
from benchmarks.growing.capacity import table_sizes
from benchmarks.growing.costs import COMMANDS, ORDERS, TRADES, Costs, Table
from benchmarks.growing.validation_report import Compared
from benchmarks.remote import Remote
from benchmarks.stream_load import StreamLoad, StreamSpec
from tests.exchange import Exchange

CANCEL_SHARE: Final = 0.35
BOOK_ORDERS: Final = 2_000
SHARD: Final = 0
PART_STEPS: Final = 40_000
_COUNTS: Final = (
    "SELECT (SELECT count(*) FROM matching_order), (SELECT count(*) FROM matching_command),"
    " (SELECT count(*) FROM matching_trade), pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
)


class Reading:
    """What the tables and processes say at one moment."""

    def __init__(self, exchange: Exchange, tables: tuple[Table, ...]) -> None:
        with psycopg.connect(exchange.database_url, autocommit=True) as session:
            row = session.execute(_COUNTS).fetchone()
            assert row is not None
            self.driven = {ORDERS: row[0], COMMANDS: row[1], TRADES: row[2]}
            self.wal = float(row[3])
            self.rows: dict[str, int] = {}
            self.bytes: dict[str, int] = {}
            for table in tables:
                one = session.execute(
                    f"SELECT count(*), pg_total_relation_size('{table.name}') FROM {table.name}"
                ).fetchone()
                assert one is not None
                self.rows[table.name], self.bytes[table.name] = one
        worker = psutil.Process(exchange.pid("worker-0"))
        self.worker_s = sum(worker.cpu_times()[:2])


def compare_with_exchange(
    *, orders: int, sample: int, seed: int
) -> tuple[Costs, list[Compared], dict[str, Any]]:
    """Return the measured costs, predictions for so many orders beside what came about, and how."""
    with (
        tempfile.TemporaryDirectory(prefix="zavora-growing-") as folder,
        Exchange(
            Path(folder) / "home", processes=("worker-0",), extra_env={"LOG_LEVEL": "WARNING"}
        ) as exchange,
    ):
        venue.connect(exchange)
        venue.wait_for_worker(exchange, SHARD)
        markets = venue.open_markets(shard_id=SHARD)
        traders = venue.open_accounts()
        venue.fund(traders, markets)
        ids = venue.Venue(markets, traders).account_ids()
        spec = StreamSpec(
            exchange.redis_url, exchange.database_url, SHARD, markets, ids, seed, CANCEL_SHARE
        )
        with Remote(StreamLoad, spec) as load:
            load.call("prepare_books", BOOK_ORDERS)
            load.call("play")
            zero = Reading(exchange, Costs().tables)
            _play(load, int(sample / (1 - CANCEL_SHARE)))
            first = Reading(exchange, Costs().tables)
            costs = measured_costs(zero, first)
            began = time.perf_counter()
            played = _play(load, int((orders - sample) / (1 - CANCEL_SHARE)))
            seconds = time.perf_counter() - began
            last = Reading(exchange, costs.tables)
    circumstances = {"orders": last.driven[ORDERS], "trades": last.driven[TRADES],
                     "commands_per_s": round(played / seconds)}  # fmt: skip
    return costs, compare(costs, zero, first, last), circumstances


def _play(load: Any, steps: int) -> int:
    """Play a part of the flow after the other: each is encoded whole before."""
    played = 0
    while played < steps:
        load.call("prepare", min(PART_STEPS, steps - played))
        played += load.call("play")
    return played


def measured_costs(zero: Reading, first: Reading) -> Costs:
    """Return the costs with what a sample of work took."""
    done = {name: first.driven[name] - zero.driven[name] for name in zero.driven}

    def measured(table: Table) -> Table:
        rows = first.rows[table.name] - zero.rows[table.name]
        size = first.bytes[table.name] - zero.bytes[table.name]
        return replace(table, rows=rows / done[table.grows_with], row_bytes=size / max(1, rows))

    return replace(
        Costs(),
        wal_bytes=(first.wal - zero.wal) / done[COMMANDS],
        worker_us=(first.worker_s - zero.worker_s) / done[COMMANDS] * 1e6,
        tables=tuple(measured(table) for table in Costs().tables),
    )


def compare(costs: Costs, zero: Reading, first: Reading, last: Reading) -> list[Compared]:
    """Hold what the model says of everything since ``zero`` against what is there."""
    done = {name: float(last.driven[name] - zero.driven[name]) for name in zero.driven}
    sizes = table_sizes(costs, done, {})
    grown = {name: last.bytes[name] - zero.bytes[name] for name in zero.bytes}
    found = [
        Compared(f"bytes of {name}", predicted, grown[name])
        for name, predicted in sizes.by_table.items()
    ]
    found.append(Compared("bytes of all these tables", sizes.total, sum(grown.values())))
    wal = costs.wal_bytes * done[COMMANDS]
    found.append(Compared("bytes of log", wal, last.wal - zero.wal))
    busy_us = costs.worker_us * (last.driven[COMMANDS] - first.driven[COMMANDS])
    found.append(
        Compared(
            "worker's processor time, ms", busy_us / 1e3, (last.worker_s - first.worker_s) * 1e3
        )
    )
    return found
