"""All that is known of a person, as a ZIP of JSON lines: made bit by bit, never held whole."""

import io
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any, Final, cast

import msgspec

from accounts.reports.personal import (
    ROWS_MAX,
    OwnAccount,
    Row,
    Section,
    list_own_accounts,
    list_sections,
)
from marketdata.alerts.selectors import list_alerts
from matching.orders.report_reads import columns_of, list_fills, list_reported_markets
from matching.orders.selectors import list_orders
from zavora.reports.tables import share_done

READ_ME: Final = """All that this exchange knows of you, as of {end}.

Each file is JSON lines (UTF-8): one object a line. Amounts are decimals as texts, times are UTC.
What is not in it: your password and other secrets, which nobody can read, and what operators wrote
for themselves. Log files hold the addresses that you came from for as long as they are kept.
"""
_LINE: Final = msgspec.json.Encoder(decimal_format="string")


class _Sink(io.RawIOBase):
    """Takes what is written, and gives it away once; it cannot be gone back in."""

    def __init__(self) -> None:
        super().__init__()
        self._kept = bytearray()

    def writable(self) -> bool:
        """Return that it can be written to."""
        return True

    def write(self, body: Any) -> int:
        """Take some bytes."""
        self._kept += body
        return len(body)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        body = bytes(self._kept)
        self._kept.clear()
        return body


def personal_file(user_id: int, end: datetime) -> Iterator[tuple[bytes, int]]:
    """Yield the file in parts, each with how far it is (per cent).

    What changes while it is made is in it as it was when it was read.
    """
    accounts = list_own_accounts(user_id)
    sections = [
        *list_sections(user_id, accounts),
        Section("alerts", lambda: _alerts(user_id)),
        *_of_matching(accounts, end),
    ]
    sink = _Sink()
    with zipfile.ZipFile(cast("IO[bytes]", sink), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", READ_ME.format(end=f"{end:%Y-%m-%d %H:%M} UTC"))
        for number, section in enumerate(sections):
            with archive.open(f"{section.name}.jsonl", "w") as file:
                for page in section.pages():
                    file.write(_LINE.encode_lines(page))
                    yield sink.take(), share_done(number, len(sections))
    yield sink.take(), 100


def _alerts(user_id: int) -> Iterator[list[Row]]:
    """Yield one's price alerts, of which there are few."""
    yield [msgspec.structs.asdict(alert) for alert in list_alerts(user_id)]


def _of_matching(accounts: list[OwnAccount], end: datetime) -> list[Section]:
    return [
        Section("orders", lambda: _orders(accounts)),
        Section("fills", lambda: _fills(accounts, end)),
    ]


def _orders(accounts: list[OwnAccount]) -> Iterator[list[Row]]:
    """Yield the orders of each account, newest first."""
    markets = list_reported_markets()
    for account in accounts:
        before_id = None
        while rows := list_orders(account.pk, before_id=before_id, limit=ROWS_MAX):
            yield [
                {
                    "account_id": account.public_id,
                    "market": markets[row.market_id].symbol,
                    **columns_of(row),
                }
                for row in rows
            ]
            before_id = rows[-1].pk


def _fills(accounts: list[OwnAccount], end: datetime) -> Iterator[list[Row]]:
    """Yield the fills of each account, oldest first."""
    markets = list_reported_markets()
    for account in accounts:
        after_id = 0
        while fills := list_fills(account.pk, end, after_id=after_id, limit=ROWS_MAX):
            yield [
                {
                    "account_id": account.public_id,
                    "market": markets[fill.market_id].symbol,
                    **msgspec.structs.asdict(fill),
                }
                for fill in fills
            ]
            after_id = fills[-1].trade_id
