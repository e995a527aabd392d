"""A container's command becomes what `make run` would have started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zavora.role import ROLES
from zavora.runner.exchange import celery_worker, marketdata, matching_worker, web
from zavora.runner.home import PROJECT_DIR

ENV = {"PORT": "8123", "ZAVORA_BIND": "0.0.0.0", "ZAVORA_SHARD": "3"}


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("web", web(ENV, port=8123, server="uvicorn", host="0.0.0.0")),
        ("worker", matching_worker(ENV, shard=3)),
        ("marketdata", marketdata(ENV)),
        ("celery", celery_worker(ENV)),
    ],
)
def test_a_role_is_started_as_on_one_machine(role: str, expected: object) -> None:
    assert ROLES[role](ENV, []) == expected


def test_web_listens_to_this_machine_alone_where_nothing_else_is_said() -> None:
    argv = ROLES["web"]({}, []).argv

    assert argv[argv.index("--host") + 1] == "127.0.0.1"
    assert argv[argv.index("--port") + 1] == "8000"


def run_role(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zavora.role", *arguments],
        cwd=PROJECT_DIR,
        env={**os.environ, "SECRET_KEY": "unused", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["worker"], {"ZAVORA_SHARD": "first"}, "ZAVORA_SHARD: expected a whole number"),
        (["web"], {"PORT": "-1"}, "PORT: expected a whole number"),
        (["web"], {"ZAVORA_WEB_SERVER": "gunicorn"}, "ZAVORA_WEB_SERVER=gunicorn is none of"),
        (["marketdata", "--fast"], {}, "marketdata takes no arguments, got: --fast"),
        (["worker"], {"REDIS_URL_FILE": "/none"}, "REDIS_URL"),
        (["trader"], {}, "invalid choice"),
    ],
)
def test_what_cannot_be_started_is_said(
    arguments: list[str], environment: dict[str, str], said: str
) -> None:
    done = run_role(*arguments, **environment)

    assert done.returncode == 2
    assert said in done.stderr


def test_a_command_is_run_in_the_projects_folder_for_the_owner_alone(tmp_path: Path) -> None:
    code = (
        "import os; print(os.getcwd(), os.environ.get('ZAVORA_OWNER_DATABASE_URL'),"
        " oct(os.umask(0)))"
    )
    owner = tmp_path / "owner"
    owner.write_text("postgresql://owner@127.0.0.1:1/none\n")

    done = run_role("manage", "shell", "-c", code, ZAVORA_OWNER_DATABASE_URL_FILE=str(owner))

    said = done.stdout.splitlines()[-1]
    assert said == f"{PROJECT_DIR} postgresql://owner@127.0.0.1:1/none 0o77", done.stderr
