"""What a unit of work costs, and what is asked of an exchange: the inputs of ``capacity``.

Every figure can be set by name: ``python -m benchmarks.growing capacity --set peak_factor=50``.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Final

# What a table's rows come with, and for how many days they are kept there (None: for ever).
ORDERS: Final = "orders"
COMMANDS: Final = "commands"
TRADES: Final = "trades"


@dataclass(frozen=True, slots=True)
class Table:
    """A table that grows with trading."""

    name: str
    grows_with: str
    rows: float  # a unit of what it grows with
    row_bytes: float  # with its share of indexes and TOAST
    kept_days: int | None = None


# Measured by `validate` on a scratch exchange (docs/growing.md says when and on what).
TABLES: Final = (
    Table("matching_order", ORDERS, 1.0, 354.0),
    Table("matching_orderkey", ORDERS, 1.0, 355.0, kept_days=30),
    Table("matching_command", COMMANDS, 1.0, 335.0),
    Table("matching_event", COMMANDS, 1.0, 282.0, kept_days=1),
    Table("matching_trade", TRADES, 1.0, 299.0),
    Table("accounts_ledgertransaction", TRADES, 1.0, 92.0),
    Table("accounts_ledgerentry", TRADES, 8.0, 159.0),
)


@dataclass(frozen=True, slots=True)
class Costs:
    """Processor time in microseconds, sizes in bytes. The sources are in docs/performance.md."""

    worker_us: float = 50.0  # of a command, in large batches
    postgres_us: float = 30.0
    web_us: float = 150.0  # of an order over HTTP
    marketdata_us: float = 30.0
    valkey_us: float = 14.0
    push_us: float = 15.0  # of a message to one socket: 14.9 measured by `push`
    wal_bytes: float = 2_134.0  # of a command: measured by `validate`
    open_order_bytes: float = 986.0  # in a worker's memory
    open_order_load_us: float = 23.6  # until a take-over has it in its book
    balance_bytes: float = 400.0  # a row of balances with its index (an assumption)
    account_bytes: float = 1_000.0  # an account with its owner, key and session (an assumption)
    verify_us: float = 43.0  # of a command in verify_journal
    tables: tuple[Table, ...] = TABLES


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the exchange, and what its operator is content with."""

    accounts: float = 1e6
    balances_an_account: float = 5.0
    open_orders: float = 1e7
    trades: float = 1e9
    days: float = 365.0  # in which these trades came about
    commands_a_trade: float = 4.3  # as the flow of `make bench` has it
    orders_a_command: float = 0.65
    peak_factor: float = 20.0  # the busiest minute, as a multiple of the mean
    sockets: float = 50_000.0
    messages_a_socket_s: float = 10.0
    load_max: float = 0.5  # of a processor, or of a measured rate, at the peak
    lease_s: float = 3.0
    takeover_max_s: float = 15.0
    shard_commands_s: float = 14_605.0  # measured, saturated, two cores with PostgreSQL beside
    wal_max_bytes_s: float = 100e6  # what a disk and a link to replicas take (an assumption)
    restore_bytes_s: float = 200e6  # of a base backup (an assumption: 10 Gbit/s, NVMe)
    replay_bytes_s: float = 50e6  # of archived WAL (an assumption)
    restore_max_s: float = 4 * 3_600.0
    attached_days: float = 395.0  # 13 partitions of a month; what is older is archived
    archive_ratio: float = 0.2  # Parquet with zstd beside rows with indexes (an assumption)
    wal_kept_ratio: float = 0.35  # compressed in the archive (an assumption)
    base_backup_days: float = 1.0


class UnknownInput(ValueError):
    """No cost and no wish goes by this name, or its value is no positive number."""


def with_settings(costs: Costs, wanted: Wanted, settings: list[str]) -> tuple[Costs, Wanted]:
    """Return both with ``name=value`` applied. Raises UnknownInput."""
    for text in settings:
        name, _, value_text = text.partition("=")
        try:
            value = float(value_text)
        except ValueError:
            value = -1.0
        if not 0 < value < float("inf"):
            raise UnknownInput(f"{text}: expected name=value with a value above zero")
        named: dict[str, Any] = {name: value}
        if name in names_of(costs):
            costs = replace(costs, **named)
        elif name in names_of(wanted):
            wanted = replace(wanted, **named)
        else:
            known = ", ".join(sorted([*names_of(costs), *names_of(wanted)]))
            raise UnknownInput(f"{name}: expected one of {known}")
    return costs, wanted


def names_of(inputs: Costs | Wanted) -> list[str]:
    """Return the names that can be set."""
    return [one.name for one in fields(inputs) if one.name != "tables"]
