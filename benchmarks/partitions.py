"""``python -m benchmarks.partitions``: what tables of 24 months cost against whole ones.

Two exchanges side by side, one with whole tables and one with tables of months, both with the same
trades of two years, are measured by turns: commands from stream to commit, reads by id, of a
market's and of an account's newest 50. Then months leave, are archived and come back beside a
running load, and each partition is asked to take what it must refuse. Ends with 1 where that fails
or a figure is missed.
"""

import argparse
import secrets
import shutil
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

import psycopg

from benchmarks import venue
from benchmarks.machine import RAISED_LIMITS
from benchmarks.partition_place import READS, Place
from benchmarks.remote import Remote
from benchmarks.statistics import Latencies
from benchmarks.stream_load import StreamLoad, StreamSpec
from tests.exchange import Exchange
from tests.integration.months import MAKE_SQL
from zavora.runner.home import Home, home_from_environment, load_environment

SHARD: Final = 0
RATE_MIN: Final = 0.9
READS_MAX: Final = 1.5
PAUSE_MAX_MS: Final = 200.0
PACED_PER_S: Final = 300
CHUNK: Final = 1_000_000
# Markets that nobody trades: their trades are all of the past.
MARKETS: Final = range(1_000_001, 1_000_021)
ACCOUNTS: Final = 200
READS_COUNT: Final = 200

_TABLES: Final = "SELECT parent FROM zavora_partitioned()"
_FIRST_MONTH: Final = "SELECT (date_trunc('month', now()) - interval '23 months')::date::text"
_FILL: Final = f"""
INSERT INTO matching_trade (id, market_id, sequence, run_sequence, price, quantity, amount,
    taker_side, maker_order_id, taker_order_id, maker_account_id, taker_account_id, maker_fee,
    taker_fee, created_at)
SELECT %(low)s + n * %(step)s, {MARKETS[0]} + n %% {len(MARKETS)}, n / {len(MARKETS)} + 1,
    n / {len(MARKETS)} + 1, 100, 1, 100, 'buy', n, n + 1, n %% {ACCOUNTS},
    (n * 7 + 1) %% {ACCOUNTS},
    0.1, 0.2, zavora_time_of(%(low)s + n * %(step)s)
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
"""
_REFUSED: Final = (
    "DELETE FROM {name}",
    "UPDATE {name} SET kind = 'fee'",
    (
        "INSERT INTO {name} (id, transaction_id, account_id, asset_id, kind, amount, created_at)"
        " VALUES ({id}, 1, 1, 1, 'trade', 5, now())"
    ),
)


class Side:
    """One of the exchanges, with its load."""

    def __init__(self, name: str, exchange: Exchange) -> None:
        self.name = name
        self.exchange = exchange
        self.rates: list[float] = []
        self.reads: list[dict[str, float]] = []

    def open(self, first_month: str, trades: int) -> None:
        """Shape the tables, open markets and fill the past."""
        with psycopg.connect(self.exchange.database_url, autocommit=True) as connection:
            connection.execute("SET TIME ZONE 'UTC'")
            if self.name == "months":
                _make_months(connection, first_month)
            else:
                _make_whole(connection)
        self.exchange.manage("migrate", "-v", "0")  # grants what the new tables need
        venue.wait_for_worker(self.exchange, SHARD)
        environment = self.exchange.env | {"DATABASE_URL": self.exchange.database_url}
        self.place = Remote(Place, environment)
        place: venue.Venue = self.place.call("open")
        with psycopg.connect(self.exchange.database_url, autocommit=True) as connection:
            self.step = _fill(connection, first_month, trades)
        spec = StreamSpec(
            self.exchange.redis_url,
            self.exchange.database_url,
            SHARD,
            place.markets,
            place.account_ids(),
            seed=2,
            cancel_share=0.35,
        )
        self.load = Remote(StreamLoad, spec)
        self.load.call("prepare_books", 2_000)
        self.load.call("play")
        self.load.call("prepare", 10_000)
        self._last_rate = self.load.call("saturate", 0.5, 0.1)["commands_per_s"]

    def saturate(self, seconds: float) -> None:
        """Measure one round."""
        self.load.call("prepare", int(self._last_rate * (seconds + 1.0) * 1.15) + 20_000)
        self._last_rate = self.load.call("saturate", seconds, 1.0)["commands_per_s"]
        self.rates.append(self._last_rate)

    def close(self) -> None:
        """End its processes."""
        self.load.close()
        self.place.close()


def _make_months(connection: "psycopg.Connection[Any]", first_month: str) -> None:
    for (parent,) in connection.execute(_TABLES).fetchall():
        names = connection.execute("SELECT name FROM zavora_partitions(%s)", (parent,)).fetchall()
        for (name,) in names:
            connection.execute(f"DROP TABLE {name}")
    # The text is quoted here: a DO block takes no parameters.
    connection.execute(psycopg.ClientCursor(connection).mogrify(MAKE_SQL, (first_month,)))


def _make_whole(connection: "psycopg.Connection[Any]") -> None:
    """Turn tables of months into what they were before."""
    for (parent,) in connection.execute(_TABLES).fetchall():
        first = f"{parent}_first"
        connection.execute(f"ALTER TABLE {parent} DETACH PARTITION {first}")
        connection.execute(f"DROP TABLE {parent}")
        connection.execute(f"ALTER TABLE {first} RENAME TO {parent}")
        connection.execute(f"ALTER TABLE {parent} DROP CONSTRAINT {first}_bounds")


