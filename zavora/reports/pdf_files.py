"""Reports as PDF, set by Typst from a template of ours.

What people wrote (labels, references) comes as JSON, which the template shows as text: it is never
part of the source, so it cannot be markup. A PDF is set as a whole, so its rows are bounded; a
longer report is to be had as CSV.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import typst

from zavora.reports.tables import About, Pieces, Table

# So many take about half a minute and 600 MB.
PDF_ROWS_MAX: Final = 10_000
PART_BYTES: Final = 262_144
_TEMPLATE: Final = Path(__file__).with_name("report.typ")


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
    data = msgspec.json.encode({"title": about.title, "tables": tables}).decode()
    tables.clear()
    # The time of the end of the period: made again, the file is the same.
    body = typst.compile(
        _TEMPLATE.read_bytes(), format="pdf", sys_inputs={"report": data}, timestamp=about.end
    )
    for begin in range(0, len(body), PART_BYTES):
        yield body[begin : begin + PART_BYTES], 99
