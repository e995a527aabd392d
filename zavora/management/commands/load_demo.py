"""``manage.py load_demo``: markets, people, funds and two simulated days to try things with."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand

from zavora.demo.loading import load_demo


class Command(BaseCommand):
    """Load the demo; print how to log in."""

    help = (
        "Load the demo: assets, markets, people with funds, and two days of simulated trading.\n"
        "What is there already stays as it is, so the command may be repeated. It runs before\n"
        "the matching workers start; history is made only in a shard that has none.\n\n"
        "Examples:\n  manage.py load_demo\n  manage.py load_demo --no-history"
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        """Keep the lines of the help as they are."""
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare --no-history."""
        parser.add_argument(
            "--no-history", action="store_true", help="leave the markets without a past"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Load what is missing and print the logins, a line each."""
        for line in load_demo(with_history=not options["no_history"]):
            self.stdout.write(line)
