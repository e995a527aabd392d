"""``manage.py prepare``: bring tables and demo up to date in one go, before the exchange starts."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.money.restored import is_held
from zavora.foundation.commands import ExampleCommand
from zavora.runner.exchange import HELD_LINE
from zavora.starting import UnsafeStart, check_demo


class Command(ExampleCommand):
    """Migrate, then load the demo: one process, because each costs a second or two to load."""

    help = "Make or update the tables and, if asked, the demo; prints how to log in to the demo."
    examples = ("prepare", "prepare --demo")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare --demo."""
        parser.add_argument("--demo", action="store_true", help="load the demo, too")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do both; either may be repeated."""
        call_command("migrate", interactive=False, verbosity=0)
        try:
            check_demo()
        except UnsafeStart as error:
            raise CommandError(str(error)) from None
        if is_held():
            self.stdout.write(
                f"{HELD_LINE} and is held: correct money, then manage.py confirm_restore"
                " (docs/backups.md)"
            )
            return  # the demo's orders could not be placed
        if options["demo"]:
            call_command("load_demo", stdout=self.stdout)
