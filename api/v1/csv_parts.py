"""Tables as CSV files that are made while they are sent, part by part."""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from django.utils import timezone

from api.transport.parts import PartedResponse
from zavora.reports.csv_files import cell

ROWS_OF_PART: Final = 500


def csv_file(name: str, head: Sequence[str], rows: Iterator[Sequence[str]]) -> PartedResponse:
    """Answer rows as a file; each part is read when the one before is sent."""

    def read(number: int) -> bytes | None:
        part = list(islice(rows, ROWS_OF_PART))
        if number and not part:
            return None
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        if number == 0:
            writer.writerow(head)
        writer.writerows(map(cell, row) for row in part)
        return text.getvalue().encode()

    return PartedResponse(
        read,
        name=f"{name}-{timezone.now():%Y%m%d-%H%M}.csv",
        content_type="text/csv; charset=utf-8",
    )
