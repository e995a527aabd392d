"""What the chart and the overlays come to, and whether Kubernetes would take it."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from tests.deploy.tools import DEPLOY, output, run

Manifest = dict[str, Any]

CHART: Final = DEPLOY / "chart" / "zavora"
EXAMPLES: Final = DEPLOY / "chart" / "examples"
OVERLAYS: Final = DEPLOY / "kustomize" / "overlays"
# The oldest that the chart allows, and the newest whose schemas there are.
VERSIONS: Final = ("1.30", "1.37")
# Kinds of operators: no schema of them is in any package here.
FOREIGN_GROUPS: Final = (
    "postgresql.cnpg.io", "monitoring.coreos.com", "gateway.networking.k8s.io",
)  # fmt: skip


def chart(*values: Path, options: Sequence[str] = (), release: str = "zavora") -> list[Manifest]:
    """Return what the chart writes with these files of values."""
    files = [part for file in values for part in ("-f", str(file))]
    return load(output("helm", "template", release, str(CHART), *files, *options))


def overlay(name: str) -> list[Manifest]:
    """Return what an overlay writes."""
    return load(output("kubectl", "kustomize", str(OVERLAYS / name)))


def load(text: str) -> list[Manifest]:
    """Return the documents of a file that are not empty."""
    return [one for one in yaml.safe_load_all(text) if one]


def refusals(manifests: Iterable[Manifest], version: str) -> str:
    """Return what the strict validator of a version says against them; nothing where it agrees."""
    own = [one for one in manifests if not one["apiVersion"].startswith(FOREIGN_GROUPS)]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump_all(own, file)
        file.flush()
        done = run("kubernetes-validate", "--strict", "--quiet", "-k", version, file.name)
    return "" if done.returncode == 0 else f"{done.stdout}\n{done.stderr}"


def of_kind(manifests: Iterable[Manifest], *kinds: str) -> list[Manifest]:
    """Return those of some kinds."""
    return [one for one in manifests if one["kind"] in kinds]


def pod_of(manifest: Manifest) -> Manifest:
    """Return the template of pods of a Deployment, StatefulSet or Job."""
    found: Manifest = manifest["spec"]["template"]
    return found
