"""What a real exchange tells of itself: each metric of the catalogue is there, and moves."""

import json
from collections.abc import Iterator
from uuid import uuid4

import httpx
import psycopg
import pytest
from websockets.sync.client import connect as connect_socket

from tests.exchange import wait_until
from tests.integration.api.conftest import Client, order
from tests.measured import Measured, measured_exchange
from zavora.foundation.metrics import BEAT, CATALOGUE, CELERY, MARKET_DATA, WEB, WORKER

KEY_LIMIT = 100
BAD_PRICE = "66"
PROCESS_OF = {
    WEB: "web",
    WORKER: "worker-0",
    MARKET_DATA: "marketdata",
    CELERY: "celery",
    BEAT: "beat",
}


@pytest.fixture(scope="module")
def measured() -> Iterator[Measured]:
    """An exchange where withdrawals wait, and where one price cannot be stored."""
    limits = {"ZAVORA_FAUCET": "0", "ZAVORA_RATE_LIMIT_KEY_PER_MINUTE": str(KEY_LIMIT)}
    with measured_exchange(**limits) as running:
        running.start_celery()
        with psycopg.connect(running.exchange.database_url, autocommit=True) as connection:
            connection.execute(
                "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                f" IF NEW.price = {BAD_PRICE} THEN RAISE EXCEPTION 'no' USING ERRCODE = '22023';"
                " END IF; RETURN NEW; END $$"
            )
            connection.execute(
                "CREATE TRIGGER fail BEFORE INSERT ON matching_order FOR EACH ROW"
                " EXECUTE FUNCTION fail()"
            )
        yield running


@pytest.fixture
def trader(measured: Measured) -> Iterator[Client]:
    """Somebody new, with a credential whose limit nobody has used."""
    with Client(measured.exchange, f"{uuid4()}@example.com") as client:
        yield client


def funded(measured: Measured, client: Client) -> str:
    """Return an account with money in it."""
    account = client.new_account()
    for asset in ("EUR", "BTC"):
        measured.exchange.manage(
            *("deposit", "--account", account, "--asset", asset, "--amount", "1000"),
        )
    return account


def test_orders_are_counted_from_the_request_to_the_trade(measured, trader):
    maker = funded(measured, trader)
    with Client(measured.exchange, f"{uuid4()}@example.com") as other:
        taker = funded(measured, other)
        trader.data("POST", "/orders", json=order(maker, "sell", "101", "2"))
        other.data("POST", "/orders", json=order(taker, "buy", "99", "1"))
        other.data("POST", "/orders", json=order(taker, "buy", "101", "1"))

    web, worker = measured.samples("web"), measured.value
    route = {"route": "/api/v1/orders", "method": "POST", "code": "200"}
    assert web["zavora_http_requests_total", frozenset(route.items())] >= 3
    duration = "zavora_http_request_duration_seconds_count"
    assert measured.value("web", duration, route="/api/v1/orders") >= 3
    assert measured.value("web", "zavora_order_ack_duration_seconds_count", api="v1") >= 3
    queued = {"shard": "0", "result": "queued"}
    assert measured.value("web", "zavora_commands_submitted_total", **queued) >= 3
    assert measured.value("web", "zavora_feed_delay_seconds_count") >= 3
    assert worker("worker-0", "zavora_commands_total", kind="place", outcome="applied") >= 3
    assert worker("worker-0", "zavora_batch_commands_sum", shard="0") >= 3
    for phase in ("read", "decide", "write", "commit", "tell"):
        name = "zavora_batch_phase_duration_seconds_count"
        assert worker("worker-0", name, phase=phase) >= 3
    assert worker("worker-0", "zavora_trades_total", market="BTC/EUR") == 1
    assert worker("worker-0", "zavora_open_orders", market="BTC/EUR") == 2
    assert worker("worker-0", "zavora_spread_ratio", market="BTC/EUR") == pytest.approx(0.02)
    assert worker("worker-0", "zavora_journal_sequence") >= 3
    trader.data("POST", "/orders/cancel-all", json={"account": maker})
    assert worker("worker-0", "zavora_open_orders", market="BTC/EUR") == 1


