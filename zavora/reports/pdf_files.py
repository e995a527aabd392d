"""Reports as PDF, set by Typst from a template of ours.

What people wrote (labels, references) comes as JSON, which the template shows as text: it is never
part of the source, so it cannot be markup. A PDF is set as a whole, so its rows are bounded, and in
a process of its own (``typesetting.py``); a longer report is to be had as CSV.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from zavora.reports.tables import About, Pieces, Table

PDF_ROWS_MAX: Final = 5_000
# Below the lease of whoever makes the report.
TYPESETTING_S_MAX: Final = 45.0
PART_BYTES: Final = 262_144
_PROGRAM: Final = Path(__file__).with_name("typesetting.py")


class TooLong(Exception):
    """The report has more rows than are set as a PDF."""


def as_pdf(pieces: Pieces, about: About) -> Iterator[tuple[bytes, int]]:
    """Yield the file in parts, each with how far the report is; nothing until all is read.

    Raises TooLong.
    """
    tables: list[dict[str, Any]] = []
    rows = 0
    for piece in pieces:
        if isinstance(piece, Table):
            tables.append({"title": piece.title, "columns": piece.columns, "rows": []})
            continue
        rows += len(piece.rows)
        if rows > PDF_ROWS_MAX:
            raise TooLong(f"a PDF has at most {PDF_ROWS_MAX:,} rows; ask for CSV")
        tables[-1]["rows"] += piece.rows
        yield b"", piece.progress // 2
    body = _set({"title": about.title, "tables": tables}, timestamp=about.end.isoformat())
    for begin in range(0, len(body), PART_BYTES):
        yield body[begin : begin + PART_BYTES], 99


def _set(report: dict[str, Any], *, timestamp: str) -> bytes:
    try:
        done = subprocess.run(
            [sys.executable, str(_PROGRAM)],
            input=msgspec.json.encode({"report": report, "timestamp": timestamp}),
            stdout=subprocess.PIPE,
            timeout=TYPESETTING_S_MAX,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise TooLong("the PDF took too long to be set; ask for CSV") from None
    return done.stdout
