"""Whether a shard keeps up: its queue, the parts of its batches, who owns it."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana.panels import (
    RATE,
    Query,
    Row,
    dashboard,
    graph,
    label_variable,
    p50_and_p99,
    quantile,
    rate,
)

SHARDS = '{shard=~"$shard"}'


def build() -> Dashboard:
    """Return the dashboard."""
    return dashboard(
        "shard",
        "Queue, batches and owner of each shard.",
        [_queue(), _batches(), _owner()],
        [label_variable("shard", "zavora_live_workers", "shard")],
    )


def _queue() -> Row:
    return Row(
        "Queue",
        [
            graph(
                "Age of the oldest command",
                Query(f"max by (shard) (zavora_queue_age_seconds{SHARDS})", "shard {{shard}}"),
                unit="s",
                what="ShardDoesNotCommit pages above 5 s.",
            ),
            graph(
                "Commands that wait",
                Query(f"max by (shard) (zavora_queue_length{SHARDS})", "shard {{shard}}"),
            ),
            graph(
                "Commands a second",
                Query(rate("zavora_commands_total", "shard", SHARDS), "shard {{shard}}"),
                unit="cps",
            ),
        ],
    )


def _batches() -> Row:
    phase = "zavora_batch_phase_duration_seconds"
    size = "zavora_batch_commands"
    mean = f"{rate(f'{size}_sum', 'shard', SHARDS)} / {rate(f'{size}_count', 'shard', SHARDS)}"
    return Row(
        "Batches",
        [
            graph(
                "Parts of a batch, p99",
                Query(quantile("0.99", phase, "phase", SHARDS), "{{phase}}"),
                unit="s",
                what="A slow commit is the log's disk or a replica; a slow write, locks.",
            ),
            graph(
                "Parts of a batch, p50",
                Query(quantile("0.5", phase, "phase", SHARDS), "{{phase}}"),
                unit="s",
            ),
            graph(
                "Time spent in each part",
                Query(
                    f"sum by (shard, phase) (rate({phase}_sum{SHARDS}[{RATE}]))",
                    "shard {{shard}} {{phase}}",
                ),
                unit="percentunit",
                is_stacked=True,
                what="Of each second. Batches overlap, so the sum may be above one.",
            ),
            graph(
                "Commands of a batch",
                Query(mean, "mean, shard {{shard}}"),
                Query(quantile("0.99", size, "shard", SHARDS), "p99, shard {{shard}}"),
            ),
            graph(
                "Retries by cause",
                Query(
                    f"sum by (shard, cause) (increase(zavora_batch_retries_total{SHARDS}[{RATE}]))",
                    "shard {{shard}} {{cause}}",
                ),
                what="Batches that did not commit at once.",
            ),
            graph(
                "Void commands and halted markets",
                Query(
                    f"sum by (shard) (increase(zavora_commands_void_total{SHARDS}[10m]))",
                    "void, shard {{shard}}",
                ),
                Query(
                    f"sum by (shard) (increase(zavora_markets_halted_total{SHARDS}[10m]))",
                    "halted, shard {{shard}}",
                ),
                what="In ten minutes. Each of them pages.",
            ),
        ],
    )


def _owner() -> Row:
    return Row(
        "Owner",
        [
            graph(
                "Epoch",
                Query(f"max by (shard) (zavora_shard_epoch{SHARDS})", "shard {{shard}}"),
                what="One more each time that another worker takes the shard.",
            ),
            graph(
                "Worker and standby",
                Query(f"max by (shard) (zavora_live_workers{SHARDS})", "worker of {{shard}}"),
                Query(f"max by (shard) (zavora_standby_workers{SHARDS})", "standby of {{shard}}"),
            ),
            graph(
                "Lease remaining",
                Query(f"max by (shard) (zavora_lease_remaining_seconds{SHARDS})", "{{shard}}"),
                unit="s",
            ),
            graph(
                "Last take-over",
                Query(f"max by (shard) (zavora_takeover_duration_seconds{SHARDS})", "{{shard}}"),
                unit="s",
                what="From having the lease to being ready.",
            ),
            graph(
                "Journal",
                Query(
                    f"max by (shard) (rate(zavora_journal_sequence{SHARDS}[{RATE}]))", "{{shard}}"
                ),
                unit="cps",
                what="Commands a second.",
            ),
            graph(
                "From decided to shown",
                *p50_and_p99("zavora_feed_delay_seconds"),
                unit="s",
                what="Of all shards.",
            ),
        ],
    )