def test_sockets_are_counted_while_they_are_open_and_by_why_they_ended(measured):
    url = f"{measured.exchange.ws_url}/ws"
    with connect_socket(url) as socket:
        socket.send(json.dumps({"type": "ping"}))
        socket.recv(timeout=5)
        assert measured.value("web", "zavora_websocket_connections", api="v1") == 1
    closed = ("zavora_websocket_closed_total", frozenset({("api", "v1"), ("reason", "gone")}))
    ended = lambda: measured.samples("web")[closed] == 1  # noqa: E731
    wait_until(ended, timeout_s=5, what="a socket that ended")
    assert measured.value("web", "zavora_websocket_connections", api="v1") == 0


def test_refusals_by_a_limit_are_counted_under_its_name(measured, trader):
    # Beyond the limit by what comes back meanwhile.
    answers = [trader.get("/orders/1").status_code for _ in range(2 * KEY_LIMIT)]
    assert answers[-1] == 429

    assert measured.value("web", "zavora_rate_limited_total", limit="key") >= 1


def test_the_loop_and_the_feed_are_watched(measured):
    assert measured.value("web", "zavora_event_loop_delay_seconds_count") > 0
    assert measured.value("web", "zavora_feed_resyncs_total", reason="connection") >= 1


def test_what_cannot_be_stored_is_counted_and_the_market_is_told_to_be_halted(measured, trader):
    account = funded(measured, trader)
    assert measured.value("worker-0", "zavora_commands_void_total", shard="0") == 0
    body = {**order(account, "buy", "66", "0.1"), "market": "BTC/USDT"}
    measured.exchange.manage("deposit", "--account", account, "--asset", "USDT", "--amount", "999")

    for _ in range(3):
        assert trader.post("/orders", json=body).status_code == 500

    assert measured.value("worker-0", "zavora_commands_void_total", shard="0") == 3
    assert measured.value("worker-0", "zavora_commands_total", outcome="void") == 3
    assert measured.value("worker-0", "zavora_markets_halted_total", shard="0") == 1
    halted = {"market": "BTC/USDT", "phase": "halted"}
    assert measured.value("worker-0", "zavora_market_phase", **halted) == 1


def test_what_is_kept_is_told_by_celery_whoever_found_it_out(measured, trader):
    exchange = measured.exchange
    account = funded(measured, trader)
    asked = {"asset": "EUR", "amount": "1", "address": "DE-1"}
    trader.data("POST", f"/accounts/{account}/withdraw", json=asked)
    exchange.manage("verify_journal")
    exchange.manage(
        "shell",
        "-c",
        "from accounts.tasks import measure; from matching.tasks import reconcile_books;"
        "from zavora.foundation import kept_figures as kept, metrics as m;"
        "from zavora.tasks import make_partitions; measure(); reconcile_books(); make_partitions();"
        "kept.tell(m.BACKUP_AT, 1764441000); kept.tell(m.RESTORE_DRILL_AT, 1764441001)",
    )

    def told(metric: str, **labels: str) -> float:
        return measured.value("celery", metric, **labels)

    assert told("zavora_withdrawals_pending") == 1
    assert told("zavora_reconcile_success_timestamp_seconds") > 1_764_441_000
    assert ("zavora_reconcile_breaks", frozenset()) in measured.samples("celery")
    assert told("zavora_held_amount", asset="EUR") >= 1
    assert told("zavora_journal_verified_sequence", shard="0") > 0
    assert told("zavora_partitions_ahead", table="matching_trade") >= 3
    assert told("zavora_partitions_ahead", table="matching_event") >= 3
    assert told("zavora_backup_success_timestamp_seconds") == 1_764_441_000
    assert told("zavora_restore_drill_success_timestamp_seconds") == 1_764_441_001


def test_an_order_of_which_nothing_is_known_in_time_is_counted(measured, trader):
    account = funded(measured, trader)
    measured.exchange.send("worker-0", 19)  # SIGSTOP: its sign of life lasts for a moment
    try:
        status = trader.post("/orders", json=order(account, "buy", "1", "1")).status_code
        assert status == 504
        assert measured.value("web", "zavora_commands_unresolved_total") == 1
        age = measured.value("marketdata", "zavora_queue_age_seconds", shard="0")
        assert age >= 4
        assert measured.value("web", "zavora_queue_age_seconds", shard="0") >= age
        assert measured.value("web", "zavora_queue_length", shard="0") == 1
        assert trader.post("/orders", json=order(account, "buy", "1", "1")).status_code == 503
        refused = {"shard": "0", "result": "no_worker"}
        assert measured.value("web", "zavora_commands_submitted_total", **refused) == 1
        assert measured.value("web", "zavora_live_workers", shard="0") == 0
    finally:
        measured.exchange.send("worker-0", 18)
        measured.exchange.wait_until_healthy()
    settled = lambda: measured.value("web", "zavora_queue_length", shard="0") == 0  # noqa: E731
    wait_until(settled, timeout_s=10, what="a queue that is settled")


