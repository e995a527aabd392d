"""``make run``: start a whole exchange on this machine and keep it running until Ctrl-C."""

import argparse
import http.client
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import environ

from zavora.foundation.growth_settings import (
    WEB_REPLICAS_MAX,
    WORKERS_PER_SHARD_MAX,
    read_count,
)
from zavora.foundation.metrics_settings import NAME as METRICS_BIND
from zavora.foundation.metrics_settings import parse_bind
from zavora.runner.embedded.binaries import ServerMissing
from zavora.runner.embedded.discovery import (
    announce_servers,
    running_servers,
    server_owner,
    withdraw_servers,
)
from zavora.runner.embedded.servers import OWNER_WAIT_S, plan_servers
from zavora.runner.embedded.valkey import is_free
from zavora.runner.exchange import (
    HELD_LINE,
    HOST,
    UnknownWebServer,
    UnsafeBind,
    application_specs,
    check_bind,
    child_environment,
    demo_traders,
    manage,
    with_metrics,
)
from zavora.runner.home import Home, HomeError, home_from_environment, load_environment, owner_lock
from zavora.runner.processes import PRIVATE_UMASK, Stage, end_with_parent_process
from zavora.runner.sharing import CannotShare, check_sharing
from zavora.runner.supervisor import StartFailed, StopRequested, Supervisor

SERVERS_WAIT_S = 90.0
STEP_WAIT_S = 300.0
HEALTHY_WAIT_S = 90.0
HEALTH_TIMEOUT_S = 1.0
# A pipe that poll() calls writable takes this much without blocking.
WRITE_BYTES_MAX = select.PIPE_BUF


def say(line: str) -> None:
    """Print a line now, or drop it if nobody reads: the exchange must not wait for a terminal."""
    data = f"{line}\n".encode()[-WRITE_BYTES_MAX:]
    try:
        if select.select([], [sys.stdout.fileno()], [], 0)[1]:
            os.write(sys.stdout.fileno(), data)
    except OSError:  # whoever read our output has gone
        pass


@contextmanager
def step(what: str) -> Iterator[None]:
    """Tell how long a step took, once it is done."""
    began = time.monotonic()
    yield
    say(f"  {time.monotonic() - began:5.1f} s  {what}")


def is_up(host: str, port: int, *, is_held: bool = False) -> bool:
    """Return whether the exchange on ``port`` answers that every part and process of it works.

    Where it ``is_held`` no part but web has to: its pages are what the record is corrected by.
    Markets that are set aside are told of by the health check and the log; nothing waits for them.
    """
    connection = http.client.HTTPConnection(host, port, timeout=HEALTH_TIMEOUT_S)
    try:
        connection.request("GET", "/api/v1/health")
        answer = connection.getresponse()
        body = json.load(answer)
        is_whole = "down" not in body.get("web", {}).values()
        return (answer.status == 200 or is_held) and bool(body.get("status")) and is_whole
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


def run_exchange(home: Home, supervisor: Supervisor, env: environ.Env) -> None:
    """Start everything in order, say when it is ready, and go on until a signal comes.

    Raises StartFailed, StopRequested, HomeError, ServerMissing, UnknownWebServer or
    UnsafeBind.
    """
    port = env.int("PORT", default=8000)
    host = env.str("ZAVORA_BIND", default=HOST)
    has_demo = env.bool("ZAVORA_DEMO", default=env.bool("DEBUG", default=True))
    check_bind(host, is_debug=env.bool("DEBUG", default=True))
    replicas, workers = _how_many(env)
    metrics = _metrics_bind(env)
    if not is_free(port):
        raise StartFailed(f"port {port} is in use; name another one: PORT={port + 1} make run")
    with step("PostgreSQL and Valkey"):
        plan = plan_servers(home)
        for spec in plan.specs:
            supervisor.start(spec)
        supervisor.wait_until_ready([s.name for s in plan.specs], wait_s=SERVERS_WAIT_S)
    announce_servers(home, plan.urls, owner_pid=os.getpid())
    children_env = child_environment(home, port=port, servers=plan.environment())
    owner_env = {**children_env, **plan.owner_environment()}
    logins = _prepare_data(supervisor, owner_env, env, has_demo=has_demo)
    with step("matching, market data, web, background work"):
        specs = application_specs(
            children_env,
            home=home,
            port=port,
            host=host,
            web_server=env.str("ZAVORA_WEB_SERVER", default="uvicorn"),
            shards=env.list("ZAVORA_SHARDS", cast=int, default=[0]),
            web_replicas=replicas,
            workers_per_shard=workers,
        )
        if metrics is not None:
            specs = with_metrics(specs, *metrics)
        # What trades is there first: it does not share the processors with the rest while it loads.
        for spec in specs:
            if spec.stage is not Stage.BACKGROUND:
                supervisor.start(spec)
        local = HOST if host in ("0.0.0.0", "::") else host  # noqa: S104 (compared, not bound)
        is_held = any(line.startswith(HELD_LINE) for line in logins)
        up = _every(0.2, lambda: is_up(local, port, is_held=is_held))
        supervisor.wait_until(up, wait_s=HEALTHY_WAIT_S, what="the exchange")
        for spec in specs:
            if spec.stage is Stage.BACKGROUND:
                supervisor.start(spec)
    if has_demo and not is_held:
        supervisor.start(demo_traders(children_env))
    supervisor.is_ready = True
    _welcome(f"http://{local}:{port}", home, logins)
    if metrics is not None:
        names = ", ".join(f"{metrics[1] + number} {spec.name}" for number, spec in enumerate(specs))
        say(f"  Metrics, at /metrics on {metrics[0]}: {names}")
    supervisor.run_forever()


