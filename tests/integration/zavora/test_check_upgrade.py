"""``manage.py check_upgrade`` and ``migrate`` on databases that are in use."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.conf import settings

PROJECT = Path(settings.BASE_DIR)
BEFORE = (("accounts", "0023"), ("matching", "0018"))


def url_of(name: str) -> str:
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))


def manage(name: str, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=PROJECT,
        env=os.environ | {"DATABASE_URL": url_of(name), "REDIS_URL": settings.REDIS_URL},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def former() -> Iterator[str]:
    """A database of before tables were split."""
    with closing(psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)) as server:
        server.execute("DROP DATABASE IF EXISTS upgrade_former WITH (FORCE)")
        server.execute("CREATE DATABASE upgrade_former")
        for app, number in BEFORE:
            assert manage("upgrade_former", "migrate", app, number, "-v0")[0] == 0
        yield "upgrade_former"
        server.execute("DROP DATABASE IF EXISTS upgrade_former WITH (FORCE)")


def test_this_versions_migrations_are_told_one_by_one(former: str) -> None:
    status, said = manage(former, "check_upgrade")
    print(said)
    assert status == 0
