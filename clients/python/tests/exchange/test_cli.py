"""The command line against a running exchange, as scripts and people call it."""

import contextlib
import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hosted import HostedExchange
from zavora import Client
from zavora.cli.main import outcome

pytestmark = pytest.mark.exchange
SOURCE = Path(__file__).resolve().parents[2] / "src"
WAIT_S = 30


class Shell:
    """Calls `zavora` in this process, as the shell would; by a profile of its own."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        code = outcome(list(arguments))
        said = self._capture.readouterr()
        return code, said.out, said.err

    def json(self, *arguments: str) -> Any:
        code, out, err = self(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)


@pytest.fixture
def shell(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    exchange: HostedExchange,
    bob: Client,
) -> Shell:
    """A shell in which Bob is logged in, with a folder of its own."""
    for name in [name for name in os.environ if name.startswith("ZAVORA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    secret = tmp_path / "token"
    credential: Any = bob.settings.credential
    secret.write_text(f"made for you\n{credential.token}\n")
    shell = Shell(capsys)
    code, out, err = shell("login", "--url", exchange.url, "--secret-file", str(secret))
    assert (code, err) == (0, "")
    assert credential.token not in out
    return shell


def test_a_session_of_it(
    shell: Shell, alice: Client, bob: Client, market: str, tmp_path: Path
) -> None:
    for _ in range(3):
        alice.place_order(market, "sell", quantity="1", price="1500")
        bob.place_order(market, "buy", quantity="1", price="1500")
    profiles = tmp_path / "zavora/profiles.json"
    assert profiles.stat().st_mode & 0o777 == 0o600
    assert market in shell("markets")[1]
    assert shell.json("markets", market)["symbol"] == market
    placed = shell.json("order", "buy", "eth-eur", "0.5", "--price", "1000", "--client-id", "cli-1")
    order = placed["order"]
    assert (order["price"], order["status"]) == ("1000.00", "New")
    again = shell.json("order", "buy", market, "0.5", "--price", "1000", "--client-id", "cli-1")
    assert again["order"]["id"] == order["id"]
    assert [row["id"] for row in shell.json("orders")] == [order["id"]]
    assert order["id"] in shell("orders", "-m", market)[1]
    book = shell.json("book", market, "--depth", "1")
    assert (book["bids"], book["asks"]) == ([["1000.00", "0.5000"]], [])
    assert "1000.00" in shell("book", market)[1]
    stop = shell.json("order", "stop", market, "sell", "1", "--at", "500")["order"]
    assert (stop["order_type"], stop["status"]) == ("Stop", "Pending")
    pair = shell.json("order", "oco", market, "sell", "1", "--price", "5000", "--stop", "400")
    assert pair["list"]["kind"] == "OCO"
    preview = shell.json("order", "sell", market, "0.1", "--preview")
    assert preview["accepted"]
    assert shell.json("order", "show", order["id"])["id"] == order["id"]
    cancelled = shell.json("cancel", "--all", "--market", market)
    assert len(cancelled) == 4
    assert shell.json("orders") == []
    assert shell("orders")[1].strip() == "None."
    assert shell.json("deposit", "eur", "1")["asset"] == "EUR"
    assert {row["asset"] for row in shell.json("balances")} >= {"EUR", "ETH"}
    assert len(shell.json("candles", market, "-i", "1d", "-n", "1")) <= 1
    assert shell.json("trades", market, "-n", "1")[0]["taker_side"] in {"buy", "sell"}
    assert shell.json("ticker", market)["market"] == market
    assert shell.json("keys")[0]["kind"] == "Bearer"
    assert shell.json("accounts")[0]["role"] == "Owner"
    assert shell.json("status")["status"] == "healthy"
    assert "asking as token" in shell("status")[1]
    fills = tmp_path / "fills.csv"
    assert shell("export", "fills", str(fills))[0] == 0
    assert fills.read_text().startswith("id,order_id,market,side,price")
    assert len(fills.read_text().splitlines()) == 1 + len(bob.fills().all())
    parquet = tmp_path / "trades.parquet"
    assert shell("export", "trades", str(parquet), "-m", market, "-n", "2")[0] == 0
    assert parquet.read_bytes()[:4] == b"PAR1"
    lines = shell("export", "trades", "-m", market, "-f", "jsonl", "-n", "3")[1].splitlines()
    assert [json.loads(line)["market"] for line in lines] == [market] * 3


def test_exit_codes_tell_scripts_what_happened(
    shell: Shell,
    exchange: HostedExchange,
    monkeypatch: pytest.MonkeyPatch,
    market: str,
    tmp_path: Path,
) -> None:
    code, out, err = shell("order", "buy", market, "1", "--price", "1.001", "--json")
    assert (code, out) == (3, "")
    assert json.loads(err)["error"]["details"] == {
        "price": "expected a multiple of the tick size 0.01"
    }
    assert shell("order", "buy", market, "1", "--price", "1.001")[2].startswith("price: expected")
    assert shell("order", "buy", market, "10000000", "--price", "1000")[0] == 3
    assert shell("--version")[1].startswith("zavora ")
    assert "Did you mean" in shell("ordr")[2]
    assert shell("order", "hold", market)[0] == 2
    assert shell("order", "stop", market, "sell", "1")[0] == 2
    assert shell("cancel")[0] == 2
    assert shell("export", "trades")[0] == 2
    assert shell("top", market)[0] == 2
    assert shell("-p", "nobody", "balances")[0] == 2
    assert shell("withdraw", "EUR", "1", "somewhere")[0] == 2
    assert shell("--url", "http://127.0.0.1:1", "--help")[0] == 0
    code, _, err = shell(
        "login", "other", "--url", "http://127.0.0.1:9", "--secret-file", "nowhere"
    )
    assert code in {1, 2}
    (tmp_path / "zavora/profiles.json").chmod(0o644)
    code, _, err = shell("balances")
    assert code == 2
    assert "chmod 600" in err
    (tmp_path / "zavora/profiles.json").chmod(0o600)
    monkeypatch.setenv("ZAVORA_TOKEN", "wrong")
    code, _, err = shell("balances")
    assert code == 4
    assert "zavora login" in err


def test_profiles_are_kept_chosen_and_forgotten(shell: Shell, exchange: HostedExchange) -> None:
    assert shell.json("profile", "show")["url"] == exchange.url
    (kept,) = shell.json("profile", "list")
    assert (kept["name"], kept["is_current"]) == ("default", True)
    assert shell("profile", "use", "nobody")[0] == 2
    assert shell("profile", "remove", "default")[0] == 0
    assert shell.json("profile", "list") == []


@contextlib.contextmanager
def terminal(arguments: list[str], environment: dict[str, str]) -> Iterator[tuple[int, Any]]:
    """Run `zavora` in a terminal of its own; give the terminal's other end, and the process."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "zavora.cli.main", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "PYTHONPATH": str(SOURCE), "TERM": "xterm", "COLUMNS": "100",
             "LINES": "30"},
    )  # fmt: skip
    os.close(theirs)
    try:
        yield ours, process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(ours)


