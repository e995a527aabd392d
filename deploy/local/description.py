"""The one file that says where everything is, for trials and people: ``cluster.json``."""

from pathlib import Path
from typing import Any

from deploy.local.application import environment
from deploy.local.hosts import EDGE, HOSTS, LOOPBACK
from deploy.local.monitoring import alerts_file
from deploy.local.plan import ENDPOINTS, MARK, OWNER, RUN_USER, SUPERUSER, Plan
from deploy.local.state import read_json
from zavora.runner.home import Home


def accounts_file(home: Home) -> Path:
    """Return where accounts and tokens lie, which are made once."""
    return home.path / "secrets" / "accounts.json"


def describe(plan: Plan, *, authority: Path, took_s: float) -> dict[str, Any]:
    """Return where everything is. It holds secrets: its file is its owner's alone."""
    made = read_json(accounts_file(plan.home))
    edge = plan.hosts[EDGE].address
    door = "localhost" if edge == LOOPBACK else edge
    urls = {"run": RUN_USER, "owner": OWNER, "superuser": SUPERUSER}
    return {
        "id": plan.cluster_id,
        "home": str(plan.home.path),
        "took_s": round(took_s, 1),
        "base_url": f"https://{door}:{plan.ports['https']}",
        "authority": str(authority),
        "database_by": plan.database_by,
        "database_urls": {
            name: {host: plan.database_url(user, host=host) for host in HOSTS}
            for name, user in urls.items()
        },
        "redis_urls": {host: plan.redis_url(host=host) for host in HOSTS},
        "hosts": {
            name: {"address": host.address, "enter": list(host.enter)}
            for name, host in plan.hosts.items()
        },
        "endpoints": {name: plan.address(name) for name in ENDPOINTS},
        # Without the mark: what a person runs with it is not the cluster's to end.
        "environment": {n: v for n, v in environment(plan, host="a").items() if n != MARK},
        "patronictl": [
            str(plan.programs.patroni.with_name("patronictl")),
            *("-c", str(plan.folder("a", "patroni") / "patroni.yml")),
        ],
        "alerts": str(alerts_file(plan.home.path)),
        "logs": str(plan.home.logs),
        "operator": {
            "email": made.get("operator"),
            "password": plan.secrets["operator_password"],
        },
        "markets": made.get("markets", {}),
        "accounts": made.get("accounts", []),
    }
