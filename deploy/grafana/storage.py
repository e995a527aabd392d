"""Whether what is told is kept: PostgreSQL's replicas and log, commits, etcd, HAProxy, the queue.

By Patroni's, etcd's and HAProxy's own figures and Zavora's: what postgres_exporter or
redis_exporter would tell besides has dashboards of its own.
"""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana.panels import (
    RATE,
    Query,
    Row,
    dashboard,
    figure,
    graph,
    p50_and_p99,
    quantile,
    rate,
)

_BEHIND = (
    "max by (scope) (patroni_xlog_location) - on (scope) group_right ()"
    " (patroni_xlog_replayed_location and patroni_replica == 1)"
)


def build() -> Dashboard:
    """Return the dashboard."""
    return dashboard(
        "storage",
        "Replication, write-ahead log, commits and locks, the servers around them.",
        [_now(), _replication(), _commits(), _around()],
    )


def _now() -> Row:
    return Row(
        "Now",
        [
            figure("Primaries", Query("sum(patroni_primary)", ""), good_from=1),
            figure(
                "Synchronous replicas",
                Query("sum(patroni_quorum_standby + patroni_sync_standby)", ""),
                good_from=1,
                what="With none, writes wait.",
            ),
            figure("Farthest behind", Query(f"max({_BEHIND})", ""), unit="bytes", bad_from=1 << 24),
            figure("etcd with a leader", Query("min(etcd_server_has_leader)", ""), good_from=1),
            figure("Queue reached", Query("max(zavora_queue_up)", ""), good_from=1),
            figure(
                "Least months ahead",
                Query("min(zavora_partitions_ahead)", ""),
                good_from=2,
                what="Of partitions, of the table that has the fewest.",
            ),
        ],
    )


def _replication() -> Row:
    return Row(
        "PostgreSQL",
        [
            graph("Who is what", *_roles(), what="One primary; the others in the quorum."),
            graph("Replicas behind", Query(_BEHIND, "{{name}}"), unit="bytes"),
            graph(
                "Write-ahead log",
                Query(f"max by (scope) (rate(patroni_xlog_location[{RATE}]))", "{{scope}}"),
                unit="Bps",
            ),
            graph(
                "Last transaction replayed",
                Query(
                    "time() - (patroni_xlog_replayed_timestamp and patroni_replica == 1)",
                    "{{name}}",
                ),
                unit="s",
                what="Rises on a quiet exchange, too: then there is nothing to replay.",
            ),
            graph(
                "Timeline",
                Query("max by (name) (patroni_postgres_timeline)", "{{name}}"),
                what="One more after each failover.",
            ),
            graph("Streaming", Query("max by (name) (patroni_postgres_streaming)", "{{name}}")),
        ],
    )


def _roles() -> tuple[Query, Query]:
    return (
        Query("max by (name) (patroni_primary)", "{{name}} is primary"),
        Query("max by (name) (patroni_quorum_standby)", "{{name}} is in the quorum"),
    )


def _commits() -> Row:
    phase = "zavora_batch_phase_duration_seconds"
    return Row(
        "Commits and locks",
        [
            graph(
                "Commit",
                *p50_and_p99(phase, where='{phase="commit"}'),
                unit="s",
                what="The disk and the quorum: what an order waits for at least.",
            ),
            graph(
                "Write",
                *p50_and_p99(phase, where='{phase="write"}'),
                unit="s",
                what="Rows and locks of balances: it grows where others hold them.",
            ),
            graph(
                "Batches that came back",
                Query(rate("zavora_batch_retries_total", "cause"), "{{cause}}"),
                unit="cps",
                what="busy: a lock was not to be had in time.",
            ),
        ],
    )


def _around() -> Row:
    return Row(
        "Around it",
        [
            graph(
                "etcd, log on its disk (p99)",
                Query(
                    quantile("0.99", "etcd_disk_wal_fsync_duration_seconds", "instance"),
                    "{{instance}}",
                ),
                unit="s",
            ),
            graph(
                "etcd, changes of its leader",
                Query("max by (instance) (etcd_server_leader_changes_seen_total)", "{{instance}}"),
            ),
            graph(
                "HAProxy: servers it may ask",
                Query("min by (proxy) (haproxy_backend_active_servers)", "{{proxy}}"),
                what="Of queue-... one has a server: whose is the master. votes-... choose it.",
            ),
            graph(
                "HAProxy: sessions",
                Query("sum by (proxy) (haproxy_backend_current_sessions)", "{{proxy}}"),
            ),
            graph(
                "HAProxy: connections that failed",
                Query(rate("haproxy_backend_connection_errors_total", "proxy"), "{{proxy}}"),
                unit="cps",
            ),
            graph("Reach the queue", Query("min by (instance) (zavora_queue_up)", "{{instance}}")),
        ],
    )
