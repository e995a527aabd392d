"""What production tells browsers: HTTPS only, and cookies that are this host's alone."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from accounts.checks import check_sealing_keys
from zavora.runner.home import PROJECT_DIR

PRODUCTION = {
    "DEBUG": "0",
    "SECRET_KEY": "a-key-of-this-test-alone-that-is-long-enough-for-the-check-0123456789",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "ALLOWED_HOSTS": "exchange.example",
}
SEALING_KEY = "a-sealing-key-of-this-test-alone-0123456789"
STRICT = {
    "ZAVORA_SEALING_KEYS": SEALING_KEY,
    "SECURE_SSL_REDIRECT": "1",
    "SECURE_HSTS_INCLUDE_SUBDOMAINS": "1",
    "SECURE_HSTS_PRELOAD": "1",
}
SHOW = (
    "from django.conf import settings as s;"
    "print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.ZAVORA_DEVICE_COOKIE_NAME,"
    " s.SECURE_HSTS_SECONDS, s.SECURE_SSL_REDIRECT)"
)
MODULE = "zavora.settings"
SHOW_TLS = """
from django.conf import settings
from zavora.foundation.queue import connect
options = settings.DATABASES["default"]["OPTIONS"]
pool = connect(timeout_s=1).connection_pool
asked = pool.connection_kwargs
print(options["sslmode"], options["sslrootcert"], pool.connection_class.__name__)
print(asked["ssl_cert_reqs"], asked["ssl_ca_certs"])
"""


def run(home: Path, *arguments: str, **env: str) -> str:
    """Return what a Python program of these settings says."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env={"PATH": os.environ["PATH"], "ZAVORA_HOME": str(home), **env},
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def shown(home: Path, **env: str) -> list[str]:
    """Return the settings that matter here."""
    env = {"DJANGO_SETTINGS_MODULE": "zavora.settings", **env}
    return run(home, "-c", SHOW, **env).split()


def test_the_deployment_check_has_nothing_to_say_once_all_is_set(tmp_path: Path) -> None:
    strictly = ("check", "--deploy", "--fail-level", "WARNING")
    said = run(tmp_path, "manage.py", *strictly, **PRODUCTION, **STRICT)
    assert said == "System check identified no issues (0 silenced).\n"


@pytest.mark.parametrize(
    ("setting", "warning"),
    [
        ("SECURE_SSL_REDIRECT", "security.W008"),
        ("SECURE_HSTS_INCLUDE_SUBDOMAINS", "security.W005"),
        ("SECURE_HSTS_SECONDS", "security.W004"),
        ("COOKIES_SECURE", "security.W012"),
    ],
)
def test_each_setting_answers_its_warning(tmp_path: Path, setting: str, warning: str) -> None:
    said = run(tmp_path, "manage.py", "check", "--deploy", **PRODUCTION, **{**STRICT, setting: "0"})
    assert warning in said


def test_production_binds_cookies_to_its_host_and_development_keeps_its_sessions(
    tmp_path: Path,
) -> None:
    names = ["__Host-sessionid", "__Host-csrftoken", "__Host-device"]
    assert shown(tmp_path, **PRODUCTION) == [*names, "31536000", "False"]
    by_http = PRODUCTION | {"COOKIES_SECURE": "0"}
    assert shown(tmp_path, **by_http) == ["sessionid", "csrftoken", "device", "0", "False"]
    assert shown(tmp_path, DEBUG="1") == ["sessionid", "csrftoken", "device", "0", "False"]


def test_addresses_of_database_and_queue_ask_for_tls(tmp_path: Path) -> None:
    addresses = {
        "DATABASE_URL": "postgresql://u@db.example/zavora?sslmode=verify-full&sslrootcert=/ca.pem",
        "REDIS_URL": "rediss://q.example/0?ssl_cert_reqs=required&ssl_ca_certs=/ca.pem",
    }
    said = run(
        tmp_path, "-c", SHOW_TLS, **{**PRODUCTION, **addresses}, DJANGO_SETTINGS_MODULE=MODULE
    )
    assert said.split() == ["verify-full", "/ca.pem", "SSLConnection", "required", "/ca.pem"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (None, "zavora.W001"),
        (PRODUCTION["SECRET_KEY"], "zavora.E001"),
        (f"{SEALING_KEY},short", "zavora.E002"),
    ],
)
def test_sealing_keys_are_long_and_apart_from_the_secret_key(
    settings: Any, keys: str | None, said: str
) -> None:
    settings.SECRET_KEY = PRODUCTION["SECRET_KEY"]
    settings.ZAVORA_SEALING_KEYS = keys.split(",") if keys else []

    assert [one.id for one in check_sealing_keys()] == [said]


def test_a_long_sealing_key_of_its_own_is_well(settings: Any) -> None:
    settings.ZAVORA_SEALING_KEYS = [SEALING_KEY, SEALING_KEY[::-1]]

    assert check_sealing_keys() == []
