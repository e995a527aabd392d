"""The examples run as they stand, each as a program of its own."""

import subprocess
import sys

import ccxt
import pytest

from tests.exchange import Exchange
from tests.integration.binance.clients.accounts import MARKET, SYMBOL, Keys
from zavora.runner.home import PROJECT_DIR


@pytest.mark.parametrize(
    ("example", "symbol"),
    [
        ("ccxt_example.py", MARKET),
        ("python_binance_example.py", SYMBOL),
        ("binance_sdk_example.py", SYMBOL),
    ],
)
def test_an_example_runs(
    example: str, symbol: str, exchange: Exchange, alice_keys: Keys, bob: ccxt.binance
) -> None:
    bob.create_order(MARKET, "limit", "sell", 1, 2000)
    bob.create_order(MARKET, "limit", "buy", 1, 1900)
    keys = ("--key", alice_keys.key, "--secret", alice_keys.secret)
    argv = [sys.executable, str(PROJECT_DIR / "examples" / example), *keys]
    argv += ["--url", exchange.base_url, "--symbol", symbol]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bought 0.01" in done.stdout
    assert "told by the stream: " in done.stdout
    assert "refused, as it should be" in done.stdout
    (bid,) = bob.fetch_order_book(MARKET)["bids"]  # nothing is left behind
    assert bid[:2] == [1900, 1]
