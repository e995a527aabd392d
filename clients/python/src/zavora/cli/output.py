"""How answers are shown: as tables for people, as JSON for programs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

UP: Final = "green"
DOWN: Final = "red"
# Columns of figures stand at the right.
FIGURES: Final = frozenset({"Decimal", "int"})


def plain(value: Any) -> Any:
    """Return a value as JSON has it: figures as texts in full, times as RFC 3339."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, msgspec.Struct):
        named = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
        return {name: plain(getattr(value, field)) for name, field in named}
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def as_json(value: Any, *, indent: int | None = None) -> str:
    """Return a value as a line of JSON."""
    return json.dumps(plain(value), indent=indent, ensure_ascii=False)


def cell(value: Any) -> Text | str:
    """Return a value as a table shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if value in {"Buy", "buy"}:
        return Text(str(value), style=UP)
    if value in {"Sell", "sell"}:
        return Text(str(value), style=DOWN)
    return Text(str(value))


def table(rows: Sequence[Any], columns: Sequence[str], *, title: str | None = None) -> Table:
    """Return rows as a table of some of their fields."""
    made = Table(title=title, box=None, header_style="bold", pad_edge=False, title_justify="left")
    for name in columns:
        first = next((found for row in rows if (found := getattr(row, name)) is not None), None)
        is_figure = type(first).__name__ in FIGURES
        made.add_column(name.replace("_", " "), justify="right" if is_figure else "left")
    for row in rows:
        made.add_row(*(cell(getattr(row, name)) for name in columns))
    return made


def facts(value: Any, names: Iterable[str] | None = None) -> Table:
    """Return the fields of one thing, one below the other; what is not set is left out."""
    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(style="bold")
    made.add_column()
    for name in names or value.__struct_fields__:
        held = getattr(value, name)
        if held is not None and not isinstance(held, msgspec.Struct | list | dict):
            made.add_row(name.replace("_", " "), cell(held))
    return made


def console(*, is_error: bool = False, has_colour: bool = True) -> Console:
    """Return what writes to the terminal; without colour where that is asked for, or NO_COLOR."""
    return Console(stderr=is_error, no_color=True if not has_colour else None, highlight=False)
