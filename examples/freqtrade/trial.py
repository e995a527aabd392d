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
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from examples.exchange import (
    START_WAIT_S,
    Process,
    TrialFailed,
    exchange_in,
    free_port,
    manage,
    running,
    say,
    say_ends_of,
    wait_until,
)
from examples.freqtrade.books import (
    Ledger,
    bot_orders,
    compare,
    compare_assets,
    exact,
    trade_counts,
)

HERE = Path(__file__).resolve().parent
DEPOSIT = "10000"
CLOSE_WAIT_S = 180
WALLET_WAIT_S = 30


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
    password = secrets.token_hex(16)
    with exchange_in(folder) as (url, env, process):
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
        say_ends_of(folder, "zavora.log", "freqtrade.log")
        say(f"The trial failed: {error}")
        return 1
    finally:
        if arguments.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    say("Freqtrade's record and Zavora's ledger agree." if agrees else "The books DIFFER.")
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
