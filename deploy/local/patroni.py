"""PostgreSQL, three times, under Patroni: quorum-synchronous, and strict about it.

Whatever is acknowledged is on two hosts. With no replica left commits wait (strict), and with etcd
gone a primary that still reaches all others goes on (failsafe_mode).
"""

import dataclasses
from typing import Any

import yaml

from deploy.local.hosts import HOSTS, LOOPBACK
from deploy.local.plan import SUPERUSER, Plan
from zavora.runner.embedded.privileges import own
from zavora.runner.processes import ProcessSpec, write_private

SCOPE = "zavora"
# Until a primary that shows no life is replaced. Patroni takes no less than 20: so long, and no
# less, is the loss of a whole host.
TTL_S = 20
LOOP_WAIT_S = 2
RETRY_TIMEOUT_S = 3
# A shutdown waits for a checkpoint, and for replicas that may be gone (wal_sender_timeout).
STOP_GRACE_S = 20.0

PARAMETERS: dict[str, Any] = {
    "max_connections": 200,
    "shared_buffers": "128MB",
    "wal_level": "replica",
    "hot_standby": "on",
    "max_wal_senders": 10,
    "max_replication_slots": 10,
    "wal_log_hints": "on",  # pg_rewind asks for it
    "wal_keep_size": "256MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_writer_delay": "10ms",
    "wal_writer_flush_after": "256kB",
    "random_page_cost": 1.1,
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A link that broke is noticed within seconds, on both ends.
    "wal_receiver_status_interval": "1s",
    "wal_sender_timeout": "5s",
    "wal_receiver_timeout": "5s",
    # Nothing is acknowledged until a replica is back: it asks for a primary that restarts more
    # often than each five seconds.
    "wal_retrieve_retry_interval": "500ms",
    "tcp_keepalives_idle": 1,
    "tcp_keepalives_interval": 1,
    "tcp_keepalives_count": 3,
    # What a statement carries stays out of the log (docs/operations.md).
    "log_min_error_statement": "panic",
    "log_parameter_max_length": 0,
    "log_parameter_max_length_on_error": 0,
    "log_error_verbosity": "terse",
}


def write_patroni(plan: Plan) -> None:
    """Write each host's configuration."""
    for host in HOSTS:
        folder = plan.folder(host, "patroni")
        text = yaml.safe_dump(configuration(plan, host), sort_keys=False)
        write_private(folder / "patroni.yml", text)
        own(folder, plan.programs.run_as)


def configuration(plan: Plan, host: str) -> dict[str, Any]:
    """Return what Patroni on one host is told."""
    folder = plan.folder(host, "patroni")
    rest, postgres = plan.address(f"patroni-{host}"), plan.address(f"postgres-{host}")
    network = f"{LOOPBACK}/32" if plan.hosts[host].address == LOOPBACK else plan.network
    return {
        "scope": SCOPE,
        "name": host,
        "log": {"level": "INFO"},
        "restapi": {
            "listen": rest,
            "connect_address": rest,
            # For what changes something; asking is free, and the balancers ask.
            "authentication": {"username": "patroni", "password": plan.secrets["patroni"]},
        },
        "etcd3": {"hosts": [plan.address(f"etcd-{name}") for name in HOSTS]},
        "bootstrap": {
            "dcs": {
                "ttl": TTL_S,
                "loop_wait": LOOP_WAIT_S,
                "retry_timeout": RETRY_TIMEOUT_S,
                # A primary that crashed is not waited for: a replica has all that was told.
                "primary_start_timeout": 0,
                "synchronous_mode": "quorum",
                "synchronous_mode_strict": True,
                "synchronous_node_count": 1,
                "failsafe_mode": True,
                "postgresql": {
                    "use_pg_rewind": True,
                    "use_slots": True,
                    "parameters": PARAMETERS,
                },
            },
            "initdb": [
                *({"encoding": "UTF8"}, {"locale": "C"}),
                *({"locale-provider": "builtin"}, {"builtin-locale": "C.UTF-8"}),
                *({"auth": "scram-sha-256"}, "data-checksums"),
            ],
        },
        "postgresql": {
            "listen": postgres,
            "connect_address": postgres,
            "data_dir": str(folder / "postgres"),
            "bin_dir": str(plan.programs.postgres),
            "pgpass": str(folder / "pgpass"),
            "authentication": {
                "superuser": {
                    "username": SUPERUSER,
                    "password": plan.secrets["postgres_superuser"],
                },
                "replication": {
                    "username": "replicator",
                    "password": plan.secrets["postgres_replication"],
                },
                "rewind": {"username": "rewinder", "password": plan.secrets["postgres_rewind"]},
            },
            "pg_hba": [
                f"host all all {network} scram-sha-256",
                # The superuser's are backups (docs/backups.md).
                f"host replication replicator,{SUPERUSER} {network} scram-sha-256",
            ],
            "parameters": {"unix_socket_directories": ""},
        },
    }


def patroni_specs(plan: Plan) -> list[ProcessSpec]:
    """Return how to run Patroni on each host; it runs PostgreSQL."""
    specs = []
    for host in HOSTS:
        folder = plan.folder(host, "patroni")
        argv = (
            *plan.programs.run_as.prefix,
            *(str(plan.programs.patroni), str(folder / "patroni.yml")),
        )
        spec = plan.spec(f"patroni-{host}", argv, folder=folder)
        specs.append(dataclasses.replace(spec, stop_grace_s=STOP_GRACE_S))
    return specs
