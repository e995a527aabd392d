"""Settings by which money leaves: what production refuses, and what holds where nothing is said."""

import os
import runpy
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.unit.zavora.test_https_settings import PRODUCTION
from zavora.runner.home import PROJECT_DIR

NAMES = (
    "ZAVORA_ADDRESS_COOLING_HOURS", "ZAVORA_ADJUST_ALONE_MAX", "ZAVORA_APPROVAL_HOURS",
    "ZAVORA_FAUCET",
)  # fmt: skip


def figures(home: Path, **env: str) -> list[str]:
    """Return what the settings say in an environment of these variables and no others."""
    with patch.dict(os.environ, {"ZAVORA_HOME": str(home), **env}, clear=True):
        said: dict[str, Any] = runpy.run_path(str(PROJECT_DIR / "zavora" / "settings.py"))
    return [str(said[name]) for name in NAMES]


def test_production_is_careful_by_itself_and_a_sandbox_is_not(tmp_path: Path) -> None:
    assert figures(tmp_path, **PRODUCTION) == ["24", "0", "72", "False"]
    assert figures(tmp_path, DEBUG="1") == ["0", "None", "72", "True"]
    given = {"ZAVORA_ADDRESS_COOLING_HOURS": "0", "ZAVORA_ADJUST_ALONE_MAX": "5.5"}
    assert figures(tmp_path, DEBUG="1", **given) == ["0", "5.5", "72", "True"]


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
    with pytest.raises(ImproperlyConfigured, match=next(iter(wrong))):
        figures(tmp_path, **PRODUCTION, **wrong)
