"""What an exchange refuses to start with, tried with the program that people start."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.commands import CommandLine
from tests.exchange import Exchange
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import HELD_LINE, WEB_SERVERS, UnsafeBind, check_bind, web
from zavora.runner.home import PROJECT_DIR

PRODUCTION = {
    "DEBUG": "0",
    "SECRET_KEY": "a-key-of-this-test-only",
    "ZAVORA_DEMO": "0",
    "ZAVORA_FAUCET": "0",
}


@pytest.fixture(scope="module")
def demo() -> Iterator[Exchange]:
    """The tables of an exchange that was started as a demo; nothing else runs."""
    with Exchange(demo=True, processes=()) as exchange:
        yield exchange


def start_web(demo: Exchange, **env: str) -> subprocess.CompletedProcess[str]:
    """Start a web process that is expected to refuse."""
    spec = web({**demo.env, **PRODUCTION, **env}, port=free_port(), server="uvicorn")
    return subprocess.run(
        spec.argv, env=dict(spec.env), cwd=spec.cwd, capture_output=True, text=True, timeout=60
    )


def refuses(host: str, *, is_debug: bool) -> bool:
    """Tell whether an exchange would not listen there."""
    try:
        check_bind(host, is_debug=is_debug)
    except UnsafeBind:
        return True
    return False


# How it is meant to serve, by a name.
KINDS: dict[str, dict[str, str]] = {
    "production": {},
    "a demo on purpose": {"ZAVORA_DEMO": "1"},
    "development": {"DEBUG": "1"},
}
Prepare = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def prepare(demo: Exchange) -> Iterator[Prepare]:
    """Run what ``make run`` begins with, in one of the ways to serve."""
    owner = {"ZAVORA_OWNER_DATABASE_URL": demo.database_url}
    lines = {
        kind: CommandLine({**demo.env, **PRODUCTION, **env, **owner}) for kind, env in KINDS.items()
    }
    yield lambda kind: lines[kind].run(["prepare"], timeout_s=60)
    for line in lines.values():
        line.close()


def test_a_demo_is_not_served_as_production(demo: Exchange, prepare: Prepare) -> None:
    for done in (prepare("production"), start_web(demo), prepare("a demo on purpose")):
        assert done.returncode != 0
        assert "everybody knows the password of operator@zavora.example" in done.stderr
        assert "changepassword" in done.stderr
    # With DEBUG on the same tables are a demo, as before.
    assert prepare("development").returncode == 0


def test_with_other_passwords_the_demo_stays_one_on_purpose_only(
    demo: Exchange, prepare: Prepare
) -> None:
    change = (
        "from accounts.models import User\n"
        "for user in User.objects.all():\n"
        "    user.set_password('another-one-of-this-test')\n"
        "    user.save()\n"
    )
    demo.manage("shell", "-c", change)

    refused = prepare("production")

    assert refused.returncode != 0
    assert "hold money that nobody paid in" in refused.stderr
    assert prepare("a demo on purpose").returncode == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "exchange.example"])
def test_other_machines_are_not_let_into_a_development_exchange(host: str) -> None:
    with pytest.raises(UnsafeBind, match="Set DEBUG=0 and SECRET_KEY"):
        check_bind(host, is_debug=True)
    assert not refuses(host, is_debug=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_loopback_is_for_development(host: str) -> None:
    assert not refuses(host, is_debug=True)


def test_make_run_says_so_and_ends(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "zavora.run"],
        env={
            **os.environ,
            "ZAVORA_HOME": str(tmp_path / "home"),
            "PORT": str(free_port()),
            "ZAVORA_BIND": "0.0.0.0",
            "DEBUG": "1",
        },
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 1
    assert (
        "Zavora cannot start: listening on 0.0.0.0 (ZAVORA_BIND) lets other machines in"
        in done.stdout
    )
    assert not (tmp_path / "home" / "postgres").exists()


@pytest.mark.parametrize("server", WEB_SERVERS)
def test_no_web_process_alone_does_either(server: str) -> None:
    """However it is started: this is how one replica of several is."""
    argv = ["zavora.serving", server, "--host", "0.0.0.0", "--port", str(free_port())]
    done = subprocess.run(
        [sys.executable, "-m", *argv],
        env={**os.environ, "DEBUG": "1"},
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("Zavora cannot start: listening on 0.0.0.0")


def test_a_restored_record_waits_for_somebody_to_confirm_it(demo: Exchange) -> None:
    refused = demo.try_manage("hold_restored", "--target", "0/3000148")
    assert refused.returncode == 1
    assert "expected the owner of the tables" in refused.stderr
    assert "nothing is held" in demo.manage("confirm_restore", "--check")

    held = subprocess.run(
        [sys.executable, str(PROJECT_DIR / "manage.py"), "hold_restored", "--target", "0/3000148"],
        env={**demo.env, "DATABASE_URL": demo.database_url}, capture_output=True, text=True,
    )  # fmt: skip
    assert held.returncode == 0, held.stderr

    assert demo.manage("prepare", "--demo").startswith(HELD_LINE)
    demo.manage("confirm_restore", "--reason", "all posted")
    assert HELD_LINE not in demo.manage("prepare", "--demo")
