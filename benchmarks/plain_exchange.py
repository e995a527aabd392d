"""(d) The plain exchange: set up beside ours on the same PostgreSQL, served as fast as it goes."""

import http.client
import json
import signal
import subprocess
import sys
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import psycopg

from benchmarks.flow import MAKER_PPM, TAKER_PPM, FlowMarket
from benchmarks.http_load import HttpLoad, HttpSpec, HttpTrader
from benchmarks.remote import Remote
from tests.exchange import Exchange, NotInTime, wait_until
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import HOST
from zavora.runner.home import PROJECT_DIR
from zavora.runner.processes import ProcessSpec

DATABASE: Final = "baseline"
PATH: Final = "/api/v1/orders"
NAME: Final = "baseline"
# Processes and threads of the server. The best one counts.
CONFIGURATIONS: Final = ((1, 1), (2, 1), (2, 2), (3, 2), (4, 1))
CONNECTIONS: Final = 64
BOOK_ORDERS: Final = 400
RATE_MAX: Final = 1_500  # orders a second that are prepared for at most
START_WAIT_S: Final = 30.0


class PlainExchange:
    """The baseline on an exchange's PostgreSQL, with tables, markets and accounts of its own."""

    def __init__(
        self,
        exchange: Exchange,
        markets: list[FlowMarket],
        *,
        owners: int,
        accounts: int,
    ) -> None:
        self._exchange = exchange
        self._markets = markets
        with psycopg.connect(exchange.database_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
            connection.execute(f"CREATE DATABASE {DATABASE}")
        parts = urlsplit(exchange.database_url)
        url = urlunsplit(parts._replace(path=f"/{DATABASE}"))
        self.env = {
            **exchange.env,
            "BASELINE_DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "benchmarks.baseline.settings",
        }
        self.database_url = url
        self.traders = self._set_up(owners, accounts)
        self.port = free_port()

    def _set_up(self, owners: int, accounts: int) -> list[HttpTrader]:
        first = self._markets[0]
        what = {
            "markets": [[m.symbol, *m.symbol.split("/")] for m in self._markets],
            "owners": owners,
            "accounts": accounts,
            "funds": "1000000000",
            "tick_size": f"1e-{first.tick_decimals}",
            "lot_size": f"1e-{first.lot_decimals}",
            "maker_fee": f"{MAKER_PPM}e-6",
            "taker_fee": f"{TAKER_PPM}e-6",
        }
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.baseline.setup"],
            input=json.dumps(what),
            env=self.env,
            cwd=PROJECT_DIR,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return [HttpTrader(made["token"], made["accounts"]) for made in json.loads(done.stdout)]

    def serve(self, *, workers: int, threads: int) -> None:
        """(Re)start the server with so many processes and threads, and wait until it answers."""
        if NAME in self._exchange.names() and self._exchange.is_running(NAME):
            self.stop()
        self._exchange.launch(
            ProcessSpec(
                name=NAME,
                argv=(
                    *(sys.executable, "-m", "granian", "benchmarks.baseline.wsgi:application"),
                    *("--interface", "wsgi", "--host", HOST, "--port", str(self.port)),
                    *("--workers", str(workers), "--blocking-threads", str(threads)),
                    *("--no-access-log", "--log-level", "warning"),
                ),
                env=self.env,
                cwd=PROJECT_DIR,
            )
        )
        try:
            wait_until(self._answers, timeout_s=START_WAIT_S, what="the plain exchange")
        except NotInTime as error:
            raise NotInTime(f"{error}\n{self._exchange.log(NAME)}") from None

    def stop(self) -> None:
        """End the server."""
        self._exchange.kill(NAME, signal.SIGTERM)

    def spec(self, *, seed: int) -> HttpSpec:
        """Return where to send a flow."""
        return HttpSpec(HOST, self.port, PATH, self._markets, self.traders, seed)

    def _answers(self) -> bool:
        spec = self.spec(seed=0)
        connection = http.client.HTTPConnection(spec.host, spec.port, timeout=5)
        try:
            connection.request("GET", PATH)
            return connection.getresponse().status in (401, 403, 405)
        except OSError:
            return False
        finally:
            connection.close()


def measure(
    exchange: Exchange,
    markets: list[FlowMarket],
    *,
    owners: int,
    accounts: int,
    trial_s: float,
    seconds: float,
    runs: int,
) -> dict[str, Any]:
    """Return the best rate of the plain exchange: configurations tried, then the best repeated."""
    plain = PlainExchange(exchange, markets, owners=owners, accounts=accounts)
    with Remote(HttpLoad, plain.spec(seed=4)) as load:
        plain.serve(workers=2, threads=2)
        load.call("prepare", BOOK_ORDERS, True)
        load.call("run", CONNECTIONS, START_WAIT_S)
        trials = {}
        for workers, threads in CONFIGURATIONS:
            plain.serve(workers=workers, threads=threads)
            trials[workers, threads] = _run(load, trial_s)
        best = max(trials, key=lambda configuration: trials[configuration])
        plain.serve(workers=best[0], threads=best[1])
        rates = [_run(load, seconds) for _ in range(runs)]
        plain.stop()
    return {
        "baseline_orders_per_s": round(max(rates)),
        "baseline_runs_per_s": [round(rate) for rate in rates],
        "baseline_server": f"granian WSGI, {best[0]} processes x {best[1]} threads",
        "baseline_trials_per_s": {
            f"{workers}x{threads}": round(rate) for (workers, threads), rate in trials.items()
        },
        "baseline_trading_share": round(_trading_share(plain.database_url), 3),
    }


def _run(load: Remote[HttpLoad], seconds: float) -> float:
    load.call("prepare", int((seconds + 1) * RATE_MAX))
    result = load.call("run", CONNECTIONS, seconds, 1.0)
    if set(result["statuses"]) != {"200"}:
        raise AssertionError(f"the plain exchange refused orders: {result}")
    return float(result["orders_per_s"])


def _trading_share(database_url: str) -> float:
    """Return which share of the orders met the book when they came."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT (SELECT count(DISTINCT taker_id) FROM baseline_trade)::float8"
            " / count(*) FROM baseline_order"
        ).fetchone()
    return float(row[0]) if row else 0.0
