"""``manage.py reconcile_provider FILE``: compare a provider's statement with the ledger."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import msgspec
from django.conf import settings
from django.core.management.base import CommandError

from accounts.money.provider_reconcile import Compared, compare_statement
from accounts.providers.statements import read_statement
from zavora.foundation.commands import ExampleCommand, command_error
from zavora.foundation.errors import ZavoraError

EXIT_DIFFERENCES = 1


class Command(ExampleCommand):
    """Compare a provider's statement with deposits and payouts of the ledger."""

    help = (
        "Compare a provider's statement with the ledger, in one snapshot, while everything runs."
        " The file is CSV with the columns type (deposit or withdrawal), reference, asset, amount"
        " and time (ISO 8601 with a zone), or JSON lines with the same names. A line for each"
        " difference: missing here, missing there, differs, more than once in the statement; at"
        " most 100 of each, all are counted. Exit status 1 if there is one."
    )
    examples = (
        "reconcile_provider november.csv --from 2026-11-01T00:00Z --to 2026-12-01T00:00Z",
        "reconcile_provider --json - < november.jsonl",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the file, the period, the provider and --json."""
        parser.add_argument("file", help="the statement; - for standard input")
        parser.add_argument(
            "--from", dest="since", type=_moment,
            help="what the ledger has since then has to be in it (default: its first row's time)",
        )  # fmt: skip
        parser.add_argument(
            "--to", dest="until", type=_moment,
            help="and before then (default: up to its last row's time)",
        )  # fmt: skip
        parser.add_argument("--provider", help="default: ZAVORA_PROVIDER_NAME")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare, print what differs, and exit with 1 where something does."""
        provider = options["provider"] or settings.ZAVORA_PROVIDER_NAME
        try:
            with _opened(options["file"]) as lines:
                compared = compare_statement(
                    read_statement(lines), provider=provider, since=options["since"],
                    until=options["until"],
                )  # fmt: skip
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(str(error)) from None
        except ZavoraError as error:
            raise command_error(error) from None
        self._tell(compared, as_json=options["json"])
        if any(compared.counts.values()):
            raise SystemExit(EXIT_DIFFERENCES)

    def _tell(self, compared: Compared, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(msgspec.json.encode(compared).decode())
            return
        for difference in compared.differences:
            self.stdout.write(difference.text())
        counted = ", ".join(f"{count} {name}" for name, count in compared.counts.items() if count)
        verdict = counted or "everything agrees"
        self.stdout.write(f"reconcile_provider: {compared.rows} rows, {verdict}")


@contextmanager
def _opened(name: str) -> Iterator[TextIO]:
    if name == "-":
        yield sys.stdin
        return
    with Path(name).open(encoding="utf-8", newline="") as lines:
        yield lines


def _moment(text: str) -> datetime:
    """Return a time with its zone; argparse tells where it is none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment
