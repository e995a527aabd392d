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
HEADINGS: Final = {
    "order_type": "type",
    "stop_price": "stop",
    "filled_quantity": "filled",
    "created_at": "time",
    "timestamp": "time",
    "open_time": "time",
    "change_24h_percent": "change %",
    "high_24h": "high",
    "low_24h": "low",
    "volume_24h": "volume",
}
IDS: Final = frozenset({"id", "order_id"})


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


def cell(value: Any, *, is_short: bool = False) -> Text | str:
    """Return a value as a table shows it; `is_short`: of a time without its year."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%m-%d %H:%M:%S" if is_short else "%Y-%m-%d %H:%M:%S")
    if value in {"Buy", "buy"}:
        return Text(str(value), style=UP)
    if value in {"Sell", "sell"}:
        return Text(str(value), style=DOWN)
    return Text(str(value))


def table(rows: Sequence[Any], columns: Sequence[str]) -> Table:
    """Return rows as a table of some of their fields; what none of them has is left out."""
    made = Table(box=None, header_style="bold", pad_edge=False)
    shown = [name for name in columns if any(getattr(row, name) is not None for row in rows)]
    for name in shown:
        values = [value for row in rows if (value := getattr(row, name)) is not None]
        is_figure = type(values[0]).__name__ in FIGURES
        # Ids are there to be copied: other columns are made narrower.
        width = max(map(len, values)) if name in IDS else None
        made.add_column(
            HEADINGS.get(name, name.replace("_", " ")),
            justify="right" if is_figure else "left",
            min_width=width,
            no_wrap=name in IDS or is_figure,
        )
    for row in rows:
        made.add_row(*(cell(getattr(row, name), is_short=True) for name in shown))
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
