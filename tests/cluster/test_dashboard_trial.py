"""Each panel's query returns series from a running cluster: ``make dashboard-test``.

Clients trade, listen and are refused meanwhile, and what is done once a night or a week is done
once: the books are looked at, the journal is verified, a backup is taken and restored beside.
"""

import math
import os
import random
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from deploy.local.cluster import Cluster
from tests.cluster.asking import ask
from tests.cluster.clients import allow_transfers, load_on, target_of
from tests.cluster.trials import cluster_for_trial, say, seed_of, server_url, stretch, wait_for
from tests.cluster.whole import wait_until_whole
from tests.dashboards import Asked, asked
from zavora.runner.home import PROJECT_DIR

SEED: Final = seed_of("ZAVORA_FAULT_SEED")
SHOWN_WAIT_S: Final = 60.0
COMMAND_WAIT_S: Final = 300.0
# What celery does once an hour, asked of it now.
TASKS: Final = (
    "import zavora.celery; from matching.tasks import reconcile_books;"
    "from zavora.tasks import make_partitions;"
    "reconcile_books.delay(); make_partitions.delay()"
)


def shown(cluster: Cluster, query: Asked) -> str:
    """Return what is wrong with a query's answer, or nothing."""
    series = ask(cluster, query.expr)
    if not any(math.isfinite(float(one["value"][1])) for one in series):
        return f"{len(series)} series, none with a figure"
    unnamed = [name for name in query.labels if not any(name in one["metric"] for one in series)]
    return f"no label {', '.join(unnamed)}" if unnamed else ""


def keep(cluster: Cluster, folder: Path) -> None:
    """Do what is done by the clock or by cron, once, by the commands that do it."""
    settings = {
        **os.environ,
        **cluster.environment,
        "ZAVORA_BACKUP_DIR": str(folder),
        "ZAVORA_BACKUP_KEY": secrets.token_urlsafe(48),
        "ZAVORA_BACKUP_DATABASE_URL": server_url(cluster),
    }
    for words in (
        ("shell", "-c", TASKS),
        ("verify_journal",),
        ("backup", "--full"),
        ("restore_drill",),
    ):
        _manage(words, settings)
        say(f"manage.py {words[0]}")


def _manage(words: Sequence[str], settings: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, str(PROJECT_DIR / "manage.py"), *words],
        env=settings,
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        timeout=COMMAND_WAIT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def empty_panels(cluster: Cluster) -> list[str]:
    """Return the panels that show nothing."""
    wrong = [(query, shown(cluster, query)) for query in asked()]
    return [f"{query.where}: {why}: {query.expr}" for query, why in wrong if why]


@pytest.mark.trial
@pytest.mark.timeout(1200)
def test_every_panel_shows_something(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with capsys.disabled(), cluster_for_trial() as cluster:
        say(f"dashboard trial: ZAVORA_FAULT_SEED={SEED}")
        wait_until_whole(cluster)
        allow_transfers(target_of(cluster))
        with load_on(cluster, random.Random(SEED), clients=8, sockets=3) as load:
            load.go_on()
            keep(cluster, tmp_path)
            last: list[str] = []

            def all_shown() -> bool:
                last[:] = empty_panels(cluster)
                return not last

            try:
                wait_for(all_shown, wait_s=SHOWN_WAIT_S * stretch(), what="every panel's series")
            except AssertionError:
                raise AssertionError("\n".join(last)) from None
            # The control: what is misspelt shows nothing.
            assert shown(cluster, Asked("", "zavora_comands_total", ())) != ""
            say(f"{len(asked())} queries of all panels return series")
            load.pause(timeout_s=120)
            assert load.shared.unexpected == []