def _how_many(env: environ.Env) -> tuple[int, int]:
    """Return how many web processes there are to be, and workers of each shard."""
    try:
        replicas = read_count(env, "ZAVORA_WEB_REPLICAS", most=WEB_REPLICAS_MAX)
        workers = read_count(env, "ZAVORA_WORKERS_PER_SHARD", most=WORKERS_PER_SHARD_MAX)
        if replicas > 1:
            check_sharing()
    except (environ.ImproperlyConfigured, CannotShare) as error:
        raise StartFailed(str(error)) from None
    return replicas, workers


def _metrics_bind(env: environ.Env) -> tuple[str, int] | None:
    """Return where the first process is to tell what it measured, the others at the next ports."""
    text = env.str(METRICS_BIND, default="")
    try:
        is_debug = env.bool("DEBUG", default=True)
        return parse_bind(text, is_debug=is_debug) if text else None
    except ValueError as error:
        raise StartFailed(str(error)) from None


def _prepare_data(
    supervisor: Supervisor, owner_env: dict[str, str], env: environ.Env, *, has_demo: bool
) -> Sequence[str]:
    """Bring tables, files and demo up to date; return what the demo says about its logins."""
    arguments = ("prepare", "--demo") if has_demo else ("prepare",)
    # Its output is for the person who started this; what it logs is not.
    prepare = manage("prepare", *arguments, env={**owner_env, "LOG_LEVEL": "ERROR"})
    with step("tables and demo" if has_demo else "tables"):
        logins = supervisor.run_to_end(prepare, wait_s=STEP_WAIT_S)
    if not env.bool("DEBUG", default=True):
        with step("static files"):
            supervisor.run_to_end(
                manage("static", "collect_static", env=owner_env),
                wait_s=STEP_WAIT_S,
            )
    return logins


def _welcome(url: str, home: Home, logins: Sequence[str]) -> None:
    say(f"Zavora is ready on {url}")
    for line in logins:
        say(f"  {line}")
    say(f"  Try: curl {url}/api/v1/markets")
    say(f"  Logs: {home.logs} (all of them here: ZAVORA_SHOW_LOGS=all). Ctrl-C ends it.")


def _every(pause_s: float, check: Callable[[], bool]) -> Callable[[], bool]:
    """Return a condition that really asks only every ``pause_s`` seconds."""
    due = time.monotonic()

    def condition() -> bool:
        nonlocal due
        if time.monotonic() < due:
            return False
        answer = check()
        due = time.monotonic() + pause_s
        return answer

    return condition


def main() -> int:
    """Run until a signal; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m zavora.run", description=__doc__)
    parser.add_argument(
        "--end-with-parent", action="store_true", help="stop when the parent process dies (Linux)"
    )
    if parser.parse_args().end_with_parent:
        end_with_parent_process(signal.SIGTERM)
    os.umask(PRIVATE_UMASK)
    load_environment()
    env = environ.Env()
    home = Home(home_from_environment())
    try:
        home.prepare()
        say(f"Zavora starts in {home.path}")
        runs_already = lambda: running_servers(home.path) is not None  # noqa: E731
        with owner_lock(home, wait_s=OWNER_WAIT_S, give_up=runs_already) as is_owner:
            if not is_owner:
                pid = server_owner(home.path)
                raise HomeError(
                    f"ZAVORA_HOME={home.path} is in use by process {pid or '(unknown)'}; stop it, "
                    "or name another home (and PORT) to run beside it"
                )
            shows_all = env.str("ZAVORA_SHOW_LOGS", default="") == "all"
            with Supervisor(home, show=say, shows_all_logs=shows_all) as supervisor:
                try:
                    run_exchange(home, supervisor, env)
                finally:
                    say("Stopping")
                    withdraw_servers(home)
            say("Zavora has stopped")
    except StopRequested:
        say("Zavora has stopped")
    except (HomeError, ServerMissing, StartFailed, UnknownWebServer, UnsafeBind) as error:
        say(f"Zavora cannot start: {error}")
        return 1
    return 0
