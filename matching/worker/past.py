"""What a replay finds outside of the tables: months that were detached, or left for archives."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psycopg

from matching.models import Command, Order, Trade
from matching.rows.journal import READ_JOURNAL, Recorded
from zavora.foundation.errors import NotFound
from zavora.foundation.partitions.selectors import (
    ID_MIN,
    Archived,
    Partition,
    list_archived,
    list_partitions,
)
from zavora.foundation.times import microseconds_of

_JOURNAL: Final = Command._meta.db_table
_ORDERS: Final = Order._meta.db_table
_TRADES: Final = Trade._meta.db_table
_ENTRIES: Final = "ledgerentry"
_SEQUENCES: Final = "SELECT market_id, max(highest) FROM zavora_archived_trades GROUP BY market_id"
# As the columns of ``Recorded``, but for the time.
_COLUMNS: Final = (
    "sequence", "kind", "body", "batch_at", "order_id", "funds", "maker_fee_ppm", "taker_fee_ppm",
    "owner_id", "reached_engine", "outcome", "reason",
)  # fmt: skip


class Past:
    """Which rows are not in the tables any more, and where those of the journal are.

    Orders below ``orders_below`` and entries of transactions below ``entries_below`` have left.
    """

    def __init__(self, cursor: "psycopg.Cursor[Any]") -> None:
        self._cursor = cursor
        parts = list_partitions(cursor)
        self._archived = [row for row in list_archived(cursor) if row.parent == _JOURNAL]
        self._detached = [p for p in parts if p.table == _JOURNAL and not _is_there(p)]
        self.orders_below = _begin(parts, _ORDERS)
        self.entries_below = max(
            _begin(parts, table) for table in {p.table for p in parts if _ENTRIES in p.table}
        )
        self._last_traded = self._sequences(parts)

    def _sequences(self, parts: list[Partition]) -> dict[int, int]:
        """Return, by market, the number of the last trade that has left."""
        self._cursor.execute(_SEQUENCES)
        last: dict[int, int] = dict(self._cursor.fetchall())
        for part in parts:
            if part.table == _TRADES and not _is_there(part):
                self._cursor.execute(
                    f"SELECT market_id, max(sequence) FROM {part.name} GROUP BY market_id"
                )
                last |= {
                    market_id: max(sequence, last.get(market_id, 0))
                    for market_id, sequence in self._cursor.fetchall()
                }
        return last

    def has_left(self, market_id: int, sequence: int) -> bool:
        """Tell whether a trade is not in the table any more."""
        return sequence <= self._last_traded.get(market_id, 0)

    def journal(self, shard_id: int, after_id: int, folder: Path | None) -> Iterator[Recorded]:
        """Return a shard's commands after an id that are in archives or in detached months.

        Raises NotFound where archives are needed and ``folder`` is None, ValidationFailed where one
        is not what was archived.
        """
        for archived in self._archived:
            if archived.high <= after_id:
                continue
            if folder is None:
                raise NotFound(
                    f"the journal of {archived.name} is in an archive",
                    archive="the folder, or a checkpoint that is later",
                )
            yield from self._of_archive(shard_id, after_id, archived, folder)
        for part in self._detached:
            with self._cursor.connection.cursor(name="detached") as journal:
                journal.execute(READ_JOURNAL.replace(_JOURNAL, part.name), (shard_id, after_id))
                yield from (Recorded(*row) for row in journal)

    def _of_archive(
        self, shard_id: int, after_id: int, archived: Archived, folder: Path
    ) -> Iterator[Recorded]:
        # PyArrow is large, and an extra that few need.
        from zavora.foundation.partitions import files  # noqa: PLC0415

        files.check_manifest(folder, archived)
        for group in files.read_groups(files.file_path(folder, archived.name)):
            names = group.column_names
            for values in files.rows_of(group):
                row = dict(zip(names, values, strict=True))
                if row["shard_id"] == shard_id and row["id"] > after_id:
                    yield _recorded(row)


def _recorded(row: dict[str, Any]) -> Recorded:
    values = [row[column] for column in _COLUMNS]
    values[3] = microseconds_of(row["batch_at"])
    values[5] = None if row["funds"] is None else f"{row['funds']:f}"
    return Recorded(*values)


def _is_there(part: Partition) -> bool:
    return part.is_attached and not part.is_waiting


def _begin(parts: list[Partition], table: str) -> int:
    """Return the lowest id that can be in a table."""
    lows = [part.low for part in parts if part.table == table and _is_there(part)]
    return ID_MIN if None in lows else min(low for low in lows if low is not None)
