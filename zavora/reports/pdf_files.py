"""Reports as PDF, set by Typst from a template of ours.

What people wrote (labels, references) comes as JSON, which the template shows as text: it is never
part of the source, so it cannot be markup. A PDF is set as a whole, so its cells are bounded, and
in a process of its own (``typesetting.py``); a longer report is to be had as CSV.
"""

import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from zavora.reports.tables import About, Pieces, Table, TooLong

# 5,000 entries of a statement, 2,800 fills.
CELLS_MAX: Final = 40_000
# Of a longer table each column gets room by the longest text in it, within bounds.
MEASURED_ROWS_MAX: Final = 200
WIDTH_MIN: Final = 4
WIDTH_MAX: Final = 40
TYPESETTING_S_MAX: Final = 45.0
# So often whoever waits for a PDF is heard: lease and sign of life are shorter than the above.
HEARD_EVERY_S: Final = 2.0
PART_BYTES: Final = 262_144
_PROGRAM: Final = Path(__file__).with_name("typesetting.py")


def as_pdf(
    pieces: Pieces,
    about: About,
    *,
    setting_s_max: float = TYPESETTING_S_MAX,
    heard_every_s: float = HEARD_EVERY_S,
) -> Iterator[tuple[bytes, int]]:
    """Yield the file in parts, each with how far the report is; empty ones until it is set.

    Raises TooLong.
    """
    tables: list[dict[str, Any]] = []
    cells = 0
    for piece in pieces:
        if isinstance(piece, Table):
            tables.append({"title": piece.title, "columns": piece.columns, "rows": []})
            continue
        cells += sum(map(len, piece.rows))
        if cells > CELLS_MAX:
            rows_max = CELLS_MAX // len(tables[-1]["columns"])
            raise TooLong(f"a PDF has at most {rows_max:,} rows of these; ask for CSV")
        tables[-1]["rows"] += piece.rows
        yield b"", piece.progress // 2
    for one in tables:
        one["widths"] = _widths(one) if len(one["rows"]) > MEASURED_ROWS_MAX else None
    report = {"title": about.title, "tables": tables}
    asked = msgspec.json.encode({"report": report, "timestamp": about.end.isoformat()})
    body = yield from _set(asked, time.monotonic() + setting_s_max, heard_every_s)
    for begin in range(0, len(body), PART_BYTES):
        yield body[begin : begin + PART_BYTES], 99


def _widths(table: dict[str, Any]) -> list[int]:
    longest = [
        max(map(len, column)) for column in zip(table["columns"], *table["rows"], strict=True)
    ]
    return [min(max(length, WIDTH_MIN), WIDTH_MAX) for length in longest]


def _set(
    asked: bytes, deadline: float, heard_every_s: float
) -> Generator[tuple[bytes, int], None, bytes]:
    """Return the PDF that another process sets; yield empty parts while it is at work."""
    process = subprocess.Popen(
        [sys.executable, str(_PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        body = None
        while body is None:
            try:
                body, _ = process.communicate(asked, timeout=heard_every_s)
            except subprocess.TimeoutExpired:
                if time.monotonic() > deadline:
                    raise TooLong("the PDF took too long to be set; ask for CSV") from None
                asked = b""  # it is on its way already
                yield b"", 50
    finally:
        with process:
            process.kill()  # which is nothing to one that has ended
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return body
