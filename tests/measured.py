"""An exchange whose processes tell what they measured, and a reader of what they tell."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.exchange import Exchange, wait_until
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import (
    HOST,
    celery_beat,
    celery_worker,
    marketdata,
    matching_worker,
    web,
)
from zavora.runner.processes import ProcessSpec

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Measured:
    """A running exchange and, by process, the address of its metrics."""

    def __init__(self, exchange: Exchange, server: str) -> None:
        self.exchange = exchange
        self.ports: dict[str, int] = {}
        for spec in (
            matching_worker(exchange.env, shard=0),
            marketdata(exchange.env),
            web(exchange.env, port=exchange.port, server=server),
        ):
            self.launch(spec)
        exchange.wait_until_healthy()

    def launch(self, spec: ProcessSpec) -> None:
        """Start a process that listens for whoever asks what it measured."""
        port = self.ports[spec.name] = free_port()
        self.exchange.launch(
            replace(spec, env={**spec.env, "ZAVORA_METRICS_BIND": f"{HOST}:{port}"})
        )

    def start_standby(self) -> None:
        """Start a second worker."""
        self.launch(matching_worker(self.exchange.env, shard=0, name="worker-0-standby"))

    def start_celery(self) -> None:
        """Start celery and its clock."""
        self.launch(celery_worker(self.exchange.env))
        self.launch(celery_beat(self.exchange.env, home=self.exchange.home))

    def text(self, name: str) -> str:
        """Return what a process tells."""

        def asked() -> str | None:
            with contextlib.suppress(httpx.TransportError):
                answer = httpx.get(f"http://{HOST}:{self.ports[name]}/metrics", timeout=5)
                assert answer.status_code == 200
                return answer.text
            return None

        found: str = wait_until(asked, timeout_s=20, what=f"metrics of {name}")
        return found

    def samples(self, name: str) -> Samples:
        """Return all that a process tells, by name and labels."""
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(self.text(name))
            for sample in family.samples
        }

    def value(self, name: str, metric: str, **labels: str) -> float:
        """Return the sum of the samples of a metric that have these labels; 0 without any."""
        wanted: Mapping[str, str] = labels
        return sum(
            value
            for (found, has), value in self.samples(name).items()
            if found == metric and wanted.items() <= dict(has).items()
        )


@contextlib.contextmanager
def measured_exchange(server: str = "uvicorn", **settings: str) -> Iterator[Measured]:
    """Give an exchange with the demo's markets, of which every process can be asked."""
    with Exchange(demo=True, processes=[], web_server=server, extra_env=settings) as exchange:
        yield Measured(exchange, server)
