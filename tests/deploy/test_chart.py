"""Chart and overlays: Kubernetes would take them, and nothing in them has more than it needs."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.deploy.manifests import (
    CHART,
    EXAMPLES,
    VERSIONS,
    Manifest,
    chart,
    load,
    of_kind,
    overlay,
    pod_of,
    refusals,
)
from tests.deploy.policy import findings
from tests.deploy.tools import DEPLOY, output, run
from zavora.runner.exchange import CELERY_STOP_GRACE_S, WEB_STOP_GRACE_S

pytestmark = pytest.mark.usefixtures("tools")

VALUES = ("small", "production", "gateway")
RULES = """
groups:
  - name: exchange
    rules:
      - {alert: ShardDoesNotCommit, expr: "zavora_queue_age_seconds > 5", for: 5s}
"""


@pytest.fixture(scope="module")
def rendered(tools: Path) -> dict[str, list[Manifest]]:
    """Everything that we ship, by what it is made of."""
    return {
        "defaults": chart(),
        **{name: chart(EXAMPLES / f"values-{name}.yaml", release="venue") for name in VALUES},
        **{f"overlay {name}": overlay(name) for name in ("small", "production")},
        "valkey.yaml": load((EXAMPLES / "valkey.yaml").read_text()),
    }


@pytest.mark.parametrize("values", [None, *VALUES])
def test_the_chart_is_without_fault(values: str | None) -> None:
    files = ("-f", str(EXAMPLES / f"values-{values}.yaml")) if values else ()

    assert "0 chart(s) failed" in output("helm", "lint", "--strict", str(CHART), *files)


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_what_is_written(
    rendered: dict[str, list[Manifest]], version: str
) -> None:
    everything = [one for manifests in rendered.values() for one in manifests]

    assert refusals(everything, version) == ""


def _replicas(deployment: Manifest) -> None:
    deployment["spec"]["replicas"] = "three"


def _misspelt(deployment: Manifest) -> None:
    deployment["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}


def _selectorless(deployment: Manifest) -> None:
    del deployment["spec"]["selector"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("damage", [_replicas, _misspelt, _selectorless])
def test_the_validator_finds_what_is_wrong(
    rendered: dict[str, list[Manifest]], version: str, damage: Callable[[Manifest], None]
) -> None:
    broken = copy.deepcopy(of_kind(rendered["defaults"], "Deployment")[0])
    damage(broken)

    assert refusals([broken], version) != ""


def test_nothing_has_more_rights_than_it_needs(rendered: dict[str, list[Manifest]]) -> None:
    assert {name: found for name, one in rendered.items() if (found := findings(one))} == {}


DAMAGES = {
    "its root can be written": lambda pod, c: c["securityContext"].pop("readOnlyRootFilesystem"),
    "may run as root": lambda pod, c: pod["securityContext"].pop("runAsNonRoot"),
    "may gain rights": lambda pod, c: c["securityContext"].update(allowPrivilegeEscalation=True),
    "keeps capabilities": lambda pod, c: c["securityContext"].pop("capabilities"),
    "no limits": lambda pod, c: c["resources"].pop("limits"),
    "no livenessProbe": lambda pod, c: c.pop("livenessProbe"),
    "no readinessProbe": lambda pod, c: c.pop("readinessProbe"),
    "holds a token": lambda pod, c: pod.update(automountServiceAccountToken=True),
    "is written out": lambda pod, c: c["env"].append({"name": "DATABASE_URL", "value": "x"}),
    "no seccomp profile": lambda pod, c: pod["securityContext"].pop("seccompProfile"),
    "a folder of its node": lambda pod, c: pod["volumes"].append({"hostPath": {"path": "/"}}),
}


@pytest.mark.parametrize("finding", DAMAGES)
def test_too_many_rights_are_found(rendered: dict[str, list[Manifest]], finding: str) -> None:
    manifests = copy.deepcopy(rendered["defaults"])
    pod = pod_of(of_kind(manifests, "Deployment")[0])["spec"]
    DAMAGES[finding](pod, pod["containers"][0])

    assert any(finding in found for found in findings(manifests))


@pytest.mark.parametrize("kind", ["NetworkPolicy", "PodDisruptionBudget"])
def test_a_part_without_company_is_found(rendered: dict[str, list[Manifest]], kind: str) -> None:
    without = [one for one in rendered["defaults"] if one["kind"] != kind]

    assert any(kind in found for found in findings(without))


def test_each_shard_has_a_worker_and_a_standby_on_another_node(
    rendered: dict[str, list[Manifest]],
) -> None:
    deployments = {d["metadata"]["name"]: d for d in of_kind(rendered["production"], "Deployment")}

    for shard in range(8):
        worker = deployments[f"venue-zavora-worker-{shard}"]
        pod = pod_of(worker)["spec"]
        (container,) = pod["containers"]
        rule = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert worker["spec"]["replicas"] == 2
        assert rule[0]["topologyKey"] == "kubernetes.io/hostname"
        assert (
            rule[0]["labelSelector"]["matchLabels"].items()
            <= worker["spec"]["selector"]["matchLabels"].items()
        )
        assert {"name": "ZAVORA_SHARD", "value": str(shard)} in container["env"]
        probe = container["readinessProbe"]["exec"]["command"]
        assert probe[-4:] == ["worker", "--shard", str(shard), "--standby"]


def test_there_is_one_clock(rendered: dict[str, list[Manifest]]) -> None:
    for name in ("defaults", "production"):
        (beat,) = [
            one
            for one in of_kind(rendered[name], "Deployment")
            if "beat" in one["metadata"]["name"]
        ]
        assert (beat["spec"]["replicas"], beat["spec"]["strategy"]) == (1, {"type": "Recreate"})


def test_each_has_the_time_that_it_needs_to_end(rendered: dict[str, list[Manifest]]) -> None:
    grace = {
        pod["containers"][0]["name"]: pod["terminationGracePeriodSeconds"]
        for one in of_kind(rendered["defaults"], "Deployment")
        for pod in [pod_of(one)["spec"]]
    }

    (web,) = [
        o for o in of_kind(rendered["defaults"], "Deployment") if "-web" in o["metadata"]["name"]
    ]
    leaving_s = pod_of(web)["spec"]["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert grace["web"] > leaving_s + WEB_STOP_GRACE_S
    assert grace["celery"] > CELERY_STOP_GRACE_S


def test_only_the_migrations_come_as_owner(rendered: dict[str, list[Manifest]]) -> None:
    for manifests in rendered.values():
        for workload in of_kind(manifests, "Deployment", "StatefulSet"):
            assert "OWNER" not in json.dumps(workload)
        for job in of_kind(manifests, "Job"):
            names = [one["name"] for one in pod_of(job)["spec"]["containers"][0]["env"]]
            assert "ZAVORA_OWNER_DATABASE_URL" in names
            assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"


def test_no_secret_has_a_value_here(rendered: dict[str, list[Manifest]]) -> None:
    for manifests in rendered.values():
        assert of_kind(manifests, "Secret") == []


def test_by_default_nobody_speaks_with_anybody(rendered: dict[str, list[Manifest]]) -> None:
    policies = {
        one["metadata"]["name"]: one["spec"]
        for one in of_kind(rendered["defaults"], "NetworkPolicy")
    }

    deny = policies["zavora-default-deny"]
    assert (deny["policyTypes"], deny.get("ingress"), deny.get("egress")) == (
        ["Ingress", "Egress"], None, None,
    )  # fmt: skip
    ports = {port["port"] for rule in policies["zavora-all"]["egress"] for port in rule["ports"]}
    assert ports == {53, 5432, 6379}
    for policy in policies.values():
        for rule in [*policy.get("ingress", []), *policy.get("egress", [])]:
            assert rule.get("from") or rule.get("to"), "an empty peer is everybody"


def test_rules_are_taken_from_their_files(tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(RULES)

    manifests = chart(options=["--set-file", f"metrics.rules.exchange={file}"])

    (rule,) = of_kind(manifests, "PrometheusRule")
    assert rule["spec"] == yaml.safe_load(RULES)


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ("config.SECRET_KEY=x", "SECRET_KEY"),
        ("config.DEBUG=1", "DEBUG"),
        ("shards={a}", "/shards/0"),
        ("web.server=gunicorn", "/web/server"),
        ("web.replica=3", "replica"),
        ("image.digest=latest", "/image/digest"),
        ("worker.antiAffinity=never", "/worker/antiAffinity"),
    ],
)
def test_values_that_mean_nothing_are_refused(option: str, named: str) -> None:
    done = run("helm", "template", "zavora", str(CHART), "--set", option)

    assert done.returncode != 0
    assert named in done.stderr


def test_the_overlays_base_is_what_the_chart_writes(tools: Path) -> None:
    base = DEPLOY / "kustomize" / "base" / "zavora.yaml"
    values = DEPLOY / "kustomize" / "values.yaml"

    assert load(base.read_text()) == chart(values, options=["--namespace", "zavora"])


def test_the_overlays_change_what_they_say(rendered: dict[str, list[Manifest]]) -> None:
    production = rendered["overlay production"]
    images = {
        container["image"]
        for one in of_kind(production, "Deployment", "Job")
        for container in pod_of(one)["spec"]["containers"]
    }
    small = {d["metadata"]["name"]: d for d in of_kind(rendered["overlay small"], "Deployment")}

    assert images == {f"registry.example/zavora@sha256:{'0' * 64}"}
    assert {one["spec"]["replicas"] for one in small.values()} == {1}
    assert {one["metadata"]["namespace"] for one in production} == {"zavora"}


def test_the_database_waits_for_a_replica() -> None:
    (cluster,) = of_kind(load((EXAMPLES / "cloudnative-pg.yaml").read_text()), "Cluster")
    spec = cluster["spec"]

    assert spec["instances"] == 3
    assert spec["postgresql"]["synchronous"] == {
        "method": "any", "number": 1, "dataDurability": "required", "failoverQuorum": True,
    }  # fmt: skip
    assert {spec["bootstrap"]["initdb"]["owner"], spec["managed"]["roles"][0]["name"]} == {
        "zavora_owner", "zavora_run",
    }  # fmt: skip
