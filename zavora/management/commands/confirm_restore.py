"""``manage.py confirm_restore``: the record was checked and corrected; go on."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from accounts.access.actor import Actor
from zavora.backup.holding import is_exchange_held, release_exchange
from zavora.foundation.commands import ExampleCommand, command_error
from zavora.foundation.errors import ZavoraError


class Command(ExampleCommand):
    """Let workers take the shards and money leave again, on record."""

    help = (
        "End the hold of a restored exchange: workers take the shards, withdrawals and payouts go"
        " on. Run it when everything in the report's money.csv is in the record: what was paid"
        " beyond the moment is not known here, and would be paid again. --check only tells:"
        " exit status 1 where it is held."
    )
    examples = (
        'confirm_restore --reason "money.csv of 30 November posted, BH"',
        "confirm_restore --check",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--reason", help="who checked what, for the record")
        what.add_argument("--check", action="store_true", help="only tell whether it is held")

    def handle(self, *args: Any, **options: Any) -> None:
        """Release, or tell."""
        if options["check"]:
            if is_exchange_held():
                raise CommandError("held: this database was restored, and nobody confirmed it")
            self.stdout.write("nothing is held")
            return
        by = Actor.system("manage.py confirm_restore")
        try:
            shards = release_exchange(by=by, reason=options["reason"])
        except ZavoraError as error:
            raise command_error(error) from None
        self.stdout.write(f"confirm_restore: {shards} shards may be taken, and money may leave")
