"""HAProxy on each host: one address for the primary, for replicas, and for the queue's master.

Who is primary Patroni says, for each PostgreSQL, by the leader's key. Who is the queue's master the
Sentinels say, by majority: a Valkey that comes back believes that it still is, and may for seconds,
so its own word (``role:master``) alone could split the queue in two.
"""

from typing import Final

from deploy.local.hosts import HOSTS
from deploy.local.plan import QUEUE, VALKEY_HOSTS, Plan
from deploy.local.valkey import QUORUM
from zavora.runner.processes import ProcessSpec, write_private

# Replicas that are further behind are not read from.
REPLICA_LAG: Final = "16MB"

_GLOBAL: Final = """\
global
  maxconn 4000
  stats socket {folder}/admin.sock mode 600 level admin
defaults
  mode tcp
  timeout connect 1s
  timeout client 1h
  timeout server 1h
  timeout check 1s
  # Whoever waits for PostgreSQL's commit is silent meanwhile; that the peer is there TCP finds out.
  option clitcpka
  option srvtcpka
frontend metrics
  mode http
  bind {metrics}
  timeout client 10s
  http-request use-service prometheus-exporter if {{ path /metrics }}
"""
_POSTGRES: Final = """\
listen {name}
  bind {bind}
  option httpchk OPTIONS {path}
  http-check expect status 200
  default-server inter 500ms fastinter 200ms rise 1 fall 2 on-marked-down shutdown-sessions
"""
_QUEUE: Final = """\
frontend queue
  bind {bind}
{choices}
backend queue-of-nobody
"""
_VOTES: Final = """\
backend votes-for-{host}
  option tcp-check
  tcp-check connect
  tcp-check send "AUTH {sentinel}\\r\\n"
  tcp-check expect string +OK
  tcp-check send "SENTINEL get-master-addr-by-name {queue}\\r\\n"
  tcp-check expect string {address}\\r\\n${digits}\\r\\n{port}\\r\\n
  default-server inter 300ms fastinter 100ms rise 1 fall 1
"""
_MASTER: Final = """\
backend queue-{host}
  option tcp-check
  tcp-check connect
  tcp-check send "AUTH {password}\\r\\n"
  tcp-check expect string +OK
  tcp-check send "INFO replication\\r\\n"
  tcp-check expect string role:master
  default-server inter 300ms fastinter 100ms rise 1 fall 2 on-marked-down shutdown-sessions
  server {host} {at} check
"""


def write_haproxy(plan: Plan) -> None:
    """Write each host's configuration."""
    for host in HOSTS:
        write_private(plan.folder(host, "haproxy") / "haproxy.cfg", configuration(plan, host))


def configuration(plan: Plan, host: str) -> str:
    """Return what HAProxy on one host is told."""
    folder = plan.folder(host, "haproxy")
    parts = [_GLOBAL.format(folder=folder, metrics=plan.address(f"haproxy-{host}"))]
    for name, path in (("primary", "/primary"), ("replica", f"/replica?lag={REPLICA_LAG}")):
        parts.append(
            _POSTGRES.format(name=name, bind=plan.address(f"{name}-{host}"), path=path)
            + "".join(
                f"  server {one} {plan.address(f'postgres-{one}')} check"
                f" port {plan.ports[f'patroni-{one}']}\n"
                for one in HOSTS
            )
        )
    choices = "\n".join(
        f"  use_backend queue-{one} if {{ nbsrv(votes-for-{one}) ge {QUORUM} }}"
        for one in VALKEY_HOSTS
    )
    choices += "\n  default_backend queue-of-nobody"
    parts.append(_QUEUE.format(bind=plan.address(f"queue-{host}"), choices=choices))
    for one in VALKEY_HOSTS:
        parts.append(_votes(plan, one))
        parts.append(
            _MASTER.format(
                host=one, password=plan.secrets["valkey"], at=plan.address(f"valkey-{one}")
            )
        )
    return "".join(parts)


def _votes(plan: Plan, candidate: str) -> str:
    """Return the backend whose servers are the Sentinels that name this Valkey the master."""
    votes = _VOTES.format(
        host=candidate,
        sentinel=plan.secrets["sentinel"],
        queue=QUEUE,
        address=plan.host(f"valkey-{candidate}").address,
        digits=len(str(plan.ports[f"valkey-{candidate}"])),
        port=plan.ports[f"valkey-{candidate}"],
    )
    return votes + "".join(
        f"  server {one} {plan.address(f'sentinel-{one}')} check\n" for one in HOSTS
    )


def haproxy_specs(plan: Plan) -> list[ProcessSpec]:
    """Return how to run the balancers, in the foreground."""
    return [
        plan.spec(
            f"haproxy-{host}",
            (plan.programs.path("haproxy"), "-db", "-f", "haproxy.cfg"),
            folder=plan.folder(host, "haproxy"),
        )
        for host in HOSTS
    ]
