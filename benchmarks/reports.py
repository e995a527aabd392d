"""What large reports take: ``python -m benchmarks.reports``, on servers of its own.

A month of one account with 100,000 fills: its statement and its report of trades, each made by a
process of its own, with the peak of its memory; and the liabilities of 100,000 balances, published
and proved. The statement is compared with the ledger to the last unit.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import django
from django.core.management import call_command

from zavora.runner.embedded.servers import RunningServers
from zavora.runner.home import PROJECT_DIR, Home, owner_lock

# What another process does: it makes what is open, or publishes, and says what that took.
MEASURE: Final = """
import json, re, sys, time
from pathlib import Path
import django
django.setup()
from tests.actors import SYSTEM
from accounts.services import publish_liabilities
from zavora.reports.making import make_reports
def peak_mb():
    # Not of getrusage, which knows what the process was before it began to run this.
    return int(re.search("VmHWM:\\s*([0-9]+)", Path("/proc/self/status").read_text())[1]) // 1024
before, began = peak_mb(), time.perf_counter()
{"reports": make_reports, "liabilities": lambda: publish_liabilities(by=SYSTEM)}[sys.argv[1]]()
print(json.dumps({"seconds": round(time.perf_counter() - began, 1), "mb_before": before,
                  "mb_peak": peak_mb()}))
"""
# Balances of accounts of one owner, beside any ledger: what a snapshot reads.
BALANCES: Final = """
WITH made AS (
    INSERT INTO accounts_account (public_id, owner_id, kind, label, status, is_demo, created_at,
        updated_at)
    SELECT gen_random_uuid(), %s, 'customer', '', 'active', false, now(), now()
    FROM generate_series(1, %s) RETURNING id
)
INSERT INTO accounts_balance (account_id, asset_id, available, locked, version, updated_at)
SELECT made.id, %s, made.id, 0.5, 1, now() FROM made
"""


@contextmanager
def own_servers() -> Iterator[None]:
    """Start PostgreSQL and Valkey in a temporary home, and set Django up on them."""
    home = Home(Path(tempfile.mkdtemp(prefix="zavora-reports-")))
    os.environ["ZAVORA_HOME"] = str(home.path)
    os.environ["DJANGO_SETTINGS_MODULE"] = "zavora.settings"
    home.prepare()
    servers = RunningServers(home)
    try:
        with owner_lock(home, wait_s=0):
            servers.start()
            os.environ["DATABASE_URL"] = servers.urls.owner_database_url
            os.environ["REDIS_URL"] = servers.urls.redis_url
            django.setup()
            call_command("migrate", verbosity=0)
            yield
    finally:
        servers.stop()
        shutil.rmtree(home.path, ignore_errors=True)


def measured(what: str) -> dict[str, Any]:
    """Return what another process says that it took."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, what],
        cwd=PROJECT_DIR,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def measure_reports(fills: int) -> dict[str, Any]:
    """Return what the reports of an account with so many fills in a month take."""
    from tests.integration.reports.past import BEGIN, ask, past_exchange, tables_of  # noqa: PLC0415

    figures: dict[str, Any] = {}
    began = time.perf_counter()
    with past_exchange() as past:
        past.now = BEGIN
        past.trade_at_random(fills, batch=1_000)
    figures["trading_s"] = round(time.perf_counter() - began, 1)
    for kind in ("statement", "trades"):
        report = ask(past.ann, kind=kind)
        figures[kind] = measured("reports")
        report.refresh_from_db()
        figures[kind] |= {"state": report.state, "mb_file": round(report.size / 2**20, 1)}
        if kind == "statement":
            figures[kind]["entries"] = len(tables_of(report)["Entries"])
            require_ledger(past.ann, tables_of(report))
    return figures


def require_ledger(account: Any, tables: dict[str, list[dict[str, str]]]) -> None:
    """Hold a statement's closing balances against the ledger's last entries."""
    from decimal import Decimal  # noqa: PLC0415

    from accounts.models import LedgerEntry  # noqa: PLC0415

    for row in tables["Balances"]:
        entries = LedgerEntry.objects.filter(account=account, asset__code=row["asset"])
        last = entries.order_by("-pk").first()
        if last is None or last.balance_after != Decimal(row["closing"]):
            raise AssertionError(f"{row} is not what the ledger says: {last}")


def measure_liabilities(balances: int) -> dict[str, Any]:
    """Return what it takes to publish so many balances, and to prove one of them."""
    from django.db import connection  # noqa: PLC0415

    from accounts.liabilities.selectors import get_proofs  # noqa: PLC0415
    from accounts.models import Account, LiabilitySnapshot  # noqa: PLC0415
    from accounts.services import create_asset, ensure_user  # noqa: PLC0415
    from tests.actors import SYSTEM  # noqa: PLC0415

    owner = ensure_user(by=SYSTEM, email="many@example.com")
    asset = create_asset(by=SYSTEM, code="EUR", name="Euro", scale=8)
    with connection.cursor() as cursor:
        cursor.execute(BALANCES, [owner.pk, balances, asset.pk])
    figures = measured("liabilities")
    snapshot = LiabilitySnapshot.objects.order_by("-pk").first()
    account = Account.objects.filter(owner=owner).order_by("-pk").first()
    if snapshot is None or account is None:
        raise AssertionError("nothing was published")
    began = time.perf_counter()
    get_proofs(account.public_id, snapshot.pk)
    return figures | {"proof_ms": round((time.perf_counter() - began) * 1_000, 1)}


def main() -> None:
    """Measure and print."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--fills", type=int, default=100_000)
    parser.add_argument("--balances", type=int, default=100_000)
    chosen = parser.parse_args()
    with own_servers():
        figures = measure_reports(chosen.fills)
        print(json.dumps(figures, indent=1), flush=True)
        print(json.dumps(measure_liabilities(chosen.balances), indent=1))


if __name__ == "__main__":
    main()
