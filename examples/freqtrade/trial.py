"""Freqtrade trades live on an exchange of its own for some minutes; then the books are compared.

    make freqtrade-trial                    # or with TRIAL_ARGS='--trades 10 --minutes 15'

Starts Zavora with its demo traders in a temporary home on a free port, makes a key and 10,000 USDT
for the bot, lets an unmodified freqtrade trade until so many trades are closed, stops it cleanly,
and compares every order, fee and balance on freqtrade's record with Zavora's ledger. Ends with 0 if
all of it agrees to the last unit.
"""

import argparse
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import httpx

from examples.freqtrade.books import (
    Ledger,
    bot_orders,
    compare,
    compare_assets,
    exact,
    trade_counts,
)

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
DEPOSIT = "10000"
START_WAIT_S = 240
STOP_WAIT_S = 60
CLOSE_WAIT_S = 180
WALLET_WAIT_S = 30
POLL_S = 0.5


Process = subprocess.Popen[bytes]


class TrialFailed(Exception):
    """The trial could not be carried through; the message says why."""


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(
    condition: Callable[[], Any],
    *,
    timeout_s: float,
    what: str,
    processes: tuple[Process, ...] = (),
) -> Any:
    """Return the first true answer; fail after a time, or when one of the processes has ended."""
    deadline = time.monotonic() + timeout_s
    while not (answer := condition()):
        if ended := [process for process in processes if process.poll() is not None]:
            program = " ".join(map(str, cast(list[str], ended[0].args)[:3]))
            raise TrialFailed(f"{what}: {program} ended with {ended[0].returncode}")
        if time.monotonic() > deadline:
            raise TrialFailed(f"{what}: not within {timeout_s:.0f} s")
        time.sleep(POLL_S)
    return answer


@contextlib.contextmanager
def running(argv: list[str], *, env: dict[str, str], log: Path) -> Iterator[Process]:
    """Run a program with its output in a file; ask it to end at the end, and wait for that."""
    with log.open("wb") as output:
        process = subprocess.Popen(argv, env=env, cwd=PROJECT, stdout=output, stderr=output)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_WAIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def is_healthy(url: str) -> bool:
    """Return whether the exchange says that all of it works."""
    try:
        return bool(httpx.get(f"{url}/api/v1/health").json().get("status") == "healthy")
    except (httpx.TransportError, ValueError):
        return False


