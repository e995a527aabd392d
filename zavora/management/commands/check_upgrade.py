"""``manage.py check_upgrade``: whether migrations may be applied while the former version runs."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any, Final

import msgspec
from django.core.management.base import CommandError
from django.db import connections

from zavora.database_rights import owner_alias
from zavora.foundation.commands import ExampleCommand
from zavora.upgrade.checking import Report, check
from zavora.upgrade.errors import CheckFailed
from zavora.upgrade.judging import LARGE_MB_DEFAULT

EXIT_NOT_YET: Final = 1


class Command(ExampleCommand):
    """Rehearse the migrations on an empty copy, and look at who runs and what is queued."""

    help = (
        "Before an upgrade, from the new version: applies the migrations that it brings to an empty"
        " copy of the tables on a server of its own, and says of each which tables it locks and"
        " whether it may run beside batches (expand), has to wait until the former version is gone"
        " (contract), or would stop batches (refuse). Looks, too, at who runs in which version, at"
        " transactions that a migration would wait for, and at commands and events that this"
        " version cannot read. Changes nothing. Exit status 1 where something has to be done first."
    )
    examples = (
        "check_upgrade",
        "check_upgrade --accept matching.0020_wider_table",
        "check_upgrade --json",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--large-mb",
            type=_megabytes,
            default=LARGE_MB_DEFAULT,
            help=f"a table from this size on is not read or written while it is locked"
            f" ({LARGE_MB_DEFAULT})",
        )
        parser.add_argument(
            "--accept",
            action="append",
            default=[],
            metavar="APP.MIGRATION",
            help="one that somebody has looked at: what is found of it does not count",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, print the report, and exit with 1 where the upgrade has to wait."""
        try:
            report = check(
                connections[owner_alias()], large_mb=options["large_mb"], accepted=options["accept"]
            )
        except CheckFailed as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            self.stdout.write(msgspec.json.encode(report).decode())
        else:
            self._print(report)
        if not report.is_ready:
            raise SystemExit(EXIT_NOT_YET)

    def _print(self, report: Report) -> None:
        for one in report.running:
            self.stdout.write(f"runs: {one.process}, version {one.version}")
        for judged in report.migrations:
            self.stdout.write(f"{judged.name}: {judged.verdict}")
            for line in judged.locks:
                self.stdout.write(f"  locks {line}")
            for line in judged.reasons:
                self.stdout.write(f"  {line}")
        for line in report.problems:
            self.stdout.write(f"first: {line}")
        verdict = "ready" if report.is_ready else "not yet"
        count = len(report.migrations)
        self.stdout.write(
            f"check_upgrade: {verdict} (to version {report.version}, {count} migrations)"
        )


def _megabytes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise ArgumentTypeError("a whole number of MiB from 1 to 1000000")
    return int(text)
