"""Every alert has a runbook, a case in which it fires and one in which it stays quiet."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rules.source import ROOT
from zavora.foundation.metrics import CATALOGUE

RULES = sorted((ROOT / "deploy/prometheus/rules").glob("*.yml"))
CASES = sorted((ROOT / "deploy/prometheus/tests").glob("*.yml"))
RUNBOOKS = (ROOT / "docs/runbooks.md").read_text()
PARTS = ("**Means.**", "**See.**", "**Do.**", "**Do not.**")
PROMTOOL = shutil.which("promtool")


def _rules() -> list[dict[str, Any]]:
    files = [yaml.safe_load(path.read_text()) for path in RULES]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in _rules() if "alert" in rule}


def _asked() -> dict[str, set[bool]]:
    """Return of each alert whether its cases expect it to fire."""
    found: dict[str, set[bool]] = {}
    for path in CASES:
        for case in yaml.safe_load(path.read_text())["tests"]:
            for one in case["alert_rule_test"]:
                found.setdefault(one["alertname"], set()).add(bool(one["exp_alerts"]))
    return found


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    sections = re.split(r"^## ", RUNBOOKS, flags=re.MULTILINE)[1:]
    texts = {section.split("\n", 1)[0]: section for section in sections}

    assert set(texts) == set(ALERTS)
    for name, text in texts.items():
        assert [part for part in PARTS if part not in text] == [], name


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_an_alert_says_how_grave_it_is_and_what_to_do(name: str) -> None:
    rule = ALERTS[name]

    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["runbook"] == f"docs/runbooks.md#{name.lower()}"
    assert rule["annotations"]["summary"]
    assert _asked().get(name) == {True, False}, "a case that fires and one that does not"


def test_rules_name_only_metrics_of_ours_that_there_are() -> None:
    told = {one.name for one in CATALOGUE.values()}
    told |= {
        f"{one.name}_{part}"
        for one in CATALOGUE.values()
        if one.kind == "histogram"
        for part in ("count", "sum", "bucket")
    }

    named = {name for rule in _rules() for name in re.findall(r"\bzavora_\w+", rule["expr"])}
    assert named - told == set()


def test_the_table_of_metrics_says_what_is_declared() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts/metrics_table.py", "--check"])
    assert done.returncode == 0


def test_runbooks_name_only_metrics_that_there_are() -> None:
    named = set(re.findall(r"\bzavora_\w+", RUNBOOKS))
    assert named - {one.name for one in CATALOGUE.values()} == set()


@pytest.mark.skipif(
    PROMTOOL is None and not os.environ.get("CI"),
    reason="promtool is not here (Debian: prometheus)",
)
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_promtool_finds_each_alert_to_fire_and_to_stay_quiet_as_told(path: Path) -> None:
    assert PROMTOOL is not None, "promtool is not here (Debian: prometheus)"
    done = subprocess.run(
        [PROMTOOL, "test", "rules", str(path)], capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 0, done.stdout + done.stderr
