"""``python -m zavora.role ROLE``: become one process of an exchange, the command of a container.

The roles are started as ``make run`` starts them, from the same list, and take this process's
place: nothing stands between them and who ends them.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from zavora.foundation.secret_files import SecretFileUnusable
from zavora.runner.embedded.discovery import OWNER_URL_VARIABLE
from zavora.runner.exchange import (
    HOST,
    UnknownWebServer,
    celery_beat,
    celery_worker,
    manage,
    marketdata,
    matching_worker,
    web,
)
from zavora.runner.home import Home, HomeError, home_from_environment, load_environment
from zavora.runner.processes import PRIVATE_UMASK, ProcessSpec

Environment = Mapping[str, str]
Role = Callable[[Environment, Sequence[str]], ProcessSpec]


class RoleMisused(ValueError):
    """What was given with a role is not what it takes; the message says what is expected."""


def _web(env: Environment, arguments: Sequence[str]) -> ProcessSpec:
    return _with(
        web(
            env,
            port=_number(env, "PORT", default="8000"),
            server=env.get("ZAVORA_WEB_SERVER") or "uvicorn",
            host=env.get("ZAVORA_BIND") or HOST,
        ),
        arguments,
    )


def _worker(env: Environment, arguments: Sequence[str]) -> ProcessSpec:
    return _with(matching_worker(env, shard=_number(env, "ZAVORA_SHARD", default="0")), arguments)


def _marketdata(env: Environment, arguments: Sequence[str]) -> ProcessSpec:
    return _with(marketdata(env), arguments)


def _celery(env: Environment, arguments: Sequence[str]) -> ProcessSpec:
    return _with(celery_worker(env), arguments)


def _beat(env: Environment, arguments: Sequence[str]) -> ProcessSpec:
    home = Home(home_from_environment())
    home.prepare()
    return _with(celery_beat(env, home=home), arguments)


def _migrate(env: Environment, arguments: Sequence[str]) -> ProcessSpec:
    return manage("migrate", "migrate", "--no-input", *arguments, env=env)


def _manage(env: Environment, arguments: Sequence[str]) -> ProcessSpec:
    return manage("manage", *(arguments or ["help"]), env=env)


ROLES: Final[Mapping[str, Role]] = {
    "web": _web,
    "worker": _worker,
    "marketdata": _marketdata,
    "celery": _celery,
    "beat": _beat,
    "migrate": _migrate,
    "manage": _manage,
}
# The owner of the tables is named to these alone.
OWNERS_ROLES: Final = frozenset({"migrate", "manage"})


def main(arguments: Sequence[str]) -> int:
    """Become the process that ``arguments`` name; returns only where that cannot be."""
    parser = argparse.ArgumentParser(
        prog="python -m zavora.role",
        description="PORT, ZAVORA_BIND and ZAVORA_WEB_SERVER go for web, ZAVORA_SHARD for worker.",
    )
    parser.add_argument("role", choices=ROLES)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="passed on to it")
    given = parser.parse_args(arguments)
    try:
        load_environment()
        if given.role not in OWNERS_ROLES:
            os.environ.pop(OWNER_URL_VARIABLE, None)
        spec = ROLES[given.role](os.environ, given.arguments)
    except (HomeError, RoleMisused, SecretFileUnusable, UnknownWebServer) as error:
        print(f"zavora: {error}", file=sys.stderr)  # noqa: T201
        return 2
    _become(spec)
    return 0


def _with(spec: ProcessSpec, arguments: Sequence[str]) -> ProcessSpec:
    """Return ``spec`` unless something is given with a role that takes nothing."""
    if arguments:
        raise RoleMisused(f"{spec.name} takes no arguments, got: {' '.join(arguments)}")
    return spec


def _number(env: Environment, name: str, *, default: str) -> int:
    text = env.get(name) or default
    if not text.isascii() or not text.isdecimal():
        raise RoleMisused(f"{name}: expected a whole number, got {text!r}")
    return int(text)


def _become(spec: ProcessSpec) -> None:
    os.umask(PRIVATE_UMASK)
    # Who started us may have been told to ignore it; what we become has to hear it.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if spec.cwd is not None:
        os.chdir(spec.cwd)
    os.execve(spec.argv[0], spec.argv, dict(spec.env))  # noqa: S606


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
