"""Whether money adds up and what must be kept is kept: books, journal, withdrawals, backups."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana.panels import Query, Row, dashboard, figure, graph, label_variable, rate


def build() -> Dashboard:
    """Return the dashboard."""
    return dashboard(
        "money",
        "Reconciling, the journal, what is held and what waits, months and backups.",
        [_now(), _books(), _keeping()],
        [label_variable("asset", "zavora_held_amount", "asset")],
    )


def _age(metric: str) -> str:
    return f"time() - max({metric})"


def _now() -> Row:
    return Row(
        "Now",
        [
            figure(
                "Do not add up",
                Query("max(zavora_reconcile_breaks)", ""),
                bad_from=1,
                what="Sums of the books, when they were last looked at.",
            ),
            figure(
                "Looked at",
                Query(_age("zavora_reconcile_success_timestamp_seconds"), ""),
                unit="s",
                bad_from=7_200,
                what="How long ago.",
            ),
            figure("Withdrawals that wait", Query("max(zavora_withdrawals_pending)", "")),
            figure(
                "Backup",
                Query(_age("zavora_backup_success_timestamp_seconds"), ""),
                unit="s",
                bad_from=26 * 3_600,
                what="How long ago one was last verified.",
            ),
            figure(
                "Restored for trial",
                Query(_age("zavora_restore_drill_success_timestamp_seconds"), ""),
                unit="s",
                bad_from=35 * 86_400,
                what="How long ago a restore last agreed.",
            ),
            figure(
                "Least months ahead",
                Query("min(zavora_partitions_ahead)", ""),
                good_from=2,
                what="Of partitions, of the table that has the fewest.",
            ),
        ],
    )


def _books() -> Row:
    return Row(
        "Books",
        [
            graph(
                "Do not add up",
                Query("max(zavora_reconcile_breaks)", "sums"),
                what="MoneyDoesNotAddUp pages at one.",
            ),
            graph(
                "Held",
                Query('max by (asset) (zavora_held_amount{asset=~"$asset"})', "{{asset}}"),
                what="For open orders and withdrawals, in units of the asset; once an hour.",
            ),
            graph(
                "Open orders",
                Query("sum(max by (market) (zavora_open_orders))", "orders"),
                what="What most of it is held for.",
            ),
            graph(
                "Journal not verified yet",
                Query(
                    "max by (shard) (zavora_journal_sequence)"
                    " - on (shard) max by (shard) (zavora_journal_verified_sequence)",
                    "shard {{shard}}",
                ),
                what="Commands since verify_journal last agreed.",
            ),
            graph(
                "Void commands",
                Query(rate("zavora_commands_void_total", "shard"), "shard {{shard}}"),
                unit="cps",
            ),
            graph("Trades", Query(rate("zavora_trades_total"), "all markets"), unit="cps"),
        ],
    )


def _keeping() -> Row:
    return Row(
        "Kept",
        [
            graph("Withdrawals that wait", Query("max(zavora_withdrawals_pending)", "waiting")),
            graph(
                "Months ahead",
                Query("min by (table) (zavora_partitions_ahead)", "{{table}}"),
                what="Partitions that begin in the future; two are the least.",
            ),
            graph(
                "Since then",
                Query(_age("zavora_backup_success_timestamp_seconds"), "backup"),
                Query(_age("zavora_restore_drill_success_timestamp_seconds"), "restore for trial"),
                Query(_age("zavora_reconcile_success_timestamp_seconds"), "books looked at"),
                unit="s",
            ),
        ],
    )
