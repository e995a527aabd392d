"""Prometheus and Alertmanager on the edge, and who they call: a program that keeps what it got."""

import sys
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.local.hosts import EDGE, HOSTS
from deploy.local.missing import project_folder
from deploy.local.plan import ZAVORA, Plan, host_of
from zavora.runner.processes import ProcessSpec, Stage, write_private

SCRAPE_S: Final = 1
RETENTION: Final = "6h"
RETENTION_SIZE: Final = "512MB"
# The job whose targets may be away: processes of a version without such a listener.
ZAVORA_JOB: Final = "zavora"


def alerts_file(home: Path) -> Path:
    """Return where each alert that was sent is kept, a line of JSON each."""
    return home / EDGE / "receiver" / "alerts.jsonl"


def write_monitoring(plan: Plan) -> None:
    """Write what Prometheus and Alertmanager are told."""
    for part, content in (
        ("prometheus", prometheus_configuration(plan)),
        ("alertmanager", alertmanager_configuration(plan)),
    ):
        text = yaml.safe_dump(content, sort_keys=False)
        write_private(plan.folder(EDGE, part) / f"{part}.yml", text)


def prometheus_configuration(plan: Plan) -> dict[str, Any]:
    """Return whom to ask for figures, and the rules: all of ``deploy/prometheus/rules``."""

    def targets(endpoints: dict[str, str]) -> list[dict[str, Any]]:
        return [
            {
                "targets": [plan.address(endpoint)],
                "labels": {"host": host_of(endpoint), "process": process},
            }
            for process, endpoint in endpoints.items()
        ]

    jobs = {
        "etcd": {f"etcd-{host}": f"etcd-{host}" for host in HOSTS},
        "patroni": {f"patroni-{host}": f"patroni-{host}" for host in HOSTS},
        "haproxy": {f"haproxy-{host}": f"haproxy-{host}" for host in HOSTS},
        "prometheus": {"prometheus": "prometheus"},
        "alertmanager": {"alertmanager": "alertmanager"},
        ZAVORA_JOB: {name: f"metrics-{name}" for name in ZAVORA},
    }
    return {
        "global": {
            "scrape_interval": f"{SCRAPE_S}s",
            "scrape_timeout": f"{SCRAPE_S}s",
            "evaluation_interval": f"{SCRAPE_S}s",
        },
        "rule_files": [str(project_folder() / "deploy" / "prometheus" / "rules" / "*.yml")],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [plan.address("alertmanager")]}]}]
        },
        "scrape_configs": [
            {"job_name": job, "static_configs": targets(endpoints)}
            for job, endpoints in jobs.items()
        ],
    }


def alertmanager_configuration(plan: Plan) -> dict[str, Any]:
    """Return whom to call: everything goes to the one receiver, at once."""
    return {
        "route": {
            "receiver": "file",
            "group_by": ["alertname", "shard"],
            "group_wait": "1s",
            "group_interval": "5s",
            "repeat_interval": "1h",
        },
        "receivers": [
            {
                "name": "file",
                "webhook_configs": [
                    {"url": f"http://{plan.address('receiver')}/", "send_resolved": True}
                ],
            }
        ],
    }


def monitoring_specs(plan: Plan) -> list[ProcessSpec]:
    """Return how to run all three."""
    prometheus, alertmanager = plan.folder(EDGE, "prometheus"), plan.folder(EDGE, "alertmanager")
    plan.folder(EDGE, "receiver")
    return [
        plan.spec(
            "receiver",
            (
                *(sys.executable, "-m", "deploy.local.receiver"),
                *("--bind", plan.address("receiver"), str(alerts_file(plan.home.path))),
            ),
            folder=project_folder(),
            stage=Stage.GROUND,
        ),
        plan.spec(
            "alertmanager",
            (
                plan.programs.path("prometheus-alertmanager"),
                *("--config.file=alertmanager.yml", f"--storage.path={alertmanager / 'data'}"),
                f"--web.listen-address={plan.address('alertmanager')}",
                "--cluster.listen-address=",  # there is one: it talks to no other
            ),
            folder=alertmanager,
            stage=Stage.BACKGROUND,
        ),
        plan.spec(
            "prometheus",
            (
                plan.programs.path("prometheus"),
                *("--config.file=prometheus.yml", f"--storage.tsdb.path={prometheus / 'data'}"),
                f"--web.listen-address={plan.address('prometheus')}",
                f"--storage.tsdb.retention.time={RETENTION}",
                f"--storage.tsdb.retention.size={RETENTION_SIZE}",
            ),
            folder=prometheus,
            stage=Stage.BACKGROUND,
        ),
    ]
