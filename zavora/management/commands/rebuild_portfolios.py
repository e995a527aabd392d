"""Count portfolios anew from the ledger, or compare what is kept with such a count."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from accounts.people.selectors import find_user
from zavora.foundation.commands import ExampleCommand
from zavora.portfolio.keeping import list_different, rebuild


class Command(ExampleCommand):
    """Throw away what is kept of portfolios and count it anew; ``--check`` only compares."""

    help = "Count portfolios anew from the ledger, of all or of one person; --check compares."
    examples = (
        "rebuild_portfolios",
        "rebuild_portfolios --email me@example.com",
        "rebuild_portfolios --check",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whose, and whether to write."""
        parser.add_argument("--email", help="only this person's")
        parser.add_argument("--check", action="store_true", help="compare, and write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it; exit with 1 where a comparison fails."""
        owner_id = None
        if options["email"]:
            user = find_user(options["email"])
            if user is None:
                raise CommandError(f"There is no user {options['email']}.")
            owner_id = user.pk
        if not options["check"]:
            count = rebuild(owner_id)
            self.stdout.write(f"{count} portfolios were counted anew.")
            return
        different = list_different(owner_id)
        for owner, currency_id in different:
            self.stdout.write(f"user {owner}, currency {currency_id}: differs from the ledger")
        if different:
            raise CommandError(f"{len(different)} portfolios differ; run it without --check.")
        self.stdout.write("Every portfolio is what the ledger says.")
