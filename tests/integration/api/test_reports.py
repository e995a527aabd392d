"""Reports and proofs over HTTP: asked for, made by celery, downloaded in parts, checked by all."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import httpx
import psycopg
from celery import Celery
from django.conf import settings

from tests.exchange import Exchange, wait_until
from tests.integration.api.conftest import Client
from zavora.runner.exchange import celery_worker

SCRIPT = Path(__file__).resolve().parents[3] / "examples/verify_liabilities.py"
PERIOD = {"from": "2025-10-01T00:00:00Z", "to": "2025-11-01T00:00:00Z"}
PART = 300_000


def test_celery_makes_what_was_asked_for(exchange: Exchange) -> None:
    with Client(exchange, "reports@example.com", scopes="read") as person:
        account = person.data("GET", "/accounts")[0]["id"]
        path = f"/accounts/{account}/reports"
        asked = person.data("POST", path, json={"kind": "statement", **PERIOD})
        assert (asked["state"], asked["format"], asked["sha256"]) == ("Pending", "CSV", None)
        early = person.get(f"{path}/{asked['id']}/download")
        assert (early.status_code, early.json()["error"]["code"]) == (409, "conflict")

        # The worker alone, and beat's message: to wait for beat would take seconds.
        exchange.launch(celery_worker(exchange.env))
        task = settings.CELERY_BEAT_SCHEDULE["reports"]["task"]
        try:
            with Celery(broker=exchange.redis_url) as broker:
                broker.send_task(task)
            done = wait_until(
                lambda: (
                    report
                    if (report := person.data("GET", f"{path}/{asked['id']}"))["state"] == "Done"
                    else None
                ),
                timeout_s=60,
                what="the report",
            )
        finally:
            exchange.kill("celery")
        file = person.get(f"{path}/{asked['id']}/download")

        assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert file.headers["Content-Disposition"] == (
            'attachment; filename="statement-20251001-20251101.csv"'
        )
        assert hashlib.sha256(file.content).hexdigest() == done["sha256"]
        assert (len(file.content), done["progress"]) == (done["size"], 100)
        assert f"account,{account}" in file.text
        assert [report["id"] for report in person.data("GET", path)] == [asked["id"]]


def test_a_long_file_comes_whole_in_parts(exchange: Exchange) -> None:
    parts = [bytes([65 + number]) * PART for number in range(5)]
    with Client(exchange, "long-report@example.com", scopes="read") as person:
        account = person.data("GET", "/accounts")[0]["id"]
        path = f"/accounts/{account}/reports"
        asked = person.data("POST", path, json={"kind": "Trades", **PERIOD})
        with psycopg.connect(exchange.database_url, autocommit=True) as tables:
            tables.execute(
                "UPDATE accounts_report SET state = 'done', size = %s, digest = '' WHERE id = %s",
                [PART * len(parts), asked["id"]],
            )
            for number, body in enumerate(parts):
                tables.execute(
                    "INSERT INTO accounts_reportpart (report_id, number, body) VALUES (%s, %s, %s)",
                    [asked["id"], number, body],
                )
        whole = person.get(f"{path}/{asked['id']}/download")
        head = person.head(f"{path}/{asked['id']}/download")

    assert whole.content == b"".join(parts)
    assert whole.headers["Content-Length"] == head.headers["Content-Length"] == str(PART * 5)
    assert (head.status_code, head.content) == (200, b"")


def test_bad_requests_for_reports_are_named(alice: Client) -> None:
    account = alice.data("GET", "/accounts")[0]["id"]
    for body, fields in (
        ({}, {"kind", "from"}),
        ({"kind": "daily", **PERIOD}, {"kind"}),
        ({"kind": "trades", "format": "xls", **PERIOD}, {"format"}),
        ({"kind": "trades", "from": "yesterday"}, {"from"}),
        ({"kind": "trades", "from": PERIOD["to"], "to": PERIOD["from"]}, {"from"}),
        ({"kind": "trades", "from": PERIOD["from"], "to": "2999-01-01T00:00:00Z"}, {"from", "to"}),
        ({"kind": "trades", "color": "red", **PERIOD}, {"color"}),
    ):
        answer = alice.post(f"/accounts/{account}/reports", json=body)
        assert answer.status_code == 422, (body, answer.text)
        assert set(answer.json()["error"]["details"]) == fields


def test_an_owner_checks_the_published_liabilities(exchange: Exchange, tmp_path: Path) -> None:
    """As the documents say it: the command, the file, the script against the public address."""
    with Client(exchange, "proof@example.com") as person:
        account = person.new_account(EUR="12.34")
        said = exchange.manage("publish_liabilities")
        newest = httpx.get(f"{exchange.base_url}/api/v1/liabilities").json()["data"][0]
        file = person.get(f"/accounts/{account}/liabilities/{newest['id']}")
    (tmp_path / "proof.json").write_bytes(file.content)
    roots = f"{exchange.base_url}/api/v1/liabilities"
    done = subprocess.run(
        [sys.executable, "-I", "-S", SCRIPT, "proof.json", roots],
        cwd=tmp_path, capture_output=True, text=True, env={}, check=False,
    )  # fmt: skip

    assert f"snapshot {newest['id']} is published" in said
    assert file.headers["Content-Disposition"].startswith("attachment; filename=")
    assert (done.returncode, f"VERIFIED: account {account}" in done.stdout) == (0, True), done
    assert [proof["amount"] for proof in json.loads(file.content)["proofs"]] == ["12.34000000"]
    page = httpx.get(f"{exchange.base_url}/liabilities")
    assert all(tree["root"] in page.text for tree in newest["trees"])