def _fill(connection: "psycopg.Connection[Any]", first_month: str, trades: int) -> tuple[int, int]:
    """Write trades evenly from the first month up to now; return the first id and the step."""
    row = connection.execute(
        "SELECT zavora_first_id_of(%s::timestamptz), zavora_first_id_of(now())", (first_month,)
    ).fetchone()
    if row is None:
        raise AssertionError("no row")
    low, step = row[0], (row[1] - row[0]) // trades
    for first in range(0, trades, CHUNK):
        last = min(first + CHUNK, trades) - 1
        connection.execute(_FILL, {"low": low, "step": step, "first": first, "last": last})
    connection.execute("VACUUM (ANALYZE) matching_trade")
    connection.execute("CHECKPOINT")
    return low, step


def _refusals(exchange: Exchange) -> int:
    """Ask each partition of the ledger's entries for what it must refuse; return how often."""
    refused = 0
    with psycopg.connect(exchange.database_url, autocommit=True) as connection:
        parts = connection.execute(
            "SELECT name, high - 1 FROM zavora_partitions('accounts_ledgerentry')"
        ).fetchall()
        for name, id_ in parts:
            for statement in _REFUSED:
                try:
                    connection.execute(statement.format(name=name, id=id_))
                except (psycopg.errors.RestrictViolation, psycopg.errors.CheckViolation):
                    refused += 1
                else:
                    raise AssertionError(f"{name} took {statement}")
    return refused


def _moves(side: Side, folder: Path) -> dict[str, float]:
    """Let a month leave and come back beside a paced load; return the longest waits in ms."""
    name = side.place.call("oldest", "matching_trade")
    longest = {"quiet": _longest(side, lambda: time.sleep(3.0))}
    for act in ("detach", "archive", "attach", "detach", "drop", "restore", "attach"):
        found = _longest(side, partial(side.place.call, act, name, str(folder)))
        longest[act] = max(longest.get(act, 0.0), found)
    return longest


def _longest(side: Side, act: Any) -> float:
    """Return the longest wait for an answer while something is done, in milliseconds."""
    waits: list[float] = []
    side.load.call("prepare", PACED_PER_S)
    side.load.start("latencies_s", PACED_PER_S)
    time.sleep(0.3)
    act()
    waits += side.load.result()
    return Latencies(waits).as_ms()["max_ms"]


def _ratio(months: list[float], whole: list[float]) -> float:
    return statistics.median(months) / statistics.median(whole)


def measure(options: argparse.Namespace, folder: Path) -> list[str]:
    """Measure all; return what was missed."""
    environment = RAISED_LIMITS | {
        "DEBUG": "0",
        "ZAVORA_FAUCET": "0",
        "SECRET_KEY": secrets.token_urlsafe(32),
    }
    homes = {name: folder / name for name in ("months", "whole")}
    archive = folder / "archive"
    archive.mkdir()
    with (
        Exchange(homes["months"], processes=("worker-0",), extra_env=environment) as first,
        Exchange(homes["whole"], processes=("worker-0",), extra_env=environment) as second,
    ):
        months, whole = sides = Side("months", first), Side("whole", second)
        with psycopg.connect(first.database_url) as connection:
            ((first_month,),) = connection.execute(_FIRST_MONTH).fetchall()
        for side in sides:
            began = time.monotonic()
            side.open(first_month, options.trades)
            print(f"{side.name}: {options.trades} trades in {time.monotonic() - began:.0f} s")
        for round_ in range(options.rounds):
            for side in sides if round_ % 2 == 0 else sides[::-1]:
                side.saturate(options.seconds)
                side.reads.append(side.place.call("read", side.step, options.trades, READS_COUNT))
        refused = _refusals(first)
        longest = _moves(months, archive)
        for side in sides:
            side.close()
    return _told(months, whole, refused, longest, is_strict=not options.lenient)


def _told(
    months: Side, whole: Side, refused: int, longest: dict[str, float], *, is_strict: bool
) -> list[str]:
    missed = []
    ratio = _ratio(months.rates, whole.rates)
    print(f"commands/s: months {months.rates}, whole {whole.rates}: ratio {ratio:.3f}")
    if ratio < RATE_MIN:
        missed.append(f"durable rate {ratio:.2f} of whole tables, not {RATE_MIN}")
    for what in READS:
        times = [[reads[what] for reads in side.reads] for side in (months, whole)]
        ratio = _ratio(*times)
        print(f"{what} (median us): months {times[0]}, whole {times[1]}: ratio {ratio:.2f}")
        if ratio > READS_MAX:
            missed.append(f"{what} takes {ratio:.2f} of whole tables, not {READS_MAX}")
    print(f"refused straight in partitions: {refused}")
    print(f"longest wait in ms at {PACED_PER_S} commands/s: {longest}")
    missed += [
        f"{act} kept a command waiting for {ms} ms, not {PAUSE_MAX_MS}"
        for act, ms in longest.items()
        if ms > PAUSE_MAX_MS
    ]
    return missed if is_strict else []


def main() -> int:
    """Measure; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.partitions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--trades", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lenient", action="store_true", help="tell figures, require none")
    options = parser.parse_args()
    load_environment()
    home = Home(home_from_environment())
    home.prepare()
    folder = Path(tempfile.mkdtemp(prefix="partitions-", dir=home.path))
    try:
        missed = measure(options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for what in missed:
        print(f"Not as required: {what}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