def test_a_standby_says_nothing_of_the_shard_until_it_is_its_own(measured):
    measured.start_standby()
    wait_until(
        lambda: measured.value("web", "zavora_standby_workers", shard="0") == 1,
        timeout_s=20,
        what="a standby",
    )
    names = {name for name, _ in measured.samples("worker-0-standby")}
    assert not {"zavora_shard_epoch", "zavora_open_orders", "zavora_journal_sequence"} & names
    before = measured.value("worker-0", "zavora_shard_epoch")

    measured.exchange.kill("worker-0")

    def epoch() -> float:
        return measured.value("worker-0-standby", "zavora_shard_epoch", shard="0")

    wait_until(lambda: epoch() > before, timeout_s=20, what="another owner")
    assert epoch() == before + 1
    assert measured.value("worker-0-standby", "zavora_takeover_duration_seconds") > 0
    assert 0 < measured.value("worker-0-standby", "zavora_lease_remaining_seconds") <= 3
    # The other one first: nobody is left who could be taken for it.
    measured.exchange.kill("worker-0-standby")
    wait_until(
        lambda: measured.value("marketdata", "zavora_live_workers", shard="0") == 0,
        timeout_s=6,
        what="a shard without a worker",
    )
    assert measured.value("web", "zavora_standby_workers", shard="0") == 0
    measured.exchange.restart("worker-0")
    measured.exchange.wait_until_healthy()


def test_where_the_queue_is_away_nothing_old_is_told_of_it(measured):
    assert measured.value("web", "zavora_queue_up") == 1
    measured.exchange.kill("valkey")
    told = measured.samples("web")
    assert told["zavora_queue_up", frozenset()] == 0
    assert "zavora_queue_age_seconds" not in {name for name, _ in told}
    measured.exchange.restart("valkey")
    measured.exchange.wait_until_healthy()
    assert measured.value("web", "zavora_queue_up") == 1
    wait_until(
        lambda: measured.value("web", "zavora_part_up", part="marketdata") == 1,
        timeout_s=10,
        what="market data that shows life",
    )


def test_strangers_make_no_series(measured):
    base = measured.exchange.base_url
    paths = [f"/{uuid4()}", f"/api/v1/{uuid4()}", f"/api/v3/{uuid4()}", f"/api/v1/orders/{uuid4()}"]
    paths += [f"/api/v1/markets/AAA-{uuid4().hex[:4].upper()}", f"/static/{uuid4()}", "/admin/x/"]

    def ask() -> None:
        for path in paths:
            httpx.get(base + path)
            httpx.request("BREW", base + path)
            httpx.get(base + path, headers={"Host": f"{uuid4()}.example"})

    ask()
    before = set(measured.samples("web"))
    paths = [path[:-4] + uuid4().hex[:4] for path in paths[:4]]
    ask()
    assert set(measured.samples("web")) == before
    routes = {dict(labels).get("route") for _, labels in before}
    assert "/api/v1/orders/<order>" in routes
    assert not any("AAA" in str(route) for route in routes)


def test_every_process_tells_its_part_of_the_catalogue_and_nothing_else(measured):
    for role, process in PROCESS_OF.items():
        text = measured.text(process)
        told = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE zavora_")}
        assert told == {one.name for one in CATALOGUE.values() if role in one.roles}, role


@pytest.mark.parametrize("server", ["granian", "daphne"])
def test_each_web_server_tells_what_it_measured(server):
    with measured_exchange(server) as running:
        httpx.get(f"{running.exchange.base_url}/api/v1/markets")
        assert running.value("web", "zavora_http_requests_total", route="/api/v1/markets") == 1
        assert running.value("web", "zavora_live_workers", shard="0") == 1