def manage(env: dict[str, str], *arguments: str) -> str:
    """Run a management command on the trial's exchange; return the last line that it printed."""
    argv = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(argv, env=env, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TrialFailed(f"manage.py {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip().splitlines()[-1]


class Bot:
    """A running freqtrade, asked over its own REST API."""

    def __init__(self, port: int, password: str) -> None:
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/v1", auth=("trial", password), timeout=30
        )

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def is_up(self) -> bool:
        """Return whether it answers."""
        try:
            return self._http.get("/ping").status_code == 200
        except httpx.TransportError:
            return False

    def enter_no_more(self) -> None:
        """Let it close what it has, and open nothing."""
        self._http.post("/stopentry").raise_for_status()

    def wallet(self) -> dict[str, Decimal]:
        """Return what it believes to own, by asset."""
        rows = self._http.get("/balance").raise_for_status().json()["currencies"]
        return {row["currency"]: exact(row["balance"]) for row in rows}


def bot_settings(url: str, keys: dict[str, str], *, port: int, password: str) -> dict[str, Any]:
    """Return what stands beside config.json: the addresses, the key, the bot's own REST API."""
    ws = url.replace("http", "ws", 1)
    return {
        "exchange": {
            "key": keys["key"],
            "secret": keys["secret"],
            "ccxt_config": {
                "urls": {
                    "api": {
                        "public": f"{url}/api/v3",
                        "private": f"{url}/api/v3",
                        "sapi": f"{url}/sapi/v1",
                        "ws": {"spot": f"{ws}/ws", "ws-api": {"spot": f"{ws}/ws-api/v3"}},
                    }
                }
            },
        },
        "api_server": {
            "enabled": True,
            "listen_ip_address": "127.0.0.1",
            "listen_port": port,
            "username": "trial",
            "password": password,
            "jwt_secret_key": secrets.token_hex(32),
            "ws_token": secrets.token_hex(16),
            "verbosity": "error",
        },
    }


def settled_wallet(bot: Bot, ledger: Ledger) -> dict[str, Decimal]:
    """Return what the bot believes to own once that agrees with Zavora, or what it says at last.

    It records a sale first, and asks for its balances after.
    """
    with contextlib.suppress(TrialFailed):
        wait_until(
            lambda: bot.wallet() == {a: total for a, total in ledger.balances().items() if total},
            timeout_s=WALLET_WAIT_S,
            what="the bot's balances",
        )
    return bot.wallet()


def trade(
    folder: Path,
    argv: list[str],
    bot: Bot,
    ledger: Ledger,
    *,
    exchange: Process,
    trades: int,
    minutes: float,
) -> dict[str, Decimal]:
    """Let the bot trade until enough trades are closed; return what it then believes to own."""
    database = folder / "trades.sqlite"
    with running(argv, env=dict(os.environ), log=folder / "freqtrade.log") as process:
        both = (exchange, process)
        wait_until(bot.is_up, timeout_s=START_WAIT_S, what="freqtrade", processes=both)
        say(f"freqtrade is up; waiting for {trades} closed trades")
        told = 0

        def enough() -> bool:
            nonlocal told
            closed, _ = trade_counts(database)
            if closed > told:
                told = closed
                say(f"  {closed} closed")
            return closed >= trades

        wait_until(enough, timeout_s=minutes * 60, what=f"{trades} trades", processes=both)
        bot.enter_no_more()
        wait_until(
            lambda: trade_counts(database)[1] == 0,
            timeout_s=CLOSE_WAIT_S,
            what="the last open trades",
            processes=both,
        )
        return settled_wallet(bot, ledger)


def compare_books(
    folder: Path, ledger: Ledger, start: dict[str, Decimal], wallet: dict[str, Decimal]
) -> bool:
    """Print both tables; return whether all of it agrees."""
    orders = bot_orders(folder / "trades.sqlite", folder / "own.log")
    lines, wrong_orders = compare(orders, ledger.orders())
    say("\n".join(("", *lines, "")))
    lines, wrong_assets = compare_assets(
        orders, ledger.movements(), start, ledger.balances(), wallet
    )
    say("\n".join((*lines, "")))
    closed, _ = trade_counts(folder / "trades.sqlite")
    say(
        f"{closed} trades, {len(orders)} orders, {sum(bool(o.filled) for o in orders)} of them"
        f" filled: {wrong_orders} orders and {wrong_assets} assets differ"
    )
    return closed > 0 and not wrong_orders and not wrong_assets


def run_trial(folder: Path, freqtrade: Path, *, trades: int, minutes: float) -> bool:
    """Carry out the whole trial in an empty folder; return whether the books agree."""
    port, password = free_port(), secrets.token_hex(16)
    url = f"http://127.0.0.1:{port}"
    env = {**os.environ, "ZAVORA_HOME": str(folder / "zavora"), "PORT": str(port)}
    say(f"Starting an exchange on {url}")
    exchange = [sys.executable, "-m", "zavora.run", "--end-with-parent"]
    with running(exchange, env=env, log=folder / "zavora.log") as process:
        wait_until(
            lambda: is_healthy(url),
            timeout_s=START_WAIT_S,
            what="the exchange",
            processes=(process,),
        )
        email = "freqtrade@example.com"
        keys = json.loads(manage(env, "create_api_key", "--email", email))
        manage(env, "deposit", "--email", email, "--asset", "USDT", "--amount", DEPOSIT)
        token = manage(env, "create_token", "--email", email, "--scopes", "read")
        ledger = Ledger(url, token, keys["account"])
        bot_port = free_port()
        settings = bot_settings(url, keys, port=bot_port, password=password)
        private = folder / "private.json"
        private.write_text(json.dumps(settings))
        argv = [str(freqtrade), "trade", "--config", str(HERE / "config.json")]
        argv += ["--config", str(private), "--userdir", str(folder / "user")]
        argv += ["--strategy", "EachCandle", "--strategy-path", str(HERE / "strategies")]
        argv += ["--db-url", f"sqlite:///{folder / 'trades.sqlite'}"]
        argv += ["--logfile", str(folder / "own.log")]
        (folder / "user").mkdir()
        bot = Bot(bot_port, password)
        try:
            start = ledger.balances()
            wallet = trade(
                folder, argv, bot, ledger, exchange=process, trades=trades, minutes=minutes
            )
            return compare_books(folder, ledger, start, wallet)
        finally:
            bot.close()
            ledger.close()


def main() -> int:
    """Run the trial; 0 if the books agree."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--freqtrade", type=Path, required=True, help="the program")
    parser.add_argument("--trades", type=int, default=8, help="closed trades to wait for")
    parser.add_argument("--minutes", type=float, default=12, help="how long to wait for them")
    parser.add_argument("--keep", type=Path, help="keep databases and logs in this new folder")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="zavora-freqtrade-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    try:
        agrees = run_trial(
            folder,
            arguments.freqtrade.absolute(),
            trades=arguments.trades,
            minutes=arguments.minutes,
        )
    except TrialFailed as error:
        for name in ("zavora.log", "freqtrade.log"):
            if (folder / name).exists():
                say(f"--- end of {name}\n" + (folder / name).read_text(errors="replace")[-3000:])
        say(f"The trial failed: {error}")
        return 1
    finally:
        if arguments.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    say("Freqtrade's record and Zavora's ledger agree." if agrees else "The books DIFFER.")
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
