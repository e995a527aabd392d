"""etcd: three members that agree on who leads. Patroni keeps its leader's key there."""

import dataclasses

from deploy.local.hosts import HOSTS
from deploy.local.plan import Plan
from zavora.runner.processes import ProcessSpec, Stage

# Disks and processors are shared here: what a member may be late before it counts as gone.
HEARTBEAT_MS = 200
ELECTION_MS = 2_000
STOP_GRACE_S = 2.0


def etcd_specs(plan: Plan) -> list[ProcessSpec]:
    """Return how to run the members; where they have data, they find each other by it."""
    members = ",".join(f"{host}=http://{plan.address(f'etcd-peer-{host}')}" for host in HOSTS)
    specs = []
    for host in HOSTS:
        folder = plan.folder(host, "etcd")
        clients = f"http://{plan.address(f'etcd-{host}')}"
        peers = f"http://{plan.address(f'etcd-peer-{host}')}"
        argv = (
            *(plan.programs.path("etcd"), "--name", host, "--data-dir", str(folder / "data")),
            *("--listen-client-urls", clients, "--advertise-client-urls", clients),
            *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
            *("--initial-cluster", members, "--initial-cluster-token", plan.cluster_id),
            *("--heartbeat-interval", str(HEARTBEAT_MS), "--election-timeout", str(ELECTION_MS)),
            # A revision that nobody asks for any more is dropped after an hour.
            *("--auto-compaction-mode", "periodic", "--auto-compaction-retention", "1h"),
            *("--logger", "zap", "--log-level", "warn"),
        )
        spec = plan.spec(f"etcd-{host}", argv, folder=folder, stage=Stage.GROUND)
        # The last to stop looks for somebody to lead, in vain.
        specs.append(dataclasses.replace(spec, stop_grace_s=STOP_GRACE_S))
    return specs
