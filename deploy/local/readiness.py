"""Is each part of the cluster really ready: asked from outside, as its clients would."""

import http.client
import json
import socket
from collections.abc import Callable, Iterable
from typing import Any, Final

import redis
from redis.exceptions import RedisError

from deploy.local.hosts import HOSTS
from deploy.local.monitoring import ZAVORA_JOB
from deploy.local.plan import QUEUE, SHARDS, WEBS, Plan
from marketdata.wire import HEARTBEAT_KEY
from matching.wire import heartbeat_name, standby_name
from zavora.foundation.queue import CELERY_KEY

TIMEOUT_S: Final = 1.0
# What something that is ready says; anything else is why it is not.
READY: Final = ""
PATRONI: Final = tuple(f"patroni-{host}" for host in HOSTS)
Check = Callable[[Plan], str]


def fetch(address: str, path: str) -> tuple[int, bytes]:
    """Return status and body of a GET. Raises OSError or HTTPException."""
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def fetch_json(address: str, path: str) -> Any:
    """Return what a GET answers, whatever its status. Raises OSError, HTTPException, ValueError."""
    return json.loads(fetch(address, path)[1])


def members(addresses: Iterable[str]) -> list[dict[str, Any]]:
    """Return Patroni's members as the first that answers sees them; empty where none does."""
    for address in addresses:
        try:
            found: list[dict[str, Any]] = fetch_json(address, "/cluster")["members"]
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            continue
        return found
    return []


def check_etcd(plan: Plan) -> str:
    """Each member says that it is healthy, which takes a majority."""
    ill = []
    for host in HOSTS:
        if fetch_json(plan.address(f"etcd-{host}"), "/health").get("health") != "true":
            ill.append(host)
    return f"unhealthy: {', '.join(ill)}" if ill else READY


def check_postgres(plan: Plan) -> str:
    """There is a leader, and both others stream from it, at least one of them in the quorum."""
    found = members(map(plan.address, PATRONI))
    roles = {one["name"]: (one.get("role"), one.get("state")) for one in found}
    quorum = [name for name, role in roles.items() if role == ("quorum_standby", "streaming")]
    streaming = [name for name, (_, state) in roles.items() if state == "streaming"]
    has_leader = ("leader", "running") in roles.values()
    if has_leader and quorum and len(streaming) == len(HOSTS) - 1:
        return READY
    return f"members are {roles}"


def check_balancers(plan: Plan) -> str:
    """Each host's HAProxy has one primary, and gives its figures."""
    for host in HOSTS:
        status, body = fetch(plan.address(f"haproxy-{host}"), "/metrics")
        if status != 200:
            return f"haproxy-{host} answers {status}"
        up = b'haproxy_backend_active_servers{proxy="primary"} 1'
        if up not in body:
            return f"haproxy-{host} sees no primary"
    return READY


def check_sentinels(plan: Plan) -> str:
    """Each Sentinel knows the master, its replica and the others."""
    for host in HOSTS:
        with _connect(plan, f"sentinel-{host}", plan.secrets["sentinel"]) as sentinel:
            answer = sentinel.execute_command("SENTINEL", "MASTER", QUEUE)
        seen = answer.items() if isinstance(answer, dict) else zip(*[iter(answer)] * 2, strict=True)
        found = {_text(name): _text(value) for name, value in seen}
        if (found.get("num-other-sentinels"), found.get("num-slaves")) != ("2", "1"):
            return (
                f"sentinel-{host} knows {found.get('num-other-sentinels')} others and"
                f" {found.get('num-slaves')} replicas"
            )
    return READY


def check_queue(plan: Plan) -> str:
    """Through each host's HAProxy the queue's master answers."""
    for host in HOSTS:
        with _connect(plan, f"queue-{host}", plan.secrets["valkey"]) as queue:
            queue.ping()
    return READY


def check_workers(plan: Plan) -> str:
    """Each shard has a worker and a standby, market data and celery show life."""
    wanted = {
        **{heartbeat_name(shard): f"the worker of shard {shard}" for shard in SHARDS},
        **{standby_name(shard): f"the standby of shard {shard}" for shard in SHARDS},
        HEARTBEAT_KEY: "market data",
        CELERY_KEY: "celery",
    }
    with _connect(plan, "queue-a", plan.secrets["valkey"]) as queue:
        values = queue.mget(list(wanted))
    silent = [what for what, value in zip(wanted.values(), values, strict=True) if value is None]
    return f"no life of {', '.join(silent)}" if silent else READY


def check_web(plan: Plan) -> str:
    """Each web process is ready, and the edge's door is open."""
    for name in WEBS:
        status, _ = fetch(plan.address(name), "/health/ready")
        if status != 200:
            return f"{name} answers {status} at /health/ready"
    address, _, port = plan.address("https").rpartition(":")
    with socket.create_connection((address, int(port)), timeout=TIMEOUT_S):
        return READY


def check_monitoring(plan: Plan) -> str:
    """Prometheus has scraped every target that must be there; Alertmanager and its receiver are."""
    for endpoint, path in (("alertmanager", "/-/ready"), ("receiver", "/")):
        status, _ = fetch(plan.address(endpoint), path)
        if status != 200:
            return f"{endpoint} answers {status}"
    found = fetch_json(plan.address("prometheus"), "/api/v1/targets?state=active")
    targets = found["data"]["activeTargets"]
    down = [
        one["labels"]["process"]
        for one in targets
        if one["health"] != "up" and one["labels"]["job"] != ZAVORA_JOB
    ]
    return f"not scraped: {', '.join(down)}" if down or not targets else READY


SERVER_CHECKS: Final[dict[str, Check]] = {
    "etcd": check_etcd,
    "postgres": check_postgres,
    "haproxy": check_balancers,
    "queue": check_queue,
}
CHECKS: Final[dict[str, Check]] = {
    **SERVER_CHECKS,
    "sentinels": check_sentinels,
    "processes": check_workers,
    "web": check_web,
    "monitoring": check_monitoring,
}


def why_not(plan: Plan, name: str) -> str:
    """Return why a part is not ready, or nothing where it is."""
    try:
        return CHECKS[name](plan)
    except (OSError, http.client.HTTPException, ValueError, KeyError, RedisError) as error:
        return f"{type(error).__name__}: {error}"


def _connect(plan: Plan, endpoint: str, password: str) -> redis.Redis:
    return redis.Redis(
        host=plan.host(endpoint).address,
        port=plan.ports[endpoint],
        password=password,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
    )


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
