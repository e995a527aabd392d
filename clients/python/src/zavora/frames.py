"""Rows as data frames, for who has pandas or polars (`zavora[pandas]`, `zavora[polars]`)."""

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import pandas
    import polars


def to_pandas(rows: Iterable[Any], *, as_floats: bool = True) -> "pandas.DataFrame":
    """Return rows as a pandas frame; figures as floats, or exactly (slow) as Decimals."""
    import pandas  # noqa: PLC0415 - an extra

    return pandas.DataFrame(_columns(rows, as_floats=as_floats))


def to_polars(rows: Iterable[Any], *, as_floats: bool = False) -> "polars.DataFrame":
    """Return rows as a polars frame; figures exactly, as polars' own decimals, or as floats."""
    import polars  # noqa: PLC0415 - an extra

    return polars.DataFrame(_columns(rows, as_floats=as_floats), infer_schema_length=None)


def _columns(rows: Iterable[Any], *, as_floats: bool) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for row in rows:
        if not isinstance(row, msgspec.Struct):
            raise TypeError(f"expected rows of the API, not {row!r}")
        for name in row.__struct_fields__:
            value = getattr(row, name)
            columns.setdefault(name, []).append(_value(value, as_floats=as_floats))
    return columns


def _value(value: Any, *, as_floats: bool) -> Any:
    if isinstance(value, Decimal):
        return float(value) if as_floats else value
    if isinstance(value, msgspec.Struct):
        return msgspec.to_builtins(value)
    return str(value) if isinstance(value, str) else value
