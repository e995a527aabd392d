"""Settings of what is kept and for how long: their defaults, and what is refused."""

import environ
import pytest
from django.core.exceptions import ImproperlyConfigured

from zavora.foundation.privacy_settings import KEPT_DAYS, privacy_settings


def read(monkeypatch: pytest.MonkeyPatch, *, debug: bool = False, **env: str) -> dict[str, int]:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return privacy_settings(environ.Env(), debug=debug)


def test_production_is_strict_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch)
    assert (found["ZAVORA_SESSION_IDLE_MINUTES"], found["ZAVORA_SESSION_MINUTES"]) == (30, 720)
    assert found["ZAVORA_OPERATORS_SESSION_MINUTES"] == 480
    assert found["ZAVORA_WITHDRAWAL_PAUSE_HOURS"] == 24
    assert found["SESSION_COOKIE_AGE"] == 43_200
    relaxed = read(monkeypatch, debug=True)
    assert (relaxed["ZAVORA_WITHDRAWAL_PAUSE_HOURS"], relaxed["ZAVORA_SESSION_MINUTES"]) == (
        0, 20_160,
    )  # fmt: skip


WRONG = [
    *({name: str(least - 1)} for name, (_, least) in KEPT_DAYS.items()),
    {"ZAVORA_WITHDRAWAL_PAUSE_HOURS": "0"},
    {"ZAVORA_SESSION_IDLE_MINUTES": "0"},
    {"ZAVORA_SESSION_IDLE_MINUTES": "721"},
    {"ZAVORA_OPERATORS_SESSION_IDLE_MINUTES": "31"},
    {"ZAVORA_OPERATORS_SESSION_MINUTES": "721"},
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: next(iter(wrong)))
def test_what_makes_no_sense_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]
) -> None:
    with pytest.raises(ImproperlyConfigured, match=next(iter(wrong))):
        read(monkeypatch, **wrong)
