"""Settings of the provider: what the exchange does not start with, and what it does not use."""

import os
import runpy
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from accounts.providers.config import get_provider, kind_of_provider
from tests.providers import SETTINGS
from tests.unit.zavora.test_https_settings import PRODUCTION
from zavora.runner.home import PROJECT_DIR


def kind_in(home: Path, **env: str) -> str:
    """Return the provider's kind in an environment of these variables and no others."""
    with patch.dict(os.environ, {"ZAVORA_HOME": str(home), **env}, clear=True):
        said: dict[str, Any] = runpy.run_path(str(PROJECT_DIR / "zavora" / "settings.py"))
    names = ("ZAVORA_PROVIDER", "ZAVORA_FAUCET")
    with override_settings(**{name: said[name] for name in names}):
        return kind_of_provider()


def test_operators_pay_by_hand_unless_something_else_is_said(tmp_path: Path) -> None:
    assert kind_in(tmp_path, **PRODUCTION) == "manual"
    assert kind_in(tmp_path, **PRODUCTION, ZAVORA_PROVIDER="webhook") == "webhook"
    assert kind_in(tmp_path, DEBUG="1") == "sandbox"
    assert kind_in(tmp_path, DEBUG="1", ZAVORA_PROVIDER="manual") == "manual"
    assert kind_in(tmp_path, DEBUG="1", ZAVORA_FAUCET="0") == "manual"


@pytest.mark.parametrize(
    "wrong",
    [
        {"DEBUG": "1", "ZAVORA_PROVIDER": "bank"},
        {"DEBUG": "1", "ZAVORA_PROVIDER": "webhook"},  # the faucet is on
        {"DEBUG": "1", "ZAVORA_FAUCET": "0", "ZAVORA_PROVIDER": "sandbox"},
        {**PRODUCTION, "ZAVORA_PROVIDER": "sandbox"},
    ],
)
def test_it_does_not_start_with(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(ImproperlyConfigured, match="ZAVORA_PROVIDER"):
        kind_in(tmp_path, **wrong)


def faults(**changed: Any) -> list[str | None]:
    """Return what ``check --deploy`` says of these settings outside of DEBUG, by its ids."""
    with override_settings(DEBUG=False, **{**SETTINGS, **changed}):
        found = run_checks(tags=["security"], include_deployment_checks=True)
        ids = [one.id for one in found if str(one.id).startswith("accounts.E")]
        assert (get_provider() is None) == bool(ids), "what is refused is not used"
    return ids


def test_a_provider_that_is_set_up_well_passes() -> None:
    assert faults() == []


@pytest.mark.parametrize(
    ("changed", "number"),
    [
        ({"ZAVORA_PROVIDER_NAME": "operator"}, 1),
        ({"ZAVORA_PROVIDER_NAME": "A bank"}, 1),
        ({"ZAVORA_PROVIDER_URL": "http://bank.example/api"}, 2),
        ({"ZAVORA_PROVIDER_URL": ""}, 2),
        ({"ZAVORA_PROVIDER_URL": "https://me:mine@bank.example"}, 2),
        ({"ZAVORA_PROVIDER_URL": "https://bank.example:0x/"}, 2),
        ({"ZAVORA_PROVIDER_URL": "https://bank.example/?to="}, 2),
        ({"ZAVORA_PROVIDER_URL": "file:///etc/passwd"}, 2),
        ({"ZAVORA_PROVIDER_URL": "https://bank.example/a b"}, 2),
        ({"ZAVORA_PROVIDER_SECRET": ""}, 3),
        ({"ZAVORA_PROVIDER_SECRET": "short"}, 3),
        ({"ZAVORA_PROVIDER_WEBHOOK_SECRETS": []}, 4),
        ({"ZAVORA_PROVIDER_WEBHOOK_SECRETS": ["a" * 32, ""]}, 4),
        ({"ZAVORA_PROVIDER_WEBHOOK_SECRETS": [SETTINGS["ZAVORA_PROVIDER_SECRET"]]}, 5),
    ],
)
def test_check_deploy_refuses(changed: dict[str, Any], number: int) -> None:
    assert faults(**changed) == [f"accounts.E{number:03}"]


def test_in_development_a_provider_may_be_on_this_machine() -> None:
    local = {**SETTINGS, "ZAVORA_PROVIDER_URL": "http://127.0.0.1:9000/api"}
    with override_settings(DEBUG=True, **local):
        provider = get_provider()
    assert provider is not None
    assert provider.url == "http://127.0.0.1:9000/api"
    with override_settings(**{**local, "ZAVORA_PROVIDER": "manual"}):
        assert get_provider() is None
