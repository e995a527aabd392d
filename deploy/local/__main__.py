"""``python -m deploy.local``: bring the cluster up and down, ask it, do things to its parts."""

import argparse
import functools
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

from deploy.local import state
from deploy.local.cluster import Cluster, ClusterError
from deploy.local.hosts import EDGE, HOSTS
from deploy.local.life import bring_down, bring_up, wipe
from deploy.local.missing import Missing, find_programs
from zavora.runner.home import HomeError

LOG_LINES: Final = 50


def up(_: argparse.Namespace) -> int:
    """Start everything, wait until it is ready, and say where it is."""
    find_programs(with_namespaces=os.environ.get("ZAVORA_CLUSTER_HOSTS") == "namespaces")
    cluster = bring_up(state.home_from_environment(), say=functools.partial(print, flush=True))
    first = cluster.accounts[0]
    print(f"The cluster is ready on {cluster.base_url} ({cluster.description['took_s']} s)")
    print(f"  trust:      {cluster.authority}")
    print(f"  prometheus: http://{cluster.address('prometheus')}")
    print(f"  a trader:   {first['email']}, account {first['account']}")
    print(f"  all of it:  {state.description_file(cluster.home)}")
    print("  See docs/cluster.md; make cluster-down ends it.")
    return 0


def down(_: argparse.Namespace) -> int:
    """Stop everything; its data stay."""
    for name in bring_down(state.home_from_environment()):
        print(f"ended {name}, which nobody supervised any more")
    print("the cluster is down")
    return 0


def reset(_: argparse.Namespace) -> int:
    """Stop everything and delete its data."""
    home = state.home_from_environment()
    wipe(home)
    print(f"{home.path} is gone")
    return 0


def status(arguments: argparse.Namespace) -> int:
    """Say how each process is."""
    cluster = Cluster.running()
    states = cluster.states()
    if arguments.json:
        print(json.dumps({**cluster.description, "processes": states}, indent=1))
        return 0
    print(f"{cluster.base_url}   primary on host {cluster.leader()}")
    for one in states:
        how = "held" if one["is_held"] else "" if one["pid"] else "down"
        print(f"{one['name']:14} {one['pid'] or '-':>8}  {how}")
    return 0


def kill(arguments: argparse.Namespace) -> int:
    """Send a process a signal, by default KILL; it is started again."""
    found = Cluster.running().kill(arguments.name, arguments.signal)
    print(f"{arguments.name}: {arguments.signal.name} to {found.pid}")
    return 0


def hold(arguments: argparse.Namespace) -> int:
    """Stop a process and keep it down."""
    Cluster.running().hold(arguments.name)
    print(f"{arguments.name} is held")
    return 0


def release(arguments: argparse.Namespace) -> int:
    """Start a process again that was held."""
    Cluster.running().release(arguments.name)
    print(f"{arguments.name} is released")
    return 0


def logs(arguments: argparse.Namespace) -> int:
    """Show the end of a process's log."""
    lines = Cluster.running().log_file(arguments.name).read_text(errors="replace").splitlines()
    print("\n".join(lines[-LOG_LINES:]))
    return 0


def leader(_: argparse.Namespace) -> int:
    """Say which host has the primary."""
    found = Cluster.running().leader()
    print(found or "there is none")
    return 0 if found else 1


def env(_: argparse.Namespace) -> int:
    """Print what a shell may evaluate: addresses and the first trader's token."""
    cluster = Cluster.running()
    first = cluster.accounts[0]
    for name, value in {
        state.VARIABLE: str(cluster.home.path),
        "CLUSTER_URL": cluster.base_url,
        "CLUSTER_CA": str(cluster.authority),
        "CLUSTER_TOKEN": first["token"],
        "CLUSTER_ACCOUNT": first["account"],
        "CLUSTER_DATABASE_URL": cluster.database_url(),
        "CLUSTER_SUPERUSER_URL": cluster.database_url("superuser"),
        "CLUSTER_REDIS_URL": cluster.redis_url(),
        "CLUSTER_PROMETHEUS": f"http://{cluster.address('prometheus')}",
    }.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def manage(arguments: argparse.Namespace) -> int:
    """Run a management command on the cluster."""
    return _passed_on(Cluster.running().manage(*arguments.words))


def patronictl(arguments: argparse.Namespace) -> int:
    """Run patronictl: list, switchover, failover, pause ..."""
    command = [*Cluster.running().description["patronictl"], *arguments.words]
    return subprocess.run(command).returncode


def on(arguments: argparse.Namespace) -> int:
    """Run a command in the network of a host."""
    return _passed_on(Cluster.running().run_on(arguments.host, arguments.words))


def lose(arguments: argparse.Namespace) -> int:
    """Kill all that runs on a host, and keep it down."""
    Cluster.running().lose_host(arguments.host)
    print(f"host {arguments.host} is lost")
    return 0


def regain(arguments: argparse.Namespace) -> int:
    """Start all again that runs on a host that was lost."""
    Cluster.running().regain_host(arguments.host)
    print(f"host {arguments.host} is back")
    return 0


def cut(arguments: argparse.Namespace) -> int:
    """Cut the links between a host and others (where hosts are namespaces)."""
    Cluster.running().cut(arguments.host, *arguments.others)
    return 0


def heal(arguments: argparse.Namespace) -> int:
    """Mend the links of a host."""
    Cluster.running().heal(arguments.host)
    return 0


def _signal(word: str) -> signal.Signals:
    """Return the signal that a word such as KILL or SIGSTOP means."""
    try:
        return signal.Signals[f"SIG{word.upper().removeprefix('SIG')}"]
    except KeyError:
        raise argparse.ArgumentTypeError(f"expected a signal such as STOP, not {word}") from None


def _passed_on(done: "subprocess.CompletedProcess[str]") -> int:
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    return done.returncode


_HOST: Final = {"choices": HOSTS}
Option = tuple[str, dict[str, Any]]
COMMANDS: Final[dict[str, tuple[Callable[[argparse.Namespace], int], tuple[Option, ...]]]] = {
    **{one.__name__: (one, ()) for one in (up, down, reset, leader, env)},
    "status": (status, (("--json", {"action": "store_true"}),)),
    "kill": (kill, (("name", {}), ("signal", {"nargs": "?", "default": "KILL", "type": _signal}))),
    **{one.__name__: (one, (("name", {}),)) for one in (hold, release, logs)},
    **{
        one.__name__: (one, (("words", {"nargs": argparse.REMAINDER}),))
        for one in (manage, patronictl)
    },
    **{one.__name__: (one, (("host", _HOST),)) for one in (lose, regain, heal)},
    "cut": (cut, (("host", _HOST), ("others", {**_HOST, "nargs": "+"}))),
    "on": (on, (("host", {"choices": (*HOSTS, EDGE)}), ("words", {"nargs": argparse.REMAINDER}))),
}


def main() -> int:
    """Do what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (function, options) in COMMANDS.items():
        command = commands.add_parser(name, help=function.__doc__)
        command.set_defaults(do=function)
        for option, how in options:
            command.add_argument(option, **how)
    arguments = parser.parse_args()
    try:
        code: int = arguments.do(arguments)
    except Missing as error:
        # Nothing to be ashamed of on a laptop; where it is there to test, it is.
        print(f"make cluster: skipped, {error}")
        return 1 if os.environ.get("CI", "") not in ("", "0", "false") else 0
    except (ClusterError, HomeError) as error:
        print(f"make cluster: {error}", file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
