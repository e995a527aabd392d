"""An exchange of last year: two people who deposited, traded and withdrew in a period that ended.

Trades come out of the worker's own pipeline with its clock set back; money from outside is posted
with the time of then, in the rows that the services write now.
"""

import csv
import io
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts.models import Account, Asset, LedgerEntry, LedgerTransaction, Report
from accounts.money.postings import change_balance, lock_balance, outside_account, total_of
from accounts.reports.selectors import get_part
from accounts.reports.services import request_report
from accounts.services import create_asset, ensure_user
from matching.commands.place import PlaceOrder
from matching.services import new_market_command
from matching.worker.offline import OfflineShard
from tests.actors import SYSTEM
from zavora.foundation.time_ids import first_id_of
from zavora.foundation.times import microseconds_of
from zavora.reports.making import make_reports

BEGIN = datetime(2025, 10, 1, tzinfo=UTC)
END = datetime(2025, 11, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Past:
    """A market of BTC/USD, Ann and Bob. Every act has a time of its own, a second after another."""

    def __init__(self, shard: OfflineShard) -> None:
        self.shard = shard
        self.now = BEGIN - timedelta(days=20)
        for code, scale in (("BTC", 8), ("USD", 6)):
            create_asset(by=SYSTEM, code=code, name=code, scale=scale)
        self.ann, self.bob = (
            ensure_user(by=SYSTEM, email=f"{name}@example.com").accounts.get()
            for name in ("ann", "bob")
        )
        self.command = new_market_command(
            by=SYSTEM, base="BTC", quote="USD", tick_size=Decimal("0.01"),
            lot_size=Decimal("0.0001"), maker_fee_ppm=1_000, taker_fee_ppm=2_000,
            max_open_orders=None,
        )  # fmt: skip
        (reply,) = self.apply(self.command)
        assert reply.code == ""

    def apply(self, *commands: Any) -> list[Any]:
        self.now += SECOND
        replies: list[Any] = self.shard.apply(commands, time_us=microseconds_of(self.now))
        return replies

    def move(self, account: Account, asset: str, amount: str) -> None:
        """Let money come from outside or, negative, go there."""
        self.now += SECOND
        kind = "withdrawal" if amount.startswith("-") else "deposit"
        with transaction.atomic():
            balance = lock_balance(account=account, asset=Asset.objects.get(code=asset))
            change_balance(balance, available=Decimal(amount), locked=Decimal(0), now=self.now)
            # As the database would have numbered them then.
            first = first_id_of(microseconds_of(self.now) // 1_000) | 63 << 7
            row = {"kind": kind, "created_at": self.now}
            LedgerTransaction.objects.create(id=first, reference="by wire", **row)
            row |= {"transaction_id": first, "asset_id": balance.asset_id}
            other = outside_account().pk
            LedgerEntry.objects.bulk_create(
                [
                    LedgerEntry(
                        id=first, account=account, amount=Decimal(amount),
                        balance_after=total_of(balance), **row,
                    ),
                    LedgerEntry(id=first + 1, account_id=other, amount=-Decimal(amount), **row),
                ]
            )  # fmt: skip

    def order(self, account: Account, side: Any, quantity: str, price: str) -> PlaceOrder:
        return PlaceOrder(
            account.pk, self.command.market_id, side, "limit", "gtc", False, price, quantity,
            None, None, None, 2**50,
        )  # fmt: skip

    def trade(self, *trades: tuple[str, str, str]) -> None:
        """Let Ann buy or sell (side, quantity, price) of Bob, each of whom is maker in turns."""
        orders = []
        for number, (side, quantity, price) in enumerate(trades):
            other = "sell" if side == "buy" else "buy"
            pair = [(self.ann, side), (self.bob, other)]
            for account, its_side in pair if number % 2 else pair[::-1]:
                orders.append(self.order(account, its_side, quantity, price))
        for reply in self.apply(*orders):
            assert reply.code == "", reply

    def trade_at_random(self, count: int, *, batch: int, seed: int = 1) -> None:
        """Trade so often, in batches of so many trades, at prices around 20,000."""
        for account in (self.ann, self.bob):
            self.move(account, "BTC", str(count))
            self.move(account, "USD", str(count * 20_000))
        source = random.Random(seed)
        left = count
        while left:
            now = min(batch, left)
            self.trade(
                *(
                    (
                        source.choice(("buy", "sell")),
                        f"{source.randint(1, 500) / 10_000:.4f}",
                        f"{source.randint(1_950_000, 2_050_000) / 100:.2f}",
                    )
                    for _ in range(now)
                )
            )
            left -= now


@contextmanager
def past_exchange() -> Iterator[Past]:
    with OfflineShard(0) as shard:
        yield Past(shard)


def ask(account: Account, **more: Any) -> Report:
    """Ask for a report about the period."""
    asked = {"kind": "statement", "format": "csv", "period_from": BEGIN, "period_to": END, **more}
    return request_report(by=SYSTEM, account_id=account.public_id, **asked)


def made(report: Report) -> Report:
    """Make what is open, and return the report as it is then."""
    make_reports()
    report.refresh_from_db()
    return report


def file_of(report: Report) -> bytes:
    parts: list[bytes] = []
    while (part := get_part(report.pk, len(parts))) is not None:
        parts.append(part)
    return b"".join(parts)


def tables_of(report: Report) -> dict[str, list[dict[str, str]]]:
    """Return the tables of a finished CSV."""
    return read(file_of(report))


def read(file: bytes) -> dict[str, list[dict[str, str]]]:
    """Return the tables of a CSV by their titles, each row by the heads of its columns."""
    tables: dict[str, list[dict[str, str]]] = {}
    rows = csv.reader(io.StringIO(file.decode(), newline=""))
    for title in rows:
        columns = next(rows)
        table = tables.setdefault(title[0], [])
        for row in rows:
            if not row:
                break
            table.append(dict(zip(columns, row, strict=True)))
    return tables
