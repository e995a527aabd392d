"""Dashboards are what their generator gives, ask what can be asked, and name what there is."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.dashboards import asked, dashboards, panels_of, variables_of
from tests.rules.source import ROOT
from zavora.foundation.metrics import CATALOGUE

PROMTOOL: Final = shutil.which("promtool")
# Of other servers: what `make dashboard-test` finds on a local cluster.
OTHERS: Final = {
    *("etcd_disk_wal_fsync_duration_seconds_bucket", "etcd_server_has_leader"),
    "etcd_server_leader_changes_seen_total",
    *("haproxy_backend_active_servers", "haproxy_backend_connection_errors_total"),
    "haproxy_backend_current_sessions",
    *("patroni_postgres_streaming", "patroni_postgres_timeline", "patroni_primary"),
    *("patroni_quorum_standby", "patroni_replica", "patroni_sync_standby"),
    *("patroni_xlog_location", "patroni_xlog_replayed_location"),
    "patroni_xlog_replayed_timestamp",
    *("process_cpu_seconds_total", "process_max_fds", "process_open_fds"),
    "process_resident_memory_bytes",
}
_STRING: Final = re.compile(r'"[^"]*"')
# Where names are those of labels, or none at all.
_ASIDE: Final = re.compile(
    r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|without|group_right|group_left) \([^)]*\)"
)
_NAME: Final = re.compile(r"[a-zA-Z_:][\w:]*\b(?!\s*\()")
_WORDS: Final = {"and", "or", "unless", "bool"}


def _known() -> set[str]:
    ours = {one.name for one in CATALOGUE.values() if one.kind != "histogram"}
    ours |= {
        f"{one.name}_{part}"
        for one in CATALOGUE.values()
        if one.kind == "histogram"
        for part in ("count", "sum", "bucket")
    }
    rules = (ROOT / "deploy/prometheus/rules").glob("*.yml")
    groups = [group for path in rules for group in yaml.safe_load(path.read_text())["groups"]]
    return ours | {
        rule["record"] for group in groups for rule in group["rules"] if "record" in rule
    }


def _named(expr: str) -> set[str]:
    """Return the metrics that a query asks for."""
    return set(_NAME.findall(_ASIDE.sub(" ", _STRING.sub(" ", expr)))) - _WORDS


def test_the_committed_dashboards_are_what_the_generator_gives() -> None:
    done = subprocess.run([sys.executable, "-m", "deploy.grafana", "--check"], cwd=ROOT)
    assert done.returncode == 0


def test_there_are_the_five() -> None:
    found = dashboards()
    assert set(found) == {"venue", "shard", "edge", "storage", "money"}
    assert {one["uid"] for one in found.values()} == {f"zavora-{name}" for name in found}


def test_names_of_metrics_are_found_in_a_query() -> None:
    expr = 'topk(3, sum by (shard) (rate(zavora_a_total{b="c d"}[1m]))) / on (x) d and time() - e:f'
    assert _named(expr) == {"zavora_a_total", "d", "e:f"}


@pytest.mark.parametrize("one", asked(), ids=lambda one: one.where)
def test_a_panel_names_only_metrics_that_there_are(one) -> None:
    named = _named(re.sub(r"(?<![\w.:])\d+(\.\d+)?(e\d+)?\b", " ", one.expr))
    assert named
    assert named - _known() - OTHERS == set()


def test_no_other_metric_is_named_in_vain() -> None:
    assert {name for one in asked() for name in _named(one.expr)} >= OTHERS


@pytest.mark.parametrize("name", sorted(dashboards()))
def test_where_to_ask_is_chosen_by_whoever_looks(name: str) -> None:
    dashboard = dashboards()[name]
    assert variables_of(dashboard)["datasource"]["type"] == "datasource"
    for panel in panels_of(dashboard):
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@pytest.mark.parametrize("name", sorted(dashboards()))
def test_panels_have_their_own_places_and_names(name: str) -> None:
    panels = dashboards()[name]["panels"]
    ids = [panel["id"] for panel in panels]
    assert len(set(ids)) == len(ids)
    taken = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in panels
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24
    for panel in panels_of(dashboards()[name]):
        names = [target["refId"] for target in panel["targets"]]
        assert len(set(names)) == len(names)
        assert all(names)


def test_variables_are_labels_with_few_values() -> None:
    """Markets may be a thousand; whatever could be more is no variable."""
    labels = {
        re.fullmatch(r"label_values\(\w+, (\w+)\)", variable["query"]["query"])[1]
        for dashboard in dashboards().values()
        for variable in variables_of(dashboard).values()
        if variable["type"] == "query"
    }
    assert labels <= {"market", "shard", "asset", "job"}


@pytest.mark.skipif(
    PROMTOOL is None and not os.environ.get("CI"),
    reason="promtool is not here (Debian: prometheus)",
)
def test_promtool_can_read_every_query(tmp_path: Path) -> None:
    assert PROMTOOL is not None, "promtool is not here (Debian: prometheus)"
    rules = [{"record": f"query:{n}", "expr": one.expr} for n, one in enumerate(asked())]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))

    done = subprocess.run(
        [PROMTOOL, "check", "rules", str(file)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
