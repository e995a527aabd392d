"""``manage.py tell_beyond``: what a record has beyond one that was brought back."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import CommandError

from zavora.backup.holding import AsOf, read_as_of, write_beyond
from zavora.foundation.commands import ExampleCommand


class Command(ExampleCommand):
    """Two halves of one comparison, each asked of its own database."""

    help = (
        "Compare two records. `as_of`, asked of the one that was brought back, prints how far it"
        " came; `write`, asked of the one that goes on, writes what it has beyond: commands.csv,"
        " trades.csv, money.csv, accounts.csv, summary.json. manage.py restore does both with the"
        " archive; where the old database still answers, it knows what was not archived, too."
    )
    examples = (
        "tell_beyond as_of > as_of.json",
        "tell_beyond write --since as_of.json --to /srv/report",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("half", choices=("as_of", "write"))
        parser.add_argument("--since", type=Path, help="what as_of printed; for write")
        parser.add_argument("--to", type=Path, help="a folder for the report; for write")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print, or write."""
        if options["half"] == "as_of":
            self.stdout.write(msgspec.json.encode(read_as_of()).decode())
            return
        if not options["since"] or not options["to"]:
            raise CommandError("write: expected --since and --to")
        try:
            since = msgspec.json.decode(options["since"].read_bytes(), type=AsOf)
        except (OSError, msgspec.MsgspecError) as error:
            raise CommandError(f"--since: expected what as_of printed: {error}") from None
        beyond = write_beyond(since, options["to"])
        self.stdout.write(
            f"{beyond.commands} commands, {beyond.trades} trades, {beyond.money} changes of money"
            f" ({beyond.payouts} of payouts), {beyond.accounts} accounts to tell,"
            f" {len(beyond.new_accounts)} accounts and {beyond.new_users} people are new"
        )
