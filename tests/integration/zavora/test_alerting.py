"""The rules on a real exchange and a real Prometheus: quiet while all is well, then in time."""

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.exchange import wait_until
from tests.measured import Measured, measured_exchange
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import HOST
from zavora.runner.home import PROJECT_DIR
from zavora.runner.processes import ProcessSpec

PROMETHEUS = shutil.which("prometheus")
TOLD_WITHIN_S = 15.0
QUIET_S = 12.0

pytestmark = pytest.mark.skipif(
    PROMETHEUS is None and not os.environ.get("CI"),
    reason="prometheus is not here (Debian: prometheus)",
)


class Watch:
    """A Prometheus that scrapes an exchange and evaluates the rules, as often as they ask for."""

    def __init__(self, measured: Measured) -> None:
        self._url = f"http://{HOST}:{free_port()}"
        folder = measured.exchange.home.path / "prometheus"
        folder.mkdir()
        jobs = [
            {"job_name": name, "static_configs": [{"targets": [f"{HOST}:{port}"]}]}
            for name, port in measured.ports.items()
        ]
        rules = str(PROJECT_DIR / "deploy/prometheus/rules/*.yml")
        often = {"scrape_interval": "2s", "evaluation_interval": "2s", "scrape_timeout": "2s"}
        # JSON is YAML, too.
        config = folder / "prometheus.json"
        config.write_text(
            json.dumps({"global": often, "rule_files": [rules], "scrape_configs": jobs})
        )
        measured.exchange.launch(
            ProcessSpec(
                name="prometheus",
                argv=(
                    str(PROMETHEUS),
                    f"--config.file={config}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address={self._url.removeprefix('http://')}",
                ),
                env=measured.exchange.env,
            )
        )

    def ask(self, path: str, **query: str) -> Any:
        """Return what it answers, None while it does not."""
        with contextlib.suppress(httpx.TransportError):
            answer = httpx.get(f"{self._url}/api/v1/{path}", params=query)
            if answer.status_code == 200:
                return answer.json()["data"]
        return None

    def firing(self) -> set[str]:
        """Return the alerts that fire now."""
        found = self.ask("alerts") or {"alerts": []}
        return {one["labels"]["alertname"] for one in found["alerts"] if one["state"] == "firing"}

    def ever_fired(self) -> set[str]:
        """Return the alerts that have fired since it began."""
        found = self.ask("query", query='max_over_time(ALERTS{alertstate="firing"}[10m])')
        return {one["metric"]["alertname"] for one in found["result"]}

    def is_up(self) -> bool:
        """Tell whether every process has been scraped."""
        found = self.ask("query", query="up")
        values = [one["value"][1] for one in found["result"]] if found else []
        return bool(values) and set(values) == {"1"}


@pytest.fixture
def measured() -> Iterator[Measured]:
    with measured_exchange() as running:
        running.start_standby()
        running.start_celery()
        yield running


def test_a_shard_without_workers_is_told_of_in_time_and_nothing_before(measured):
    watch = Watch(measured)
    wait_until(watch.is_up, timeout_s=30, what="a scrape of every process")
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > QUIET_S, timeout_s=60, what="a quiet while")
    # The owner is asked to go, as in an upgrade; the standby takes over.
    measured.exchange.kill("worker-0", 15)
    measured.exchange.wait_until_healthy()
    measured.exchange.restart("worker-0")
    standby = lambda: measured.value("web", "zavora_standby_workers") == 1  # noqa: E731
    wait_until(standby, timeout_s=20, what="a standby")
    assert watch.ever_fired() == set()

    measured.exchange.kill("worker-0-standby")
    measured.exchange.kill("worker-0")
    wait_until(
        lambda: "ShardWithoutWorker" in watch.firing(), timeout_s=TOLD_WITHIN_S, what="an alert"
    )

    measured.exchange.restart("worker-0")
    wait_until(
        lambda: "ShardWithoutWorker" not in watch.firing(), timeout_s=20, what="the alert's end"
    )
