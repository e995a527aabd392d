"""The queue: a Valkey and its replica, and three Sentinels that say which of them is which.

Both keep nothing on disk: what only the queue knew, nobody was told.
"""

from typing import Final

from deploy.local.hosts import HOSTS
from deploy.local.plan import QUEUE, VALKEY_HOSTS, Plan
from zavora.runner.processes import ProcessSpec, Stage, write_private

QUORUM: Final = 2
DOWN_AFTER_MS: Final = 1_000
FAILOVER_TIMEOUT_MS: Final = 5_000

VALKEY: Final = """\
bind {address}
port {port}
requirepass {password}
masterauth {password}
dir "{folder}"
save ""
appendonly no
maxmemory 256mb
maxmemory-policy noeviction
repl-diskless-sync-delay 0
repl-ping-replica-period 1
repl-timeout 5
tcp-keepalive 60
daemonize no
loglevel notice
"""
SENTINEL: Final = """\
bind {address}
port {port}
requirepass {own}
dir "{folder}"
daemonize no
sentinel sentinel-pass {own}
sentinel monitor {queue} {master_address} {master_port} {quorum}
sentinel auth-pass {queue} {password}
sentinel down-after-milliseconds {queue} {down_after}
sentinel failover-timeout {queue} {failover_timeout}
sentinel parallel-syncs {queue} 1
"""


def write_valkey(plan: Plan) -> None:
    """Write the configurations as of the first day: Valkey and Sentinel change theirs as they go.

    The first host's is the master. Nothing is lost by that, as nothing was kept.
    """
    first, *others = VALKEY_HOSTS
    master = plan.host(f"valkey-{first}").address, plan.ports[f"valkey-{first}"]
    for host in VALKEY_HOSTS:
        folder = plan.folder(host, "valkey")
        text = VALKEY.format(
            address=plan.host(f"valkey-{host}").address,
            port=plan.ports[f"valkey-{host}"],
            password=plan.secrets["valkey"],
            folder=folder,
        )
        if host in others:
            text += f"replicaof {master[0]} {master[1]}\n"
        write_private(folder / "valkey.conf", text)
    for host in HOSTS:
        folder = plan.folder(host, "sentinel")
        text = SENTINEL.format(
            address=plan.host(f"sentinel-{host}").address,
            port=plan.ports[f"sentinel-{host}"],
            own=plan.secrets["sentinel"],
            folder=folder,
            queue=QUEUE,
            master_address=master[0],
            master_port=master[1],
            quorum=QUORUM,
            password=plan.secrets["valkey"],
            down_after=DOWN_AFTER_MS,
            failover_timeout=FAILOVER_TIMEOUT_MS,
        )
        write_private(folder / "sentinel.conf", text)


def valkey_specs(plan: Plan) -> list[ProcessSpec]:
    """Return how to run both servers and the Sentinels."""
    program = str(plan.programs.valkey)
    servers = [
        plan.spec(f"valkey-{host}", (program, "valkey.conf"), folder=plan.folder(host, "valkey"))
        for host in VALKEY_HOSTS
    ]
    sentinels = [
        plan.spec(
            f"sentinel-{host}",
            (program, "sentinel.conf", "--sentinel"),
            folder=plan.folder(host, "sentinel"),
            stage=Stage.GROUND,
        )
        for host in HOSTS
    ]
    return [*servers, *sentinels]
