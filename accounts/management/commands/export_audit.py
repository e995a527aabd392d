"""``manage.py export_audit``: records of acts as JSON lines or CSV, on standard output."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError

from accounts.chain.exporting import FORMATS, exported, records_between
from zavora.foundation.commands import ExampleCommand


class Command(ExampleCommand):
    """Write records of acts, in the order of the chain."""

    help = (
        "Write audit records to standard output, in the order of the chain, each with its position"
        " and hash: JSON lines, which can be hashed anew, or CSV, where an apostrophe stands before"
        " what a spreadsheet would take for a formula. Any number of them, a batch at a time."
    )
    examples = (
        "export_audit --since 2026-11-01 --until 2026-12-01 > november.jsonl",
        "export_audit --since 2026-11-29T12:00:00Z --format csv > today.csv",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--since", type=_moment, help="from this time on; without zone: UTC")
        parser.add_argument("--until", type=_moment, help="before this time; without zone: UTC")
        parser.add_argument("--format", choices=sorted(FORMATS), default="jsonl")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the records."""
        since, until = options["since"], options["until"]
        if since is not None and until is not None and since >= until:
            raise CommandError("--until: expected a time after --since")
        for text in exported(records_between(since, until), options["format"]):
            self.stdout.write(text, ending="")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError("expected a date or a time, as 2026-11-29T12:00:00Z") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
