"""What a real exchange reports of failures, and what of people and money is not in it."""

import signal
import time
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from celery import Celery

from tests.exchange import Exchange
from tests.failure_stub import Reports, reporting
from tests.integration.api.conftest import Client, order
from zavora import __version__

BAD_PRICE = "66.25"
# Planted where a library that looks around by itself would find them.
PLANTED = {
    "header": "planted-header-4711",
    "cookie": "planted-cookie-4712",
    "path": "471347134713",
    "body": "planted-body-4714",
    "task": "planted-task-4715",
}


@pytest.fixture(scope="module")
def reports() -> Iterator[Reports]:
    with reporting() as running:
        yield running


@pytest.fixture(scope="module")
def exchange(reports: Reports) -> Iterator[Exchange]:
    """An exchange where one price cannot be stored, and where failures are reported."""
    with Exchange(demo=True, celery=True, extra_env={"SENTRY_DSN": reports.dsn}) as running:
        with psycopg.connect(running.database_url, autocommit=True) as connection:
            connection.execute(
                "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                f" IF NEW.price = {BAD_PRICE} THEN RAISE EXCEPTION 'no: %', NEW.client_order_id"
                " USING ERRCODE = '22023'; END IF; RETURN NEW; END $$"
            )
            connection.execute(
                "CREATE TRIGGER fail BEFORE INSERT ON matching_order FOR EACH ROW"
                " EXECUTE FUNCTION fail()"
            )
        yield running


def test_failures_are_reported_by_place_and_by_nothing_of_anybodys(exchange, reports):
    email = f"planted.{uuid4().hex}@example.com"
    with Client(exchange, email) as client:
        account = client.new_account(EUR="1234.5678", BTC="10")
        sent = {"client_order_id": PLANTED["body"]}
        failed = client.post("/orders", json=order(account, "sell", BAD_PRICE, "0.875", **sent))
        assert failed.status_code == 500, failed.text
        request_id = failed.headers["x-request-id"]
        void = reports.wait_for("command_void", role="worker")

        with psycopg.connect(exchange.database_url, autocommit=True) as connection:
            connection.execute("ALTER TABLE matching_order RENAME TO hidden_order")
        planted = {"X-Planted": PLANTED["header"], "Cookie": f"sessionid={PLANTED['cookie']}"}
        broken = client.get(f"/orders/{PLANTED['path']}", headers=planted)
        assert broken.status_code == 500, broken.text
        web = reports.wait_for("request_failed", role="web")
        Celery(broker=exchange.redis_url).send_task("accounts.purge", args=[PLANTED["task"]])
        task = reports.wait_for("error_logged", role="celery")
        secrets = [email, client.token, account, "1234.5678", BAD_PRICE, "0.875"]

    assert void["tags"] == {"role": "worker", "shard": "0", "request_id": request_id}
    assert web["tags"]["request_id"] == broken.headers["x-request-id"]
    (cause,) = void["exception"]["values"]
    assert (cause["type"], cause["value"]) == ("InvalidParameterValue", "")
    places = [(f["module"], f["function"]) for f in cause["stacktrace"]["frames"]]
    assert ("matching.worker.settlement", "write") in places
    assert web["exception"]["values"][-1]["type"] == "ProgrammingError"
    assert task["exception"]["values"][-1]["type"] == "TypeError"
    assert {event["release"] for event in reports.events} == {f"zavora@{__version__}"}
    assert {event["server_name"] for event in reports.events} <= {"web", "worker", "celery"}
    for event in reports.events:
        assert not {"user", "request", "extra", "breadcrumbs", "contexts"} & set(event)
    # The address of the server itself is in its own headers, and nowhere else.
    text = reports.text.replace("Host: 127.0.0.1", "")
    for secret in [*secrets, *PLANTED.values(), "127.0.0.1", "vars", str(exchange.home)]:
        assert secret not in text, secret


def test_a_server_of_reports_that_hangs_holds_nobody_up(exchange, reports):
    reports.asked.clear()
    reports.hangs.set()
    with Client(exchange, f"{uuid4()}@example.com") as client:
        with psycopg.connect(exchange.database_url, autocommit=True) as connection:
            connection.execute("ALTER TABLE IF EXISTS hidden_order RENAME TO matching_order")
        account = client.new_account(EUR="1000", BTC="10")
        client.post("/orders", json=order(account, "sell", BAD_PRICE, "1"))
        assert reports.asked.wait(10)
        began = time.monotonic()
        for _ in range(5):
            failed = client.post("/orders", json=order(account, "sell", BAD_PRICE, "1"))
            assert failed.status_code in (409, 500)  # after three in a row the market is halted
        assert time.monotonic() - began < 5
    began = time.monotonic()
    exchange.kill("worker-0", signal.SIGTERM)
    assert time.monotonic() - began < 5
