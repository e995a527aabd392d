"""Plans for tests: of a cluster that is never started, and settings for one that is."""

import os
from pathlib import Path

import pytest

from deploy.local.hosts import EDGE, HOSTS, Host, loopback_hosts
from deploy.local.missing import Missing, Programs, find_programs
from deploy.local.plan import ENDPOINTS, SECRETS, Plan
from deploy.local.ports import numbered
from deploy.local.state import home_at


def programs_or_skip(*, with_namespaces: bool = False) -> Programs:
    """Return the programs; skip the test where some are missing, or fail where CI is set."""
    try:
        return find_programs(with_namespaces=with_namespaces)
    except Missing as missing:
        if os.environ.get("CI", "") not in ("", "0", "false"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))


def make_plan(
    path: Path, programs: Programs, *, database_by: str = "haproxy", network: str = ""
) -> Plan:
    """Return a plan with hosts in a network, or on loopback without one."""
    home = home_at(path)
    home.prepare()
    names = (*HOSTS, EDGE)
    prefix = network.rpartition(".")[0]
    hosts = {name: Host(name, f"{prefix}.{n}") for n, name in enumerate(names, start=1)}
    return Plan(
        home=home,
        cluster_id="0a1b2c3d",
        database_by=database_by,
        hosts=hosts if network else loopback_hosts(),
        network=network,
        ports=numbered(21_000, ENDPOINTS),
        programs=programs,
        secrets={name: f"secret-of-{name}" for name in SECRETS},
    )
