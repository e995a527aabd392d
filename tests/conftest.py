"""Servers for a whole test run, and what every kind of test may ask for.

Django is set up only after ``pytest_configure`` here has started PostgreSQL and Valkey in a
temporary home, so the tests run on servers of their own, beside whatever else runs. With
pytest-xdist each worker has servers of its own, too: a queue cannot be shared. What measures time
is marked ``alone`` and runs while no other worker runs anything.
"""

import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import certifi
import django
import pytest
from django.urls import get_resolver

from tests import steady_settings
from tests.browsers import find_chromium
from tests.exchange import Exchange
from tests.states import STATES_VARIABLE, copy_state, kept_state
from zavora.runner.embedded.servers import RunningServers
from zavora.runner.home import Home, owner_lock

TESTS = Path(__file__).resolve().parent
WITHOUT_SERVERS = tuple(TESTS / name for name in ("cluster", "deploy", "property", "rules", "unit"))
LOCKS_VARIABLE = "ZAVORA_TEST_LOCKS"
# Nothing answers here: a unit test that asks a server fails at once.
NO_SERVERS = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}
_stack = contextlib.ExitStack()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start the servers (unless only tests without any are asked for), then set up Django."""
    if config.option.help or config.option.version:
        return
    _keep_compiled_code()
    if _is_controller(config):
        # The workers run the tests; they wait for one another at these locks and share states.
        locks = tempfile.mkdtemp(prefix="zavora-test-locks-")
        _stack.callback(shutil.rmtree, locks, ignore_errors=True)
        os.environ[LOCKS_VARIABLE] = locks
        os.environ[STATES_VARIABLE] = locks
        return
    _make_environment(config)
    os.environ["DJANGO_SETTINGS_MODULE"] = "zavora.settings"
    steady_settings.install()
    django.setup()
    _ = get_resolver().url_patterns  # with them come the desk's pages, as where they are served


def _keep_compiled_code() -> None:
    """Keep compiled code beside the environment where Python was told to keep none.

    Hundreds of processes import the same: each would compile it anew, for a third of its start.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        folder = str(Path(sys.prefix) / "cache" / "bytecode")
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = folder
        sys.dont_write_bytecode = False


def _is_controller(config: pytest.Config) -> bool:
    """Return whether this process only hands tests to workers of pytest-xdist."""
    return bool(getattr(config.option, "numprocesses", None)) and not hasattr(config, "workerinput")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test that measures time have the machine to itself."""
    locks = os.environ.get(LOCKS_VARIABLE)
    if locks is None:
        return (yield)
    is_alone = item.get_closest_marker("alone") is not None
    with (Path(locks) / "machine").open("a") as machine:
        # Whoever waits for the machine holds the gate, so that the next test elsewhere waits, too.
        with (Path(locks) / "gate").open("a") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            fcntl.flock(machine, fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH)
        return (yield)


def _make_environment(config: pytest.Config) -> None:
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    home = Home(Path(tempfile.mkdtemp(prefix="zavora-tests-")))
    _stack.callback(shutil.rmtree, home.path, ignore_errors=True)
    os.environ["ZAVORA_HOME"] = str(home.path)
    if _needs_no_servers(config):
        os.environ.update(NO_SERVERS)
        return
    home.prepare()
    _trust_one(home.path)
    copy_state(_state_with_tables(), home.path)
    _stack.enter_context(owner_lock(home, wait_s=0))
    servers = RunningServers(home)
    _stack.callback(servers.stop)
    servers.start()
    # Tests make, empty and tamper with databases, so they come as the owner.
    os.environ["DATABASE_URL"] = servers.urls.owner_database_url
    os.environ["REDIS_URL"] = servers.urls.redis_url


def _trust_one(folder: Path) -> None:
    """Let clients here and in all processes know one authority only.

    Nothing leaves this machine; each client reads all that it trusts, which takes longer than most
    requests.
    """
    file, none = folder / "authority.pem", folder / "authorities"
    file.write_text("".join(certifi.contents().partition("-----END CERTIFICATE-----\n")[:2]))
    none.mkdir()
    os.environ.update(SSL_CERT_FILE=str(file), SSL_CERT_DIR=str(none))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers and delete their home."""
    _stack.close()


def _state_with_tables() -> Path:
    with kept_state("tables") as state:
        is_made = state.exists()
    if not is_made:
        with Exchange(processes=()):
            pass
    return state


def _needs_no_servers(config: pytest.Config) -> bool:
    """Return whether every path asked for holds tests without a database."""
    paths = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    return bool(paths) and all(
        any(path.is_relative_to(folder) for folder in WITHOUT_SERVERS) for path in paths
    )


@pytest.fixture(scope="session")
def exchange() -> Iterator[Exchange]:
    """One running exchange with the demo's markets and accounts, without history, for the run.

    Tests share it: make accounts of your own, and use BTC/EUR only with a clean-up.
    """
    with Exchange(demo=True) as running:
        yield running


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Return a Chromium on PATH; without one the test is skipped, or fails where CI=true."""
    found = find_chromium()
    if found is None:
        reason = "browser tests need a Chromium on PATH"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found
