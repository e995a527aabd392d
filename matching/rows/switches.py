"""Rows of dead-man's switches: who set one, and when it is due."""

from collections.abc import Mapping
from typing import Any, Final

from psycopg import Connection

from matching.engine.undo import SwitchName
from matching.models import Switch
from zavora.foundation.rows import RowCounts, array_text, array_text_quoted
from zavora.foundation.times import moment_of

_TABLE: Final = Switch._meta.db_table
SWITCHES: Final = (
    "SELECT account_id, key_id, (extract(epoch FROM due_at) * 1000000)::bigint"
    f" FROM {_TABLE} WHERE shard_id = %s"
)
_SET: Final = (
    f"INSERT INTO {_TABLE} (shard_id, account_id, key_id, due_at) SELECT %s, *"
    " FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[])"
    " ON CONFLICT (shard_id, account_id, key_id) DO UPDATE SET due_at = EXCLUDED.due_at"
)
_CLEAR: Final = (
    f"DELETE FROM {_TABLE} s USING unnest(%s::bigint[], %s::bigint[]) AS w(account_id, key_id)"
    " WHERE s.shard_id = %s AND s.account_id = w.account_id AND s.key_id = w.key_id"
)


def write_switches(
    connection: "Connection[Any]",
    shard_id: int,
    switches: Mapping[SwitchName, int | None],
    counts: RowCounts,
) -> None:
    """Write when switches are due as of the batch's end; None: their rows go, if there are any."""
    due = {name: due_us for name, due_us in switches.items() if due_us is not None}
    cleared = [name for name, due_us in switches.items() if due_us is None]
    if due:
        counts.execute(
            connection,
            _SET,
            (
                shard_id,
                *_names(due),
                array_text_quoted(moment_of(due_us).isoformat() for due_us in due.values()),
            ),
            rows=len(due),
            what="switches",
        )
    if cleared:
        # One that was set and cleared in the same batch has no row.
        connection.execute(_CLEAR, (*_names(cleared), shard_id))


def switch_of(row: tuple[int, int, int]) -> tuple[SwitchName, int]:
    """Return a row of ``SWITCHES`` as the engine takes it."""
    return (row[0], row[1]), row[2]


def _names(names: "Mapping[SwitchName, int] | list[SwitchName]") -> tuple[str, str]:
    return array_text(name[0] for name in names), array_text(name[1] for name in names)
