"""Reports as CSV: UTF-8, RFC 4180, tables one below the other, parted by an empty line.

Texts that people wrote are data to a spreadsheet, too: one that would begin a formula there gets an
apostrophe in front (OWASP, "CSV Injection"). Figures may begin with a minus; they are ours.
"""

import csv
import io
import re
from collections.abc import Iterator
from typing import Final

from zavora.reports.tables import Pieces, Table

_FORMULA: Final = re.compile(r"[=+\-@\t\r\n]")
_FIGURE: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)


def as_csv(pieces: Pieces) -> Iterator[tuple[bytes, int]]:
    """Yield the file in parts, each with how far the report is (per cent)."""
    is_first = True
    for piece in pieces:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        if isinstance(piece, Table):
            if not is_first:
                writer.writerow(())
            writer.writerow((piece.title,))
            writer.writerow(piece.columns)
            is_first = False
            yield text.getvalue().encode(), 0
        else:
            writer.writerows(map(cell, row) for row in piece.rows)
            yield text.getvalue().encode(), piece.progress


def cell(text: str) -> str:
    """Return a text as a spreadsheet may have it."""
    if _FORMULA.match(text) and not _FIGURE.fullmatch(text):
        return f"'{text}"
    return text
