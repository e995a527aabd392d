"""``python -m deploy.local.supervise``: own all processes of a cluster, in order, until a signal.

``make cluster`` starts it in the background and reads its progress; all processes end with it.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator, Mapping

from deploy.local import state
from deploy.local.application import application_specs, preparing_specs
from deploy.local.control import ControlServer
from deploy.local.description import accounts_file, describe
from deploy.local.etcd import etcd_specs
from deploy.local.haproxy import haproxy_specs, write_haproxy
from deploy.local.hosts import Host, choose_network, loopback_hosts, namespace_hosts
from deploy.local.leftovers import end_leftovers, remove_traces
from deploy.local.missing import Missing, find_programs
from deploy.local.monitoring import monitoring_specs, write_monitoring
from deploy.local.nginx import nginx_spec, write_nginx
from deploy.local.patroni import patroni_specs, write_patroni
from deploy.local.plan import BEAT, ENDPOINTS, Plan, make_secrets
from deploy.local.ports import numbered, take_block
from deploy.local.readiness import CHECKS, READY, SERVER_CHECKS, why_not
from deploy.local.valkey import valkey_specs, write_valkey
from zavora.runner.home import Home, HomeError, owner_lock
from zavora.runner.processes import PRIVATE_UMASK, identify, write_private
from zavora.runner.supervisor import StartFailed, StopRequested, Supervisor

SERVERS_WAIT_S = 120.0
STEP_WAIT_S = 300.0
READY_WAIT_S = 180.0
OWNER_WAIT_S = 5.0
CHECK_PAUSE_S = 0.2
# In a network of its own a cluster shares its ports with nobody.
FIRST_PORT_IN_NAMESPACES = 20_000

HOST_KINDS = ("loopback", "namespaces")
DATABASE_BY = ("haproxy", "hosts")


class Progress:
    """Tells whoever started us how far we are."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._began = time.monotonic()
        own = identify(os.getpid())
        assert own is not None
        self._own = own
        write_private(state.progress_file(home), "")
        self.tell("starting")

    @property
    def took_s(self) -> float:
        """How long ago it began."""
        return time.monotonic() - self._began

    def say(self, line: str) -> None:
        """Add a line."""
        with state.progress_file(self._home).open("a") as file:
            file.write(f"  {self.took_s:5.1f} s  {line}\n")

    def tell(self, phase: str, message: str = "") -> None:
        """Change the phase: starting, ready, failed or stopping."""
        told = state.Supervising(self._own.pid, self._own.started, phase, message)
        state.write_supervising(self._home, told)


@contextlib.contextmanager
def planned(home: Home, settings: Mapping[str, str]) -> Iterator[Plan]:
    """Make the hosts and yield the plan for them. Raises Missing or HomeError."""
    kind = one_of(settings, "ZAVORA_CLUSTER_HOSTS", HOST_KINDS)
    database_by = one_of(settings, "ZAVORA_CLUSTER_DATABASE", DATABASE_BY)
    programs = find_programs(with_namespaces=kind == "namespaces")
    identity = state.read_json(state.identity_file(home)) or {"id": uuid.uuid4().hex[:8]}
    if identity.setdefault("hosts", kind) != kind:
        raise HomeError(
            f"{home.path} was made with ZAVORA_CLUSTER_HOSTS={identity['hosts']}, and its data"
            " names those addresses: go on with that, or make cluster-reset"
        )
    # The id is on record before anything bears it.
    write_private(state.identity_file(home), json.dumps(identity))
    with contextlib.ExitStack() as stack:
        hosts: dict[str, Host]
        if kind == "namespaces":
            network = identity.get("network") or choose_network(identity["id"])
            identity["network"] = network
            write_private(state.identity_file(home), json.dumps(identity))
            hosts = stack.enter_context(namespace_hosts(identity["id"], network))
            ports = numbered(FIRST_PORT_IN_NAMESPACES, ENDPOINTS)
        else:
            network, hosts = "", loopback_hosts()
            ports, claim = take_block(home.path / "ports.json", ENDPOINTS)
            stack.enter_context(claim)
        yield Plan(
            home=home,
            cluster_id=identity["id"],
            database_by=database_by,
            hosts=hosts,
            network=network,
            ports=ports,
            programs=programs,
            secrets=make_secrets(home),
        )


