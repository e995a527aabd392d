"""Making what was asked for: one report at a time, until none is open.

Whatever fails is said at the report, in words for its owner; what that means is in the log.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
import structlog

from accounts import services
from accounts.access.actor import Actor
from accounts.reports.selectors import about_of
from accounts.reports.services import Attempt, AttemptLost
from zavora.reports.csv_files import as_csv
from zavora.reports.daily import daily_report
from zavora.reports.pdf_files import as_pdf
from zavora.reports.personal import personal_file
from zavora.reports.statements import statement
from zavora.reports.tables import About, NotTied, Pieces, TooLong
from zavora.reports.trading import trade_report

BY: Final = Actor.system("reports")
# A part is written when it is so large, or so old: the lease is renewed with it.
PART_BYTES_MIN: Final = 262_144
PART_S_MAX: Final = 5.0
# A report that is larger or takes longer fails: others wait for it, and its parts take room.
FILE_BYTES_MAX: Final = 268_435_456
MAKING_S_MAX: Final = 900.0
TITLES: Final = {
    "statement": "Statement of account",
    "trades": "Trades and fees",
    "daily": "Day of the exchange",
}
NOT_TIED: Final = "it does not agree with the ledger and is not handed out; an operator is told"
WRITERS: Final[dict[str, Callable[[About], Pieces]]] = {
    "statement": statement,
    "trades": trade_report,
    "daily": daily_report,
}

log = structlog.get_logger(__name__)


class Limits(msgspec.Struct, frozen=True):
    """How large a file may get, and how long it may take to be made."""

    file_bytes_max: int = FILE_BYTES_MAX
    making_s_max: float = MAKING_S_MAX


LIMITS: Final = Limits()


def make_reports(after_part: Callable[[], None] = lambda: None, limits: Limits = LIMITS) -> int:
    """Make every report that is open; return how many were made.

    ``after_part`` is called after each part, for whoever has to show that they are alive.
    """
    made = 0
    while (attempt := services.take_report(by=BY)) is not None:
        made += _try(attempt, after_part, limits)
    return made


def _try(attempt: Attempt, after_part: Callable[[], None], limits: Limits) -> bool:
    report_id = attempt.report.pk
    try:
        try:
            _make(attempt, after_part, limits)
        except TooLong as error:
            services.fail_report(by=BY, attempt=attempt, note=str(error))
        except NotTied as error:
            log.critical("report_not_tied", report=report_id, found=str(error))
            services.fail_report(by=BY, attempt=attempt, note=NOT_TIED)
        else:
            return True
    except AttemptLost:
        log.warning("report_attempt_lost", report=report_id)
    return False


def _make(attempt: Attempt, after_part: Callable[[], None], limits: Limits) -> None:
    digest = hashlib.sha256()
    deadline = time.monotonic() + limits.making_s_max
    for body, progress in _parts(_file(attempt)):
        if attempt.size + len(body) > limits.file_bytes_max:
            raise TooLong("the file gets too large; ask for a shorter period")
        if time.monotonic() > deadline:
            raise TooLong("it takes too long to be made; ask for a shorter period")
        services.append_part(by=BY, attempt=attempt, body=body, progress=progress)
        digest.update(body)
        after_part()
    services.finish_report(by=BY, attempt=attempt, digest=digest.hexdigest())
    log.info("report_made", report=attempt.report.pk, bytes=attempt.size, parts=attempt.parts)


def _file(attempt: Attempt) -> Iterator[tuple[bytes, int]]:
    report = attempt.report
    if report.person_id is not None:
        return personal_file(report.person_id, report.period_to)
    told = about_of(report)
    about = About(
        title=TITLES[report.kind],
        begin=report.period_from,
        end=report.period_to,
        account_pk=report.account_id or 0,
        account=told.account,
        label=told.label,
        owner=told.owner,
    )
    pieces = WRITERS[report.kind](about)
    return as_pdf(pieces, about) if report.format == "pdf" else as_csv(pieces)


def _parts(pieces: Iterator[tuple[bytes, int]]) -> Iterator[tuple[bytes, int]]:
    """Yield a file in parts that are worth a transaction each."""
    kept: list[bytes] = []
    size, reached, since = 0, 0, time.monotonic()
    for body, progress in pieces:
        kept.append(body)
        size += len(body)
        reached = max(reached, progress)
        if size >= PART_BYTES_MIN or time.monotonic() - since > PART_S_MAX:
            yield b"".join(kept), reached
            kept.clear()
            size, since = 0, time.monotonic()
    yield b"".join(kept), reached
