"""A detached partition becomes a file that was read back, and then leaves; and the way back.

What must be known of rows that are gone stays in the database, written in the transaction that
drops them: bounds and hash of the archive (``zavora_archived``), what the entries of each account
came to (``zavora_archived_sum``) and which trades of each market there were.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from zavora.foundation.errors import Conflict, NotFound, ValidationFailed
from zavora.foundation.partitions import files
from zavora.foundation.partitions.moving import DAY, find_partition
from zavora.foundation.partitions.selectors import Archived, Partition, list_archived

SUMS: Final = "sums"
NUMBERS: Final = "numbers"
_COLUMNS: Final = (
    "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
    " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
)
_VERSION: Final = "SELECT max(name) FROM django_migrations WHERE app = %s"


def archive(connection: BaseDatabaseWrapper, name: str, folder: Path) -> files.Manifest:
    """Write a detached partition into ``folder`` and hold what was written against its rows.

    The partition stays. Raises NotFound, Conflict where it is attached or an older one has not been
    archived, and ValidationFailed where what is read back is not what the table holds.
    """
    found = _detached(connection, name)
    with connection.cursor() as cursor:
        former = _former(cursor, found)
        columns = _columns(cursor, name)
        cursor.execute(_VERSION, [found.table.partition("_")[0]])
        (version,) = cursor.fetchone()
        cursor.execute(f"SELECT count(*), min(id), max(id) FROM {name}")
        rows, first_id, last_id = cursor.fetchone()
    schema = files.arrow_schema(columns)
    path = files.file_path(folder, name)
    files.write_groups(path, _groups(connection, name, schema), schema)
    _compare(connection, name, path)
    sums = files.sums_of(files.read_groups(path)) if found.carried == SUMS else {}
    manifest = files.Manifest(
        format=files.FORMAT,
        table=found.table,
        name=name,
        low=found.low,
        high=found.high,
        rows=rows,
        first_id=first_id,
        last_id=last_id,
        columns=columns,
        schema_version=version,
        sums=_by_asset(sums),
        sums_sha256=files.sums_sha256(sums) if found.carried == SUMS else "",
        file_sha256=files.file_sha256(path),
        former=former.manifest_sha256 if former else "",
        written_at=datetime.now(UTC),
    )
    files.write_manifest(folder, manifest)
    return manifest


def drop(connection: BaseDatabaseWrapper, name: str, folder: Path) -> files.Manifest:
    """Drop a partition that is archived in ``folder``, after another look at both.

    Raises what ``archive`` and ``verify`` do.
    """
    found = _detached(connection, name)
    with connection.cursor() as cursor:
        former = _former(cursor, found)
    manifest = check_file(folder, name, former=former.manifest_sha256 if former else "")
    _compare(connection, name, files.file_path(folder, name))
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(
            "INSERT INTO zavora_archived (name, parent, low, high, rows, manifest_sha256)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [name, found.table, found.low, found.high, manifest.rows, manifest.sha256()],
        )
        if found.carried == SUMS:
            cursor.execute(
                "INSERT INTO zavora_archived_sum (name, account_id, asset_id, amount)"
                f" SELECT %s, account_id, asset_id, sum(amount) FROM {name} GROUP BY 2, 3",
                [name],
            )
            if files.sums_sha256(_kept_sums(cursor, name)) != manifest.sums_sha256:
                raise ValidationFailed("the sums carried forward are not the file's", file="same")
        if found.carried == NUMBERS:
            cursor.execute(
                "INSERT INTO zavora_archived_trades (name, market_id, rows, lowest, highest)"
                f" SELECT %s, market_id, count(*), min(sequence), max(sequence) FROM {name}"
                " GROUP BY 2",
                [name],
            )
        cursor.execute(f"DROP TABLE {name}")
    return manifest


def restore(connection: BaseDatabaseWrapper, name: str, folder: Path) -> files.Manifest:
    """Bring a dropped partition back from its file, detached. The newest that left comes first.

    Raises NotFound, Conflict and ValidationFailed.
    """
    with connection.cursor() as cursor:
        archived = list_archived(cursor)
    own = next((row for row in archived if row.name == name), None)
    if own is None:
        raise NotFound(f"{name} was not archived and dropped", name="one of `partitions list`")
    newest = [row for row in archived if row.parent == own.parent][-1]
    if newest.name != name:
        raise Conflict(f"{newest.name} is newer and must come back before", name=newest.name)
    manifest = check_archived(connection, own, folder)
    columns = [column for column, _ in manifest.columns]
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(
            "SELECT zavora_make_partition_alone(%s, %s, %s, %s)",
            [own.parent, name, own.low, own.high],
        )
        # Entries of one transaction may stand in two months; they were held against zero before.
        cursor.execute(f"ALTER TABLE {name} DISABLE TRIGGER USER")
        with cursor.copy(f"COPY {name} ({', '.join(columns)}) FROM STDIN") as copy:
            for group in files.read_groups(files.file_path(folder, name)):
                for row in files.rows_of(group):
                    copy.write_row(row)
        cursor.execute(f"ALTER TABLE {name} ENABLE TRIGGER USER")
        cursor.execute("DELETE FROM zavora_archived WHERE name = %s", [name])
        _compare_in(cursor, connection, name, files.file_path(folder, name), columns)
    return manifest


def check_archived(
    connection: BaseDatabaseWrapper, archived: Archived, folder: Path
) -> files.Manifest:
    """Hold an archive against what the database says of it. Raises ValidationFailed."""
    manifest = check_file(folder, archived.name, former=None)
    if manifest.sha256() != archived.manifest_sha256:
        raise ValidationFailed(f"{archived.name}.json is another one than was kept", file="same")
    with connection.cursor() as cursor:
        if manifest.sums_sha256:
            kept = files.sums_sha256(_kept_sums(cursor, archived.name))
            if kept != manifest.sums_sha256:
                raise ValidationFailed(
                    f"the sums that the database carries forward of {archived.name} are others",
                    file="same sums",
                )
    return manifest


def check_file(folder: Path, name: str, *, former: str | None) -> files.Manifest:
    """Read a whole archive and hold it against its manifest. Raises ValidationFailed."""
    manifest = files.read_manifest(folder, name)
    path = files.file_path(folder, name)
    if former is not None and manifest.former != former:
        raise ValidationFailed(f"{name}.json does not follow the archive before it", file="same")
    if files.file_sha256(path) != manifest.file_sha256:
        raise ValidationFailed(f"{path.name} was changed: its SHA-256 is another one", file="same")
    rows, ids = 0, list[int]()
    for group in files.read_groups(path):
        rows += group.num_rows
        column = group.column("id")
        ids += [column[0].as_py(), column[-1].as_py()]
    bounds = (ids[0], ids[-1]) if ids else (None, None)
    if (rows, *bounds) != (manifest.rows, manifest.first_id, manifest.last_id):
        raise ValidationFailed(f"{path.name} holds other rows than its manifest says", file="same")
    if manifest.sums_sha256:
        sums = files.sums_of(files.read_groups(path))
        if (_by_asset(sums), files.sums_sha256(sums)) != (manifest.sums, manifest.sums_sha256):
            raise ValidationFailed(f"{path.name} sums to other figures", file="same")
    return manifest


def verify(connection: BaseDatabaseWrapper, folder: Path) -> Iterator[tuple[Archived, str]]:
    """Look at all archives, each with what is wrong with it (nothing: ""), and at their chain."""
    with connection.cursor() as cursor:
        archived = list_archived(cursor)
    former: dict[str, str] = {}
    for row in archived:
        try:
            manifest = check_archived(connection, row, folder)
            if manifest.former != former.get(row.parent, ""):
                raise ValidationFailed(f"{row.name} does not follow the one before", file="same")
        except ValidationFailed as error:
            yield row, str(error)
        else:
            yield row, ""
        former[row.parent] = row.manifest_sha256


# --- helpers --------------------------------------------------------------------------------------


def _detached(connection: BaseDatabaseWrapper, name: str) -> Partition:
    found = find_partition(connection, name)
    if found.is_attached:
        raise Conflict(f"{name} is attached", name="one that `partitions detach` took off")
    if found.period == DAY:
        raise Conflict("events are kept for a day and not archived", name="another table's")
    return found


def _former(cursor: CursorWrapper, found: Partition) -> Archived | None:
    """Return the archive before it. Raises Conflict where an older partition is still there."""
    before = [row for row in list_archived(cursor) if row.parent == found.table]
    former = before[-1] if before else None
    if found.low != (former.high if former else None):
        raise Conflict(f"what came before {found.name} is not archived", name="the oldest")
    return former


def _columns(cursor: CursorWrapper, name: str) -> list[tuple[str, str]]:
    cursor.execute(_COLUMNS, [name])
    return [(column, kind) for column, kind in cursor.fetchall()]


def _groups(connection: BaseDatabaseWrapper, name: str, schema: pa.Schema) -> Iterator[pa.Table]:
    # A cursor of the server's: a month does not fit into memory.
    with transaction.atomic(using=connection.alias), connection.chunked_cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(schema.names)} FROM {name} ORDER BY id")
        rows: Iterator[Any] = iter(cursor)
        while chunk := list(islice(rows, files.GROUP_ROWS)):
            yield files.group_of(chunk, schema)


def _compare(connection: BaseDatabaseWrapper, name: str, path: Path) -> None:
    """Hold a file against a partition, value by value. Raises ValidationFailed."""
    with connection.cursor() as cursor:
        columns = [column for column, _ in _columns(cursor, name)]
        _compare_in(cursor, connection, name, path, columns)


def _compare_in(
    cursor: CursorWrapper,
    connection: BaseDatabaseWrapper,
    name: str,
    path: Path,
    columns: list[str],
) -> None:
    kinds = dict(_columns(cursor, name))
    schema = files.arrow_schema([(column, kinds[column]) for column in columns])
    written = files.read_groups(path)
    for group in _groups(connection, name, schema):
        if not group.equals(next(written, None) or schema.empty_table()):
            raise ValidationFailed(f"{path.name} is not what {name} holds", file="the same rows")
    if next(written, None) is not None:
        raise ValidationFailed(f"{path.name} holds more than {name}", file="the same rows")


def _kept_sums(cursor: CursorWrapper, name: str) -> files.Sums:
    cursor.execute(
        "SELECT account_id, asset_id, amount FROM zavora_archived_sum WHERE name = %s", [name]
    )
    return {(account_id, asset_id): amount for account_id, asset_id, amount in cursor.fetchall()}


def _by_asset(sums: files.Sums) -> dict[str, str]:
    totals: dict[int, Decimal] = {}
    for (_, asset_id), amount in sums.items():
        totals[asset_id] = totals.get(asset_id, Decimal(0)) + amount
    return {str(asset_id): f"{total:.18f}" for asset_id, total in sorted(totals.items())}
