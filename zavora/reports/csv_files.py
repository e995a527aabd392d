"""Reports as CSV: UTF-8, RFC 4180, tables one below the other, parted by an empty line.

Texts that people wrote are data to a spreadsheet, too: whatever would begin a formula there gets an
apostrophe in front (OWASP, "CSV Injection"), also in the middle of a text, after what a spreadsheet
of another language takes for the end of a cell. Figures may begin with a minus; they are ours.
"""

import csv
import io
import re
from collections.abc import Iterator
from typing import Final

from zavora.reports.tables import Pieces, Table

# The signs of formulas in both widths, and white space, which is passed over before them.
_FORMULA: Final = re.compile(r"(^|[,;|\t\r\n])(?=[\t\r\n]|[\s'\"]*[=+\-@\uff1d\uff0b\uff0d\uff20])")
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
    if text.isalnum() or _FIGURE.fullmatch(text):  # nearly all of them: names, numbers, amounts
        return text
    return _FORMULA.sub(r"\1'", text)
