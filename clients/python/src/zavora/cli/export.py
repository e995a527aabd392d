"""A command that writes lists to files, however long they are."""

import csv
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from zavora.cli import output
from zavora.cli.market import utc
from zavora.cli.session import InMarket, client_of, symbol
from zavora.client import Client


class What(StrEnum):
    """What can be exported."""

    TRADES = "trades"
    CANDLES = "candles"
    ORDERS = "orders"
    FILLS = "fills"
    LEDGER = "ledger"
    TRANSFERS = "transfers"


class Format(StrEnum):
    """How it is written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export", rich_help_panel="Money and keys")(export)


def export(
    context: typer.Context,
    what: What,
    file: Annotated[
        Path, typer.Argument(help="Where to; - is stdout. Its ending says the format.")
    ] = Path("-"),
    *,
    market: InMarket = None,
    interval: Annotated[str, typer.Option("--interval", "-i", help="Of candles.")] = "1h",
    start: Annotated[datetime | None, typer.Option(help="From when on (UTC).")] = None,
    end: Annotated[datetime | None, typer.Option(help="Until when (UTC).")] = None,
    file_format: Annotated[Format | None, typer.Option("--format", "-f")] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="At most.")] = None,
) -> None:
    """Write trades, candles, orders, fills or the ledger to a file, newest first."""
    name = None if market is None else symbol(market)
    if what in {What.TRADES, What.CANDLES} and name is None:
        raise typer.BadParameter(f"say of which --market {what} are wanted")
    chosen = file_format or _format_of(file)
    with client_of(context) as (session, client):
        rows = _rows(client, what, name, interval, (utc(start), utc(end)))
        counted = _limited(rows, limit)
        if chosen is Format.PARQUET:
            count = _write_parquet(counted, file)
        else:
            with _opened(file) as stream:
                count = (_write_csv if chosen is Format.CSV else _write_lines)(counted, stream)
        if file != Path("-"):
            session.note(f"{count} rows in {file}")


def _rows(
    client: Client,
    what: What,
    market: str | None,
    interval: str,
    within: tuple[datetime | None, datetime | None],
) -> Iterable[Any]:
    start, end = within
    match what:
        case What.TRADES:
            # They have no times to ask for: read from the newest on, until they are older.
            return _between(client.trades(market or ""), start, end)
        case What.CANDLES:
            return client.candles(market or "", interval, start=start, end=end)
        case What.ORDERS:
            return client.orders(market, start=start, end=end)
        case What.FILLS:
            return client.fills(market, start=start, end=end)
        case What.TRANSFERS:
            return client.transfers(start=start, end=end)
        case What.LEDGER:
            return client.ledger()


def _between(rows: Iterable[Any], start: datetime | None, end: datetime | None) -> Iterator[Any]:
    for row in rows:
        if start is not None and row.timestamp < start:
            return
        if end is None or row.timestamp <= end:
            yield row


def _limited(rows: Iterable[Any], limit: int | None) -> Iterator[Any]:
    for number, row in enumerate(rows):
        if number == limit:
            return
        yield row


def _format_of(file: Path) -> Format:
    try:
        return Format(file.suffix.removeprefix(".").lower() or "csv")
    except ValueError:
        known = ", ".join(f".{one}" for one in Format)
        raise typer.BadParameter(f"expected a file that ends with {known}, or --format") from None


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    if file == Path("-"):
        yield sys.stdout
        return
    with file.open("w", newline="", encoding="utf-8") as stream:
        yield stream


def _write_csv(rows: Iterator[Any], stream: TextIO) -> int:
    first = next(rows, None)
    if first is None:
        return 0
    writer = csv.DictWriter(stream, list(output.plain(first)), lineterminator="\n")
    writer.writeheader()
    count = 0
    for row in chain([first], rows):
        writer.writerow(output.plain(row))
        count += 1
    return count


def _write_lines(rows: Iterator[Any], stream: TextIO) -> int:
    count = 0
    for row in rows:
        stream.write(output.as_json(row) + "\n")
        count += 1
    return count


def _write_parquet(rows: Iterator[Any], file: Path) -> int:
    from zavora.frames import to_polars  # noqa: PLC0415 - only for who has it

    if file == Path("-"):
        raise typer.BadParameter("Parquet needs a file")
    frame = to_polars(rows)
    frame.write_parquet(file)
    return len(frame)
