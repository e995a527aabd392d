"""Statements of a provider: what it says that came in and went out, row by row, of any length.

CSV with a head, or JSON lines, by the file's first character. A row has ``type`` (deposit or
withdrawal), ``reference`` (as in webhooks), ``asset``, ``amount`` and ``time`` (ISO 8601 with a
zone); other columns are passed over.
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import Any, Final, Literal

import msgspec

from zavora.foundation.errors import ValidationFailed
from zavora.foundation.idempotency import is_key
from zavora.foundation.money import NotExact, parse_decimal

COLUMNS: Final = ("type", "reference", "asset", "amount", "time")
LINE_LENGTH_MAX: Final = 16_384
_ASSET_LENGTH_MAX: Final = 32

Kind = Literal["deposit", "withdrawal"]
_KINDS: Final[dict[str, Kind]] = {"deposit": "deposit", "withdrawal": "withdrawal"}


class Row(msgspec.Struct, frozen=True):
    """What a provider says that it took in, or paid out."""

    kind: Kind
    reference: str
    asset: str
    amount: Decimal
    time: datetime


def read_statement(lines: Iterable[str]) -> Iterator[Row]:
    """Yield the rows of a statement; raise ValidationFailed that names the first bad line."""
    numbered = _bounded(lines)
    first = next(numbered, None)
    if first is None:
        return
    rest = chain([first], numbered)
    reader = _json_rows if first.lstrip("\ufeff").startswith("{") else _csv_rows
    for number, found in reader(rest):
        yield _row(number, found)


def _bounded(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if len(line) > LINE_LENGTH_MAX:
            raise _bad(number, f"expected at most {LINE_LENGTH_MAX} characters")
        if "\0" in line:
            raise _bad(number, "expected text")
        yield line


def _json_rows(lines: Iterable[str]) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield number, msgspec.json.decode(line.lstrip("\ufeff"))
        except (msgspec.DecodeError, RecursionError):
            raise _bad(number, "expected a JSON object") from None


def _csv_rows(lines: Iterable[str]) -> Iterator[tuple[int, Any]]:
    reader = csv.DictReader(lines)
    try:
        names = [name.strip("\ufeff ") for name in reader.fieldnames or ()]
        if missing := sorted(set(COLUMNS) - set(names)):
            raise _bad(1, f"expected the columns {', '.join(missing)}, too")
        reader.fieldnames = names
        for found in reader:
            yield reader.line_num, found
    except csv.Error as error:
        raise _bad(reader.line_num, str(error)) from None


def _row(number: int, found: Any) -> Row:
    if not isinstance(found, dict):
        raise _bad(number, "expected a JSON object")
    texts = {name: _text(number, name, found.get(name)) for name in COLUMNS}
    kind = _KINDS.get(texts["type"])
    if kind is None:
        raise _bad(number, "type: expected deposit or withdrawal")
    if not is_key(texts["reference"]):
        raise _bad(number, "reference: expected 1 to 128 printable characters")
    if not 0 < len(texts["asset"]) <= _ASSET_LENGTH_MAX or not texts["asset"].isprintable():
        raise _bad(number, "asset: expected the code of an asset")
    return Row(
        kind, texts["reference"], texts["asset"],
        _amount(number, texts["amount"]), _time(number, texts["time"]),
    )  # fmt: skip


def _text(number: int, name: str, found: object) -> str:
    if not isinstance(found, str):
        raise _bad(number, f"{name}: expected a text")
    return found.strip()


def _amount(number: int, text: str) -> Decimal:
    try:
        return parse_decimal(text)
    except NotExact as error:
        raise _bad(number, f"amount: {error}") from None


def _time(number: int, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _bad(number, "time: expected ISO 8601 with a zone, like 2026-11-29T12:00:00Z")
    return moment


def _bad(number: int, expected: str) -> ValidationFailed:
    return ValidationFailed(f"line {number} of the statement", line=expected)
