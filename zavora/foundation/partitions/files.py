"""A month of a table as a Parquet file, and what is written down of it beside (a manifest).

Parquet because every tool that reads tables reads it, and because its decimals are exact: an amount
is the same 38 digits as in the database. PyArrow, its reference, is large and an extra of its own
(``requirements-archive.in``): only who archives needs it.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from zavora.foundation.errors import ValidationFailed
from zavora.foundation.partitions.selectors import Archived

FORMAT: Final = "zavora partition 1"
# So many rows are one group of the file: as much is in memory at a time.
GROUP_ROWS: Final = 50_000
_BLOCK_BYTES: Final = 2**20
# All that tables that are split have; what is not here cannot be archived before it is.
_TYPES: Final = {
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "smallint": pa.int16(),
    "boolean": pa.bool_(),
    "bytea": pa.binary(),
    "numeric(38,18)": pa.decimal128(38, 18),
    "timestamp with time zone": pa.timestamp("us", tz="UTC"),
}

Sums = dict[tuple[int, int], Decimal]
Row = tuple[Any, ...]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file holds. ``former`` is the hash of the manifest before it, of the same table.

    ``sums``: for each asset what all entries come to; ``sums_sha256`` is of the sums for each
    account and asset. Both are empty where the table is not the ledger's.
    """

    format: str
    table: str
    name: str
    low: int | None
    high: int
    rows: int
    first_id: int | None
    last_id: int | None
    columns: list[tuple[str, str]]
    schema_version: str
    sums: dict[str, str]
    sums_sha256: str
    file_sha256: str
    former: str
    written_at: datetime

    def text(self) -> bytes:
        """Return the manifest as it stands in its file."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"

    def sha256(self) -> str:
        """Return what the next one names it by."""
        return hashlib.sha256(self.text()).hexdigest()


def arrow_schema(columns: Iterable[tuple[str, str]]) -> pa.Schema:
    """Return the file's columns for the table's (name and type). Raises ValidationFailed."""
    fields = []
    for name, kind in columns:
        known = pa.string() if kind.startswith("character varying") else _TYPES.get(kind)
        if known is None:
            raise ValidationFailed(f"column {name} is {kind}", **{name: "a type of archives"})
        fields.append(pa.field(name, known))
    return pa.schema(fields)


def group_of(rows: list[Row], schema: pa.Schema) -> pa.Table:
    """Return rows of the database as a group of the file."""
    columns = zip(*rows, strict=True)
    arrays = [
        pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def write_groups(path: Path, groups: Iterable[pa.Table], schema: pa.Schema) -> None:
    """Write a file that is there whole, and on the disk, or not at all."""
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for group in groups:
                writer.write_table(group, row_group_size=GROUP_ROWS)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    sync_folder(path.parent)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a manifest beside its file, whole or not at all."""
    unfinished = folder / f"{manifest.name}.json.unfinished"
    with unfinished.open("wb") as file:
        file.write(manifest.text())
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(manifest_path(folder, manifest.name))
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Let the names in a folder be on the disk as well."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_groups(path: Path) -> Iterator[pa.Table]:
    """Return a file's groups in their order. Raises ValidationFailed where it cannot be read."""
    try:
        with pq.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                yield file.read_row_group(number)
    except (OSError, pa.ArrowException) as error:
        raise ValidationFailed(f"{path.name} cannot be read: {error}", file="as archived") from None


def rows_of(group: pa.Table) -> Iterator[Row]:
    """Return a group's rows as Python values."""
    return zip(*(column.to_pylist() for column in group.columns), strict=True)


def sums_of(groups: Iterable[pa.Table]) -> Sums:
    """Return what each account's entries come to in each asset."""
    sums: Sums = {}
    for group in groups:
        totals = group.group_by(["account_id", "asset_id"]).aggregate([("amount", "sum")])
        names = ("account_id", "asset_id", "amount_sum")
        for account_id, asset_id, amount in zip(
            *(totals.column(name).to_pylist() for name in names), strict=True
        ):
            key = (account_id, asset_id)
            sums[key] = sums.get(key, Decimal(0)) + amount
    return sums


def sums_sha256(sums: Sums) -> str:
    """Return the hash of sums, whatever their order."""
    lines = (
        f"{account_id},{asset_id},{amount:.18f}\n"
        for (account_id, asset_id), amount in sorted(sums.items())
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Return a file's hash. Raises ValidationFailed where it is not there."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise ValidationFailed(f"{path.name} cannot be read: {error}", file="as archived") from None
    return digest.hexdigest()


def file_path(folder: Path, name: str) -> Path:
    """Return where a partition's rows are."""
    return folder / f"{name}.parquet"


def manifest_path(folder: Path, name: str) -> Path:
    """Return where a partition's manifest is."""
    return folder / f"{name}.json"


def read_manifest(folder: Path, name: str) -> Manifest:
    """Return a manifest. Raises ValidationFailed where it is missing or is none of ours."""
    path = manifest_path(folder, name)
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise ValidationFailed(f"{path.name} cannot be read: {error}", file="a manifest") from None
    if manifest.format != FORMAT or manifest.name != name:
        raise ValidationFailed(f"{path.name} is not {FORMAT} of {name}", file="a manifest")
    return manifest


def check_manifest(folder: Path, archived: Archived) -> Manifest:
    """Hold a file and its manifest against what the database says. Raises ValidationFailed."""
    manifest = read_manifest(folder, archived.name)
    if manifest.sha256() != archived.manifest_sha256:
        raise ValidationFailed(f"{archived.name}.json is another one than was kept", file="same")
    path = file_path(folder, archived.name)
    if file_sha256(path) != manifest.file_sha256:
        raise ValidationFailed(f"{path.name} was changed: its SHA-256 is another one", file="same")
    return manifest
