"""Whether a cluster has all it should have again: what a trial waits for between two faults."""

import http.client
from typing import Final

import redis
from redis.exceptions import RedisError

from deploy.local.cluster import Cluster
from deploy.local.hosts import HOSTS
from deploy.local.plan import SHARDS, WEBS
from deploy.local.readiness import PATRONI, fetch, members
from marketdata.wire import HEARTBEAT_KEY
from matching.wire import heartbeat_name, standby_name
from tests.cluster.trials import ask_server, server_url, wait_for

WHOLE_WAIT_S: Final = 180.0
_STREAMING: Final = (
    "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'quorum'"
)


def wait_until_whole(cluster: Cluster) -> None:
    """Wait until every part is there and could be lost again. Fails with what is missing."""
    missing = "never asked"

    def is_whole() -> bool:
        nonlocal missing
        missing = why_not_whole(cluster)
        return not missing

    try:
        wait_for(is_whole, wait_s=WHOLE_WAIT_S, what="a whole cluster")
    except AssertionError as error:
        raise AssertionError(f"{error}: {missing}") from None


def why_not_whole(cluster: Cluster) -> str:
    """Return what is missing, or nothing."""
    try:
        return _replicas(cluster) or _processes(cluster) or _doors(cluster)
    except (OSError, http.client.HTTPException, ValueError, KeyError, RedisError) as error:
        return f"{type(error).__name__}: {error}"


def _replicas(cluster: Cluster) -> str:
    found = members([cluster.address(name) for name in PATRONI])
    roles = sorted((one.get("role"), one.get("state")) for one in found)
    if roles != [("leader", "running"), *[("quorum_standby", "streaming")] * (len(HOSTS) - 1)]:
        return f"PostgreSQL is {roles}"
    if ask_server(server_url(cluster), _STREAMING) != [(len(HOSTS) - 1,)]:
        return "the primary does not wait for both replicas"
    return ""


def _processes(cluster: Cluster) -> str:
    states = cluster.states()
    # What a trial holds it has something else for.
    down = [one["name"] for one in states if one["pid"] is None and not one["is_held"]]
    if down:
        return f"down: {', '.join(down)}"
    wanted = {HEARTBEAT_KEY: "market data"}
    for shard in SHARDS:
        wanted[heartbeat_name(shard)] = f"the worker of shard {shard}"
        wanted[standby_name(shard)] = f"the standby of shard {shard}"
    for host in HOSTS:
        with redis.Redis.from_url(cluster.redis_url(host=host), socket_timeout=1) as queue:
            values = queue.mget(list(wanted))
            replicas = queue.info("replication")["connected_slaves"]
        silent = [what for what, value in zip(wanted.values(), values, strict=True) if not value]
        if silent:
            return f"no life of {', '.join(silent)}"
        if replicas != 1:
            return "the queue has no replica"
    return ""


def _doors(cluster: Cluster) -> str:
    for name in WEBS:
        status, _ = fetch(cluster.address(name), "/health/ready")
        if status != 200:
            return f"{name} answers {status} at /health/ready"
    return ""
