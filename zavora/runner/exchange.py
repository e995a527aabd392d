"""Which processes an exchange on one machine consists of, and how each is started."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from zavora.foundation.addresses import is_loopback
from zavora.foundation.growth_settings import web_names
from zavora.foundation.metrics_settings import NAME as METRICS_BIND
from zavora.runner.embedded.discovery import OWNER_URL_VARIABLE
from zavora.runner.home import PROJECT_DIR, Home
from zavora.runner.processes import ProcessSpec, Stage

HOST = "127.0.0.1"
# How a line of ``manage.py prepare`` begins where the database was restored and waits for somebody
# to confirm it: no worker takes a shard before.
HELD_LINE = "This database was restored"
WEB_SERVERS = ("uvicorn", "granian", "daphne")
# What a web server may take to finish the requests that it has when it is asked to stop.
WEB_STOP_GRACE_S = 2
# What background work may take: a task that is under way ends first, and imports take seconds.
CELERY_STOP_GRACE_S = 10
# WebSockets are pinged this often, and closed where no answer comes for so long. Only the server
# can send a ping: ASGI has no message for it (and Granian sends none).
PING_S = 20
PONG_WAIT_S = 60


class UnknownWebServer(ValueError):
    """ZAVORA_WEB_SERVER names none of ``WEB_SERVERS``."""


class UnsafeBind(ValueError):
    """The address to listen on lets strangers in; the message says why and what to do."""


def check_bind(host: str, *, is_debug: bool) -> None:
    """Raise UnsafeBind where a development exchange would listen to other machines."""
    if is_debug and not is_loopback(host):
        raise UnsafeBind(
            f"listening on {host} (ZAVORA_BIND) lets other machines in, and DEBUG is on: that would"
            " publish the demo's operator, the faucet and debug pages. Set DEBUG=0 and SECRET_KEY"
            " (see .env.example), or listen on 127.0.0.1"
        )


def child_environment(home: Home, *, port: int, servers: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of every process of one exchange, without the owner's URL."""
    inherited = {k: v for k, v in os.environ.items() if k != OWNER_URL_VARIABLE}
    return {
        **inherited,
        **servers,
        "ZAVORA_HOME": str(home.path),
        "PORT": str(port),
        "DJANGO_SETTINGS_MODULE": "zavora.settings",
        # Lines appear when they are written, not when a buffer is full.
        "PYTHONUNBUFFERED": "1",
    }


def manage(
    name: str, *arguments: str, env: Mapping[str, str], stage: Stage = Stage.BACKGROUND
) -> ProcessSpec:
    """Return how to run a management command under ``name``."""
    return ProcessSpec(
        name=name,
        argv=(sys.executable, str(PROJECT_DIR / "manage.py"), *arguments),
        env=env,
        cwd=PROJECT_DIR,
        stage=stage,
    )


def web(
    env: Mapping[str, str], *, port: int, server: str, host: str = HOST, name: str = ""
) -> ProcessSpec:
    """Return how to run the web server: the only one, or by a ``name`` one of several on the port.

    Raises UnknownWebServer.
    """
    if server not in WEB_SERVERS:
        raise UnknownWebServer(f"ZAVORA_WEB_SERVER={server} is none of {', '.join(WEB_SERVERS)}")
    return ProcessSpec(
        name=name or "web",
        argv=(
            *(sys.executable, "-m", "zavora.serving", server),
            *("--host", host, "--port", str(port)),
            *(("--shared-port",) if name else ()),
        ),
        env={**env, "ZAVORA_WEB_NAME": name} if name else env,
        cwd=PROJECT_DIR,
        stage=Stage.WEB,
        stop_grace_s=WEB_STOP_GRACE_S + int(env.get("ZAVORA_DRAIN_S") or 0),
    )


def matching_worker(env: Mapping[str, str], *, shard: int, name: str = "") -> ProcessSpec:
    """Return how to run the worker of a shard (or, with another name, its standby)."""
    arguments = ("run_matching", "--shard", str(shard))
    return manage(name or f"worker-{shard}", *arguments, env=env, stage=Stage.CORE)


def marketdata(env: Mapping[str, str]) -> ProcessSpec:
    """Return how to run the market data service."""
    return manage("marketdata", "run_marketdata", env=env, stage=Stage.CORE)


def celery_worker(env: Mapping[str, str]) -> ProcessSpec:
    """Return how to run the worker for what may be late; one task at a time, in one process."""
    return _celery(
        "celery",
        ("worker", "--pool", "solo", "--without-gossip", "--without-mingle"),
        env=env,
    )


def celery_beat(env: Mapping[str, str], *, home: Home) -> ProcessSpec:
    """Return how to run the clock of periodic tasks."""
    schedule = str(home.run / "celerybeat-schedule")
    return _celery("beat", ("beat", "--schedule", schedule, "--pidfile="), env=env)


def demo_traders(env: Mapping[str, str]) -> ProcessSpec:
    """Return how to run the programs that trade on the demo markets by the public API."""
    return manage("traders", "run_demo_traders", env=env)


def application_specs(
    env: Mapping[str, str],
    *,
    home: Home,
    port: int,
    web_server: str,
    shards: Sequence[int],
    host: str = HOST,
    web_replicas: int = 1,
    workers_per_shard: int = 1,
) -> list[ProcessSpec]:
    """Return everything but the servers and the demo traders, in the order of starting."""
    return [
        *_workers(env, shards=shards, per_shard=workers_per_shard),
        marketdata(env),
        *_webs(env, port=port, server=web_server, host=host, replicas=web_replicas),
        celery_worker(env),
        celery_beat(env, home=home),
    ]


def _webs(
    env: Mapping[str, str], *, port: int, server: str, host: str, replicas: int
) -> list[ProcessSpec]:
    """Return how to run so many web servers on one port. Raises UnknownWebServer."""
    names = web_names(replicas) if replicas > 1 else [""]
    return [web(env, port=port, server=server, host=host, name=name) for name in names]


def _workers(env: Mapping[str, str], *, shards: Sequence[int], per_shard: int) -> list[ProcessSpec]:
    """Return how to run the workers of each shard: one matches, the others wait to take over."""
    return [
        matching_worker(env, shard=shard, name=f"worker-{shard}" + (f"-{n}" if n > 1 else ""))
        for n in range(1, per_shard + 1)
        for shard in shards
    ]


def with_metrics(specs: Sequence[ProcessSpec], host: str, port: int) -> list[ProcessSpec]:
    """Return processes of which each listens for who watches, at ports from ``port`` on."""
    return [
        replace(spec, env={**spec.env, METRICS_BIND: f"{host}:{port + number}"})
        for number, spec in enumerate(specs)
    ]


def _celery(name: str, arguments: Sequence[str], *, env: Mapping[str, str]) -> ProcessSpec:
    return ProcessSpec(
        name=name,
        argv=(sys.executable, "-m", "celery", "-A", "zavora", "-q", *arguments, "-l", "WARNING"),
        env=env,
        cwd=PROJECT_DIR,
        stop_grace_s=CELERY_STOP_GRACE_S,
    )
