"""What the dashboards ask, read from the JSON that Grafana imports, as Prometheus is asked it."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from tests.rules.source import ROOT

FOLDER: Final = ROOT / "deploy" / "grafana"
FILES: Final = sorted(FOLDER.glob("*.json"))
# What Grafana would make of a rate over the last hour, where everybody is asked each second or two.
RATE_INTERVAL: Final = "1m"
_LEGEND: Final = re.compile(r"\{\{(\w+)\}\}")


class Asked(NamedTuple):
    """One query of a panel, variables filled in, and which labels its legend shows."""

    where: str
    expr: str
    labels: tuple[str, ...]


def dashboards() -> dict[str, dict[str, Any]]:
    """Return each committed dashboard by its file's name."""
    return {path.stem: json.loads(path.read_text()) for path in FILES}


def variables_of(dashboard: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return its variables by name."""
    return {one["name"]: one for one in dashboard["templating"]["list"]}


def panels_of(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield its panels, rows aside."""
    yield from (panel for panel in dashboard["panels"] if panel["type"] != "row")


def fill(expr: str, dashboard: dict[str, Any]) -> str:
    """Return a query with "all" chosen in each variable."""
    filled = expr.replace("$__rate_interval", RATE_INTERVAL)
    for name, variable in variables_of(dashboard).items():
        if variable["type"] == "query":
            filled = filled.replace(f"${name}", variable["allValue"])
    return filled


def asked() -> list[Asked]:
    """Return every query of every panel."""
    return [
        Asked(
            f"{name}: {panel['title']} {target['refId']}",
            fill(target["expr"], dashboard),
            tuple(_LEGEND.findall(target["legendFormat"])),
        )
        for name, dashboard in dashboards().items()
        for panel in panels_of(dashboard)
        for target in panel["targets"]
    ]