def read_until(handle: int, *wanted: str) -> str:
    """Read a terminal until all of it was shown."""
    shown, until = "", time.monotonic() + WAIT_S
    while not all(word in shown for word in wanted):
        assert time.monotonic() < until, shown[-2000:]
        if select.select([handle], [], [], 0.1)[0]:
            try:
                shown += os.read(handle, 65536).decode(errors="replace")
            except OSError:
                break
    assert all(word in shown for word in wanted), shown[-2000:]
    return shown


def read_to_the_end(handle: int) -> str:
    """Read a terminal until nobody writes to it any more."""
    shown = ""
    with contextlib.suppress(OSError):
        while text := os.read(handle, 65536).decode(errors="replace"):
            shown += text
    return shown


def test_top_shows_the_market_and_quits(
    shell: Shell, alice: Client, bob: Client, market: str
) -> None:
    alice.place_order(market, "sell", quantity="1.2345", price="4321")
    mine = bob.place_order(market, "buy", quantity="0.7", price="777").order
    with terminal(["top", market], dict(os.environ)) as (handle, process):
        read_until(handle, market, "4321.00", "1.2345", "777.00", "your orders (1)", mine.id)
        bob.place_order(market, "buy", quantity="0.0345", price="4321")
        read_until(handle, "1.2000", "0.0345")
        os.write(handle, b"q")
        read_to_the_end(handle)
        assert process.wait(WAIT_S) == 0
    plain = ["--no-colour", "top", market, "--seconds", "1"]
    with terminal(plain, dict(os.environ)) as (handle, process):
        shown = read_to_the_end(handle)
        assert process.wait(WAIT_S) == 0
    assert "4321.00" in shown
    assert "\x1b[31m" not in shown


def test_watching_goes_on_line_by_line(
    shell: Shell, alice: Client, bob: Client, market: str
) -> None:
    commands = [["trades", market, "--watch"], ["book", market, "--watch"], ["ticker", "--watch"]]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "zavora.cli.main", *command, "--json"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
        )
        for command in commands
    ]
    try:
        for process in running[1:]:
            assert process.stdout is not None
            assert "market" in json.loads(process.stdout.readline())
        trades = running[0].stdout
        assert trades is not None
        alice.place_order(market, "sell", quantity="5", price="4000")
        until = time.monotonic() + WAIT_S
        # It begins with the next trade once it follows: one of these.
        while not select.select([trades], [], [], 0.05)[0]:
            assert time.monotonic() < until
            bob.place_order(market, "buy", quantity="0.01", price="4000")
        assert json.loads(trades.readline())["price"] == "4000.00"
    finally:
        for process in running:
            process.terminate()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
