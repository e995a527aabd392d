"""Settings by which money leaves: what production refuses, and what holds where nothing is said."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.zavora.test_https_settings import PRODUCTION
from zavora.runner.home import PROJECT_DIR

SHOW = (
    "from django.conf import settings as s;"
    "print(s.ZAVORA_ADDRESS_COOLING_HOURS, s.ZAVORA_ADJUST_ALONE_MAX, s.ZAVORA_APPROVAL_HOURS,"
    " s.ZAVORA_FAUCET)"
)


def run(home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    given = {"PATH": os.environ["PATH"], "ZAVORA_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-c", SHOW],
        env={**given, "DJANGO_SETTINGS_MODULE": "zavora.settings", **env},
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
    )


def test_production_is_careful_by_itself_and_a_sandbox_is_not(tmp_path: Path) -> None:
    assert run(tmp_path, **PRODUCTION).stdout.split() == ["24", "0", "72", "False"]
    assert run(tmp_path, DEBUG="1").stdout.split() == ["0", "None", "72", "True"]
    given = {"ZAVORA_ADDRESS_COOLING_HOURS": "0", "ZAVORA_ADJUST_ALONE_MAX": "5.5"}
    assert run(tmp_path, DEBUG="1", **given).stdout.split() == ["0", "5.5", "72", "True"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"ZAVORA_ADDRESS_COOLING_HOURS": "0"},
        {"ZAVORA_ADDRESS_COOLING_HOURS": "-1"},
        {"ZAVORA_APPROVAL_HOURS": "0"},
        {"ZAVORA_ADJUST_ALONE_MAX": "much"},
        {"ZAVORA_ADJUST_ALONE_MAX": ""},
        {"ZAVORA_FAUCET": "1"},
    ],
)
def test_production_refuses_to_start_with(tmp_path: Path, wrong: dict[str, str]) -> None:
    refused = run(tmp_path, **PRODUCTION, **wrong)
    assert refused.returncode != 0
    assert f"ImproperlyConfigured: {next(iter(wrong))}" in refused.stderr
