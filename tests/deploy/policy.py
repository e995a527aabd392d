"""What every workload of ours has to have, as findings in words."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from tests.deploy.manifests import Manifest, of_kind, pod_of

WORKLOADS: Final = ("Deployment", "StatefulSet", "Job")
LONG_RUNNING: Final = ("Deployment", "StatefulSet")
SECRET_NAMES: Final = re.compile(r"PASSWORD|SECRET|SEALING|_URL$|TOKEN")


def findings(manifests: Iterable[Manifest]) -> list[str]:
    """Return everything that is missing, in no order."""
    all_of_them = list(manifests)
    found = []
    for workload in of_kind(all_of_them, *WORKLOADS):
        name = f"{workload['kind']} {workload['metadata']['name']}"
        found += [f"{name}: {text}" for text in _of_pod(pod_of(workload)["spec"])]
        for container in _containers(workload):
            is_long = workload["kind"] in LONG_RUNNING
            found += [
                f"{name}/{container['name']}: {text}" for text in _of_container(container, is_long)
            ]
        found += [f"{name}: {text}" for text in _of_company(workload, all_of_them)]
    return found


def _containers(workload: Manifest) -> list[Manifest]:
    pod = pod_of(workload)["spec"]
    return [*pod.get("initContainers", []), *pod["containers"]]


def _of_pod(pod: Manifest) -> Iterator[str]:
    context = pod.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
        yield "may run as root"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "no seccomp profile"
    if pod.get("automountServiceAccountToken") is not False:
        yield "holds a token of the cluster"
    if pod.get("enableServiceLinks") is not False:
        yield "gets variables of other services"
    if any(pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")):
        yield "shares a namespace with its node"
    if any("hostPath" in volume for volume in pod.get("volumes", [])):
        yield "has a folder of its node"
    if not pod.get("terminationGracePeriodSeconds"):
        yield "no time to end is given"


def _of_container(container: Manifest, is_long_running: bool) -> Iterator[str]:
    context = container.get("securityContext", {})
    if context.get("readOnlyRootFilesystem") is not True:
        yield "its root can be written"
    if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
        yield "may gain rights"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield "keeps capabilities"
    resources = container.get("resources", {})
    for bound in ("requests", "limits"):
        if set(resources.get(bound, {})) != {"cpu", "memory"}:
            yield f"no {bound} of cpu and memory"
    if is_long_running:
        for probe in ("readinessProbe", "livenessProbe"):
            if probe not in container:
                yield f"no {probe}"
    for variable in container.get("env", []):
        if "value" in variable and SECRET_NAMES.search(variable["name"]):
            yield f"{variable['name']} is written out"


def _of_company(workload: Manifest, manifests: list[Manifest]) -> Iterator[str]:
    labels = pod_of(workload)["metadata"]["labels"]
    policies = [
        one["spec"]
        for one in of_kind(manifests, "NetworkPolicy")
        if _selects(one["spec"]["podSelector"], labels)
    ]
    for direction in ("Ingress", "Egress"):
        if not any(direction in policy["policyTypes"] for policy in policies):
            yield f"no NetworkPolicy says anything about its {direction}"
    budgets = of_kind(manifests, "PodDisruptionBudget")
    if workload["kind"] in LONG_RUNNING and not any(
        _selects(one["spec"]["selector"], labels) for one in budgets
    ):
        yield "no PodDisruptionBudget"


def _selects(selector: Manifest, labels: Manifest) -> bool:
    return selector.get("matchLabels", {}).items() <= labels.items()
