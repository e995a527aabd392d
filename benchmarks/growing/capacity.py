"""Sizes and numbers of processes from unit costs. Plain arithmetic, every step with its name."""

import math
from dataclasses import dataclass

from benchmarks.growing.costs import COMMANDS, ORDERS, TRADES, Costs, Table, Wanted

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Sizes:
    """What tables take on disk, by name, in bytes."""

    by_table: dict[str, float]

    @property
    def total(self) -> float:
        """All of them."""
        return sum(self.by_table.values())


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the wanted exchange takes."""

    commands: float
    peak_commands_s: float
    attached: Sizes
    archived_bytes: float
    wal_peak_bytes_s: float
    wal_day_bytes: float
    archive_day_bytes: float
    shards: int
    shards_by: str
    cells: int
    cells_by: str
    web_processes: int
    worker_bytes: float
    takeover_s: float
    restore_s: float
    verify_core_hours_a_day: float
    cores_at_peak: dict[str, float]


def table_sizes(costs: Costs, driven: dict[str, float], kept: dict[str, float]) -> Sizes:
    """Return what tables take. ``kept``: of a table, the share of its rows that is there."""

    def size(table: Table) -> float:
        rows = driven[table.grows_with] * table.rows * kept.get(table.name, 1.0)
        return rows * table.row_bytes

    return Sizes({table.name: size(table) for table in costs.tables})


def compute(costs: Costs, wanted: Wanted) -> Capacity:
    """Return what is needed."""
    commands = wanted.trades * wanted.commands_a_trade
    mean_s = commands / (wanted.days * DAY_S)
    peak_s = mean_s * wanted.peak_factor
    kept = {
        table.name: min(1.0, (table.kept_days or wanted.attached_days) / wanted.days)
        for table in costs.tables
    }
    driven = {
        ORDERS: commands * wanted.orders_a_command,
        COMMANDS: commands,
        TRADES: wanted.trades,
    }
    attached = table_sizes(costs, driven, kept)
    people = wanted.accounts * (
        costs.account_bytes + wanted.balances_an_account * costs.balance_bytes
    )
    attached = Sizes({**attached.by_table, "accounts, balances": people})
    ever = table_sizes(costs, driven, {t.name: 1.0 for t in costs.tables if t.kept_days is None})
    older = sum(
        ever.by_table[table.name] - attached.by_table[table.name]
        for table in costs.tables
        if table.kept_days is None
    )
    shards, shards_by = _shards(costs, wanted, peak_s)
    wal_day = mean_s * DAY_S * costs.wal_bytes
    cells, cells_by = _cells(costs, wanted, peak_s, attached.total, wal_day)
    cores = _cores(costs, wanted, peak_s)
    return Capacity(
        commands=commands,
        peak_commands_s=peak_s,
        attached=attached,
        archived_bytes=older * wanted.archive_ratio,
        wal_peak_bytes_s=peak_s * costs.wal_bytes,
        wal_day_bytes=wal_day,
        archive_day_bytes=wal_day * wanted.wal_kept_ratio,
        shards=max(shards, cells),
        shards_by=shards_by,
        cells=cells,
        cells_by=cells_by,
        web_processes=math.ceil(cores["web"] / wanted.load_max),
        worker_bytes=wanted.open_orders / max(shards, cells) * costs.open_order_bytes,
        takeover_s=_takeover_s(costs, wanted, wanted.open_orders / max(shards, cells)),
        restore_s=_restore_s(wanted, attached.total / cells, wal_day / cells),
        verify_core_hours_a_day=mean_s * DAY_S * costs.verify_us / 1e6 / 3_600,
        cores_at_peak=cores,
    )


def _takeover_s(costs: Costs, wanted: Wanted, open_orders: float) -> float:
    """Return how long a shard is without a worker: the lease, then the books."""
    return wanted.lease_s + open_orders * costs.open_order_load_us / 1e6


def _shards(costs: Costs, wanted: Wanted, peak_s: float) -> tuple[int, str]:
    """Return how many workers must share the markets, and what asks for so many."""
    load_s = max(0.001, wanted.takeover_max_s - wanted.lease_s)
    asked = {
        "the worker's processor": peak_s * costs.worker_us / 1e6 / wanted.load_max,
        "the measured rate": peak_s / (wanted.shard_commands_s * wanted.load_max),
        "the time of a take-over": wanted.open_orders * costs.open_order_load_us / 1e6 / load_s,
    }
    by = max(asked, key=lambda name: asked[name])
    return max(1, math.ceil(asked[by])), by


def _cells(
    costs: Costs, wanted: Wanted, peak_s: float, disk: float, wal_day: float
) -> tuple[int, str]:
    """Return how many PostgreSQLs must share the accounts and markets, and what asks for it."""
    asked = {
        "the log of the peak": peak_s * costs.wal_bytes / wanted.wal_max_bytes_s,
        "the measured rate": peak_s / (wanted.shard_commands_s * wanted.load_max),
        "the time of a restore": _restore_s(wanted, disk, wal_day) / wanted.restore_max_s,
    }
    by = max(asked, key=lambda name: asked[name])
    return max(1, math.ceil(asked[by])), by


def _restore_s(wanted: Wanted, disk: float, wal_day: float) -> float:
    """Return how long a cell takes from its base backup to the last archived commit."""
    return disk / wanted.restore_bytes_s + (
        wal_day * wanted.base_backup_days / wanted.replay_bytes_s
    )


def _cores(costs: Costs, wanted: Wanted, peak_s: float) -> dict[str, float]:
    """Return the processors that are busy at the peak, by part."""
    orders_s = peak_s / 1e6
    pushed_s = wanted.sockets * wanted.messages_a_socket_s / 1e6
    return {
        "web": orders_s * costs.web_us + pushed_s * costs.push_us,
        "workers": orders_s * costs.worker_us,
        "postgresql": orders_s * costs.postgres_us,
        "market data": orders_s * costs.marketdata_us,
        "valkey": orders_s * costs.valkey_us,
    }
