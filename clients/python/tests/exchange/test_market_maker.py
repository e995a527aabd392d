"""The market maker lives through deaths of its exchange and ends flat; its books add up."""

import contextlib
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hosted import CHECKOUT, HostedExchange
from zavora import Client, Patience, ZavoraError

pytestmark = pytest.mark.exchange
PROGRAM = CHECKOUT / "clients/python/examples/market_maker.py"
SOURCE = CHECKOUT / "clients/python/src"
FEES = ("--maker-fee", "0.001", "--taker-fee", "0.002")
INVENTORY = Decimal("0.5")
WAIT_S = 30
PATIENT = Patience(attempts_max=30, timeout_s=5, in_all_s=60)


@pytest.mark.parametrize(
    ("seconds", "symbol"),
    [(4, "BTC/ETH"), pytest.param(60, "USDT/ETH", marks=pytest.mark.trial)],
)
def test_it_ends_flat_and_its_books_are_the_ledgers(
    exchange: HostedExchange, seconds: int, symbol: str, tmp_path: Path
) -> None:
    exchange.market(symbol, "--tick-size", "0.01", "--lot-size", "0.0001", *FEES)
    base, quote = symbol.split("/")
    with (
        _funded(exchange, base, quote) as others,
        _funded(exchange, base, quote) as maker,
        contextlib.ExitStack() as stack,
    ):
        # What it is flattened against, and what tells it the price.
        others.place_order(symbol, "buy", quantity="100", price="99")
        others.place_order(symbol, "sell", quantity="100", price="101")
        before = {row.asset: row.total for row in maker.balances()}
        process = stack.enter_context(_running(maker, symbol, seconds, tmp_path))
        stack.enter_context(_trading(others, symbol))
        _kill_now_and_then(exchange, maker, symbol, seconds)
        out, err = process.communicate(timeout=seconds + 120)
        assert process.returncode == 0, err
        report = json.loads(out.splitlines()[-1])
        sys.stderr.write(f"{seconds} s: {json.dumps(report)}\n{err}")
        _check(maker, report, before, base, quote)
        others.cancel_all(symbol)
    # The exchange's own sums are right, too: it ends with an error where they are not.
    assert exchange.do("manage", "reconcile") is not None


def _check(
    maker: Client, report: dict[str, Any], before: dict[str, Decimal], base: str, quote: str
) -> None:
    """Hold what it says against balances, fills and ledger."""
    assert report["fills"] > 0
    assert report["connections"] > 1, "nothing was killed"
    assert maker.orders(status="Open").all() == []
    after = {row.asset: row.total for row in maker.balances()}
    changes = {asset: total - before.get(asset, Decimal(0)) for asset, total in after.items()}
    # Flat: what is left of fees that are taken in the base asset is less than a lot.
    assert abs(changes[base]) < Decimal("0.0001")
    assert Decimal(report["position"]) == changes[base]
    assert Decimal(report["changes"][quote]) == changes[quote]
    ledger: dict[str, Decimal] = {}
    for entry in maker.ledger():
        if entry.kind in {"Trade", "Fee"}:
            ledger[entry.asset] = ledger.get(entry.asset, Decimal(0)) + entry.amount
    assert ledger == {base: changes[base], quote: changes[quote]}
    traded, fees = report["traded"], report["fees"]
    for asset, name in ((base, "base"), (quote, "quote")):
        assert Decimal(traded[name]) - Decimal(fees.get(asset, "0")) == ledger[asset]
    fills = maker.fills().all()
    assert len(fills) == report["fills"]
    held = Decimal(0)
    for fill in reversed(fills):
        held += fill.quantity if fill.side == "Buy" else -fill.quantity
        assert abs(held) <= INVENTORY * 2, "beyond its limit, fills that crossed included"


@contextlib.contextmanager
def _funded(exchange: HostedExchange, *assets: str) -> Iterator[Client]:
    with Client(exchange.url, exchange.token(), patience=PATIENT) as client:
        for asset in assets:
            client.deposit(asset, "100000")
        yield client


@contextlib.contextmanager
def _running(
    maker: Client, symbol: str, seconds: int, folder: Path
) -> Iterator[subprocess.Popen[str]]:
    credential: Any = maker.settings.credential
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), "--market", symbol, "--size", "0.2", "--inventory",
         str(INVENTORY), "--half-spread-bps", "20", "--seconds", str(seconds)],
        env={**os.environ, "PYTHONPATH": str(SOURCE), "ZAVORA_URL": maker.settings.base_url,
             "ZAVORA_TOKEN": credential.token, "XDG_CONFIG_HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@contextlib.contextmanager
def _trading(client: Client, symbol: str) -> Iterator[None]:
    """Take what is quoted, at random, until it is over."""
    is_over, source = threading.Event(), random.Random(7)

    def trade() -> None:
        while not is_over.wait(0.05):
            side, price = source.choice([("buy", "100.60"), ("sell", "99.40")])
            quantity = f"0.{source.randint(1, 9)}"
            with contextlib.suppress(ZavoraError):
                client.place_order(
                    symbol, side, quantity=quantity, price=price, time_in_force="IOC"
                )

    thread = threading.Thread(target=trade)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _kill_now_and_then(exchange: HostedExchange, maker: Client, symbol: str, seconds: int) -> None:
    """Kill a part, by turns, and start it again, evenly over the time; first it has to quote."""
    until = time.monotonic() + WAIT_S
    while not maker.orders(symbol, status="Open").take(1):
        assert time.monotonic() < until, "it does not quote"
    kills = max(2, seconds // 6)
    began, pace = time.monotonic(), threading.Event()
    for turn in range(kills):
        name = ("web", "worker-0")[turn % 2]
        exchange.do("kill", name)
        exchange.do("restart", name)
        exchange.do("wait_until_healthy")
        pace.wait(began + (turn + 1) * (seconds - 2) / kills - time.monotonic())