def one_of(settings: Mapping[str, str], name: str, words: tuple[str, ...]) -> str:
    """Return a setting, by default the first of its words. Raises HomeError for another word."""
    word = settings.get(name) or words[0]
    if word not in words:
        raise HomeError(f"{name}={word}: expected {' or '.join(words)}")
    return word


def run_cluster(plan: Plan, supervisor: Supervisor, progress: Progress) -> None:
    """Start everything in order, say when it is ready, and go on until a signal comes.

    Raises StartFailed or StopRequested.
    """
    write_patroni(plan)
    write_valkey(plan)
    write_haproxy(plan)
    write_monitoring(plan)
    certificates = write_nginx(plan)
    for spec in (*etcd_specs(plan), *patroni_specs(plan), *valkey_specs(plan)):
        supervisor.start(spec)
    for spec in haproxy_specs(plan):
        supervisor.start(spec)
    for name in SERVER_CHECKS:
        _wait_for(name, plan, supervisor, wait_s=SERVERS_WAIT_S)
        progress.say(f"{name} is ready")
    for spec in preparing_specs(plan, accounts_file=str(accounts_file(plan.home))):
        supervisor.run_to_end(spec, wait_s=STEP_WAIT_S)
        progress.say(f"{spec.name} made")
    # The longest wait first: beat asks for celery's sign of life ten seconds after its start.
    specs = sorted(application_specs(plan), key=lambda spec: spec.name != BEAT)
    for spec in (*specs, nginx_spec(plan), *monitoring_specs(plan)):
        supervisor.start(spec)
    for name in CHECKS:
        _wait_for(name, plan, supervisor, wait_s=READY_WAIT_S)
        if name not in SERVER_CHECKS:
            progress.say(f"{name}: ready")
    content = describe(plan, authority=certificates.authority, took_s=progress.took_s)
    write_private(state.description_file(plan.home), json.dumps(content, indent=1))
    progress.tell("ready")
    supervisor.run_forever()


def _wait_for(name: str, plan: Plan, supervisor: Supervisor, *, wait_s: float) -> None:
    reason, due = "never asked", 0.0

    def is_ready() -> bool:
        nonlocal reason, due
        if time.monotonic() < due:
            return False
        reason = why_not(plan, name)
        due = time.monotonic() + CHECK_PAUSE_S
        return reason == READY

    try:
        supervisor.wait_until(is_ready, wait_s=wait_s, what=name)
    except StartFailed as failure:
        raise StartFailed(f"{failure} ({reason})") from failure


def main() -> int:
    """Run until a signal; return the exit code."""
    argparse.ArgumentParser(prog="python -m deploy.local.supervise", description=__doc__)
    os.umask(PRIVATE_UMASK)
    home = state.home_from_environment()
    home.prepare()
    with owner_lock(home, wait_s=OWNER_WAIT_S) as is_owner:
        if not is_owner:
            print(f"{home.path} is in use")
            return 1
        progress = Progress(home)
        try:
            for name in end_leftovers(home):
                progress.say(f"ended {name}, left by an earlier run")
            with planned(home, os.environ) as plan, Supervisor(home, show=print) as supervisor:
                control = ControlServer(supervisor, state.control_socket(home))
                try:
                    run_cluster(plan, supervisor, progress)
                finally:
                    progress.tell("stopping")
                    control.close()
        except StopRequested:
            pass
        except (HomeError, Missing, StartFailed) as error:
            end_leftovers(home)
            progress.tell("failed", str(error))
            return 1
        finally:
            remove_traces(home)
        end_leftovers(home)
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.exit(main())
