"""The demo on a running exchange: markets, history, traders, and operators' work on markets."""

import json
import re
import signal
import stat
from decimal import Decimal

import httpx
import pytest

from tests.e2e.first_load import first_load
from tests.exchange import Exchange, wait_until

TRADED = {"BTC/USD", "ETH/USD", "ETH/BTC", "BTC/USDT", "ETH/USDT"}
TRADER, PASSWORD = "trader@zavora.example", "try-the-demo"
FIRST_LOAD_BYTES_MAX = 180_000
OPERATOR = {"username": "operator@zavora.example", "password": "try-the-demo"}


@pytest.fixture(scope="module")
def demo():
    """An exchange with the whole demo, its history included."""
    with Exchange(demo=True, demo_options=()) as running:
        yield running


def data(exchange, path, **params):
    answer = httpx.get(f"{exchange.base_url}/api/v1{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def markets(exchange):
    return {market["symbol"]: market for market in data(exchange, "/markets")}


def test_the_markets_are_those_of_the_demo(demo):
    found = markets(demo)
    assert set(found) == TRADED | {"BTC/EUR"}
    by_hand = found["BTC/EUR"]
    assert Decimal(by_hand["maker_fee"]) == Decimal(by_hand["taker_fee"]) == 0
    assert by_hand["max_price_deviation"] is None
    assert data(demo, "/markets/BTC-EUR/trades")["trades"] == []
    assert data(demo, "/markets/BTC-EUR/order-book")["bids"] == []


def test_two_days_of_history_add_up_and_replay(demo):
    for symbol in TRADED:
        path = f"/markets/{symbol.replace('/', '-')}"
        wait_until(
            lambda path=path: len(data(demo, f"{path}/candles", interval="1h")["candles"]) >= 48,
            timeout_s=90,
            what=f"candles of {symbol}",
        )
        assert data(demo, f"{path}/order-book")["bids"] == []  # nothing is left behind
        assert Decimal(data(demo, f"{path}/ticker")["volume_24h"]) > 0
    assert "everything adds up" in demo.manage("reconcile")


def test_the_first_load_of_the_trading_page_is_light(demo, chromium_path):
    loaded = first_load(chromium_path, demo.base_url, email=TRADER, password=PASSWORD)
    assert loaded.candles == 500  # with all that a market with a past brings along
    assert loaded.total <= FIRST_LOAD_BYTES_MAX, loaded.by_size()


def test_loading_again_changes_nothing(demo):
    before = {
        symbol: data(demo, f"/markets/{symbol.replace('/', '-')}/trades") for symbol in TRADED
    }
    lines = demo.manage("load_demo").splitlines()

    assert len(lines) == 2
    assert "trader@zavora.example / try-the-demo" in lines[0]
    for symbol, trades in before.items():
        assert data(demo, f"/markets/{symbol.replace('/', '-')}/trades") == trades
    assert len(markets(demo)) == 6
    assert "everything adds up" in demo.manage("reconcile")


def test_traders_tokens_are_for_their_owner_only(demo):
    path = demo.home.path / "secrets" / "demo_traders.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for token in json.loads(path.read_text()).values():
        answer = httpx.get(
            f"{demo.base_url}/api/v1/accounts", headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 200


def ladder(demo, symbol):
    book = data(demo, f"/markets/{symbol.replace('/', '-')}/order-book", depth=20)
    return len(book["bids"]), len(book["asks"])


def last_trade(demo):
    return max(
        int(data(demo, f"/markets/{symbol.replace('/', '-')}/trades", limit=1)["trades"][0]["id"])
        for symbol in TRADED
    )


def test_traders_quote_trade_survive_a_dead_worker_and_leave_a_clean_book(demo):
    demo.start_traders()
    for symbol in TRADED:
        wait_until(
            lambda symbol=symbol: min(ladder(demo, symbol)) >= 3,
            timeout_s=60,
            what=f"a ladder in {symbol}",
        )
    assert ladder(demo, "BTC/EUR") == (0, 0)
    before = last_trade(demo)
    wait_until(lambda: last_trade(demo) > before, timeout_s=60, what="a trade")

    # A market that refuses stops none of the others.
    demo.manage("halt_market", "BTC/USD")
    before, anew = last_trade(demo), demo.log("traders").count("trader_begins_anew")
    wait_until(
        lambda: "market_rests" in demo.log("traders"), timeout_s=30, what="a market that rests"
    )
    wait_until(lambda: last_trade(demo) > before + 2, timeout_s=60, what="trades in the others")
    assert demo.log("traders").count("trader_begins_anew") == anew
    demo.manage("halt_market", "BTC/USD", "--resume")

    demo.kill("worker-0")
    demo.restart("worker-0")
    before = last_trade(demo)
    wait_until(lambda: last_trade(demo) > before, timeout_s=60, what="a trade after the restart")
    assert demo.is_running("traders")

    demo.send("traders", signal.SIGTERM)
    demo.wait_for_exit("traders", timeout_s=15)
    for symbol in TRADED:
        wait_until(
            lambda symbol=symbol: ladder(demo, symbol) == (0, 0),
            timeout_s=15,
            what=f"an empty book in {symbol}",
        )
    assert "everything adds up" in demo.manage("reconcile")


# --- an operator's work on markets ----------------------------------------------------------------


@pytest.fixture
def admin(demo):
    with httpx.Client(base_url=demo.base_url, follow_redirects=True) as client:

        def post(path, **form):
            page = client.get(path)
            token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
            return client.post(path, data=form | {"csrfmiddlewaretoken": token})

        post("/admin/login/?next=/admin/", **OPERATOR)
        assert "Log out" in client.get("/admin/").text
        yield post


def test_an_operator_adds_changes_halts_and_resumes_a_market(demo, admin):
    rules = {
        "base": "ETH",
        "quote": "EUR",
        "tick_size": "0.01",
        "lot_size": "0.001",
        "min_notional": "1",
        "max_notional": "1000000",
        "max_price": "100000",
        "max_quantity": "1000",
        "maker_fee_ppm": "0",
        "taker_fee_ppm": "1000",
        "shard_id": "0",
        "phase": "continuous",
        "reason": "for the test",
    }
    assert "expected tick size" in admin("/admin/matching/market/add/", **rules | {
        "tick_size": "0.0000001"
    }).text  # fmt: skip
    assert "ETH/EUR" in admin("/admin/matching/market/add/", **rules).text
    wait_until(lambda: "ETH/EUR" in markets(demo), timeout_s=15, what="the new market")
    assert "exists already" in admin("/admin/matching/market/add/", **rules).text

    page = httpx.get(f"{demo.base_url}/api/v1/markets").json()["data"]
    assert [m["state"] for m in page if m["symbol"] == "ETH/EUR"] == ["Continuous"]
    market_id = _market_id(demo, "ETH/EUR")
    changed = admin(f"/admin/matching/market/{market_id}/change/", **rules | {"taker_fee_ppm": "7"})
    assert "changed taker_fee_ppm" in changed.text

    for action, state in (("halt", "Halted"), ("resume", "Continuous")):
        chosen = {"action": action, "_selected_action": str(market_id)}
        asked = admin("/admin/matching/market/", **chosen)
        assert 'name="reason"' in asked.text
        admin("/admin/matching/market/", **chosen, answered="yes", reason="for the test")
        wait_until(
            lambda state=state: markets(demo)["ETH/EUR"]["state"] == state,
            timeout_s=15,
            what=f"the market {state}",
        )
    assert Decimal(markets(demo)["ETH/EUR"]["taker_fee"]) == Decimal("0.000007")


def _market_id(demo, symbol):
    import psycopg

    with psycopg.connect(demo.database_url) as connection:
        row = connection.execute("SELECT id FROM matching_market WHERE symbol = %s", [symbol])
        return row.fetchone()[0]
