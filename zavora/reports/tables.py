"""What a report is made of, whatever its file looks like: tables, one by one, in pieces."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from zavora.foundation.money import format_decimal

Row = Sequence[str]
# So many rows are read and written at once.
ROWS_MAX: Final = 2_000


class NotTied(Exception):
    """The figures of a report do not agree with the ledger: it must not be handed out."""


class TooLong(Exception):
    """The report is larger than it may be; the words are for its owner."""


class Table(msgspec.Struct, frozen=True):
    """A table begins: its title and the heads of its columns."""

    title: str
    columns: tuple[str, ...]


class Rows(msgspec.Struct, frozen=True):
    """Some rows of the table that began last, and how far the report is, in per cent."""

    rows: list[Row]
    progress: int = 0


Pieces = Iterator[Table | Rows]


class About(msgspec.Struct, frozen=True):
    """What a report is about: a period from ``begin`` (inclusive) to ``end`` (exclusive)."""

    title: str
    begin: datetime
    end: datetime
    account_pk: int = 0
    account: str = ""
    label: str = ""
    owner: str = ""


def moment(time: datetime) -> str:
    """Return a time as reports write it: ISO 8601, UTC, microseconds."""
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def amount(value: Decimal, scale: int) -> str:
    """Return an amount with all decimals of its asset."""
    return format_decimal(value, scale)


def head(about: About, *more: Row) -> Pieces:
    """Yield the first table: what this is, whose, and of when."""
    yield Table(about.title, ("about", "value"))
    of_account = [
        ("account", about.account),
        ("label", about.label),
        ("owner", about.owner),
    ]
    period = [("from (inclusive)", moment(about.begin)), ("to (exclusive)", moment(about.end))]
    yield Rows([*(of_account if about.account else ()), *period, *more])


def share_done(done: int, of: int) -> int:
    """Return how far something is, in per cent."""
    return 100 * done // of if of else 100
