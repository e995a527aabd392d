"""``manage.py hold_restored``: hold an exchange whose database was brought back, by whatever."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import ProgrammingError

from accounts.access.actor import Actor
from zavora.backup.holding import hold_exchange
from zavora.foundation.commands import ExampleCommand


class Command(ExampleCommand):
    """Give every shard a new epoch that nobody takes, and let nothing leave."""

    help = (
        "Hold an exchange whose database was brought back to an earlier moment: every shard gets a"
        " new epoch, above all that workers of before can have, which nobody takes; numbers of"
        " events and rows go on above those of before; withdrawals and payouts wait. manage.py"
        " restore does it by itself; after any other way of recovery run it before anything starts,"
        " as the owner of the tables (DATABASE_URL)."
    )
    examples = ("hold_restored --target 2026-11-30T12:00:00Z",)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare --target."""
        parser.add_argument(
            "--target", required=True, help="to where it was brought, for the record"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Hold everything."""
        by = Actor.system("manage.py hold_restored")
        try:
            shards = hold_exchange(by=by, target=options["target"])
        except ProgrammingError as error:
            raise CommandError(
                f"DATABASE_URL: expected the owner of the tables; nothing was changed: {error}"
            ) from None
        self.stdout.write(f"hold_restored: {shards} shards and all that leaves are held")
