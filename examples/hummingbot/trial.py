"""Hummingbot's connector lives an order's life on an exchange of its own; then books are compared.

    make hummingbot-trial                   # or with TRIAL_ARGS='--keep /tmp/trial'

Starts Zavora in a temporary home on a free port, makes two keys with money and a market for them
alone, runs ``life.py`` with an unmodified hummingbot from PyPI, and compares every order, fee and
balance that its connectors recorded with Zavora's ledger. Ends with 0 if all of it agrees to the
last unit.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from examples.exchange import TrialFailed, exchange_in, manage, say, say_ends_of
from examples.freqtrade.books import BotOrder, Ledger, compare

HERE = Path(__file__).resolve().parent
# Nobody else trades in it: the demo has none between these.
PAIR = "EUR-USDT"
STEPS = (
    "--tick-size",
    "0.01",
    "--lot-size",
    "0.1",
    "--maker-fee",
    "0.0005",
    "--taker-fee",
    "0.001",
)
FUNDS = {"EUR": "1000", "USDT": "1000"}
LIFE_WAIT_S = 240


def new_key(env: dict[str, str], email: str) -> dict[str, str]:
    """Make a key for somebody new who has money; return key, secret and account."""
    made: dict[str, str] = json.loads(manage(env, "create_api_key", "--email", email))
    for asset, amount in FUNDS.items():
        manage(env, "deposit", "--email", email, "--asset", asset, "--amount", amount)
    return made


def live(folder: Path, python: Path, url: str, keys: list[dict[str, str]]) -> dict[str, Any]:
    """Run ``life.py``; return what its connectors recorded."""
    argv = [str(python), str(HERE / "life.py"), "--url", url, "--pair", PAIR]
    for option, made in zip(("--keys", "--other-keys"), keys, strict=True):
        argv += [option, made["key"], made["secret"]]
    log = folder / "hummingbot.log"
    with log.open("w") as errors:
        done = subprocess.run(
            argv,
            env={**os.environ, "HOME": str(folder)},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            check=False,
            timeout=LIFE_WAIT_S,
        )
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0:
        raise TrialFailed("life.py: " + "\n".join([*lines, log.read_text()[-2000:]]))
    for line in lines[:-1]:
        say(f"  {line}")
    recorded: dict[str, Any] = json.loads(lines[-1])
    return recorded


def differs(ledger: Ledger, recorded: dict[str, Any]) -> int:
    """Print what a connector recorded beside what Zavora booked; return how much of it differs."""
    orders = [
        BotOrder(
            trade=number,
            order_id=each["order_id"],
            pair=PAIR,
            side=each["side"],
            kind=each["kind"].removeprefix("limit_"),
            status=each["status"][:8],
            filled=Decimal(each["filled"]),
            cost=Decimal(each["cost"]),
            fee=Decimal(each["fee"]),
            fee_asset=each["fee_asset"],
        )
        for number, each in enumerate(recorded["orders"], start=1)
    ]
    lines, wrong = compare(orders, ledger.orders())
    owned = {asset: Decimal(text) for asset, text in recorded["balances"].items()}
    booked = {asset: total for asset, total in ledger.balances().items() if total}
    for asset in sorted(owned | booked):
        here, there = owned.get(asset, Decimal(0)), booked.get(asset, Decimal(0))
        verdict = "same" if here == there else "DIFFERS"
        wrong += here != there
        lines.append(f"{asset:5}  hummingbot {here:>16f}  Zavora {there:>16f}  {verdict}")
    say("\n".join((*lines, "")))
    return wrong


def run_trial(folder: Path, python: Path) -> bool:
    """Carry out the whole trial in an empty folder; return whether the books agree."""
    with exchange_in(folder) as (url, env, _):
        manage(env, "create_market", PAIR.replace("-", "/"), *STEPS)
        emails = ("maker@example.com", "taker@example.com")
        keys = [new_key(env, email) for email in emails]
        recorded = live(folder, python, url, keys)
        wrong = 0
        for name, email, made in zip(("maker", "taker"), emails, keys, strict=True):
            token = manage(env, "create_token", "--email", email, "--scopes", "read")
            ledger = Ledger(url, token, made["account"])
            try:
                say(f"\n{name}:")
                wrong += differs(ledger, recorded[name])
            finally:
                ledger.close()
        return not wrong


def main() -> int:
    """Run the trial; 0 if the books agree."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--python", type=Path, required=True, help="one that has hummingbot")
    parser.add_argument("--keep", type=Path, help="keep databases and logs in this new folder")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="zavora-hummingbot-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    try:
        agrees = run_trial(folder, arguments.python.absolute())
    except (TrialFailed, subprocess.TimeoutExpired) as error:
        say_ends_of(folder, "zavora.log", "hummingbot.log")
        say(f"The trial failed: {error}")
        return 1
    finally:
        if arguments.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    say("Hummingbot's record and Zavora's ledger agree." if agrees else "The books DIFFER.")
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
