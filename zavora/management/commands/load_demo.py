"""``manage.py load_demo``: markets, people, funds and two simulated days to try things with."""

from argparse import ArgumentParser
from typing import Any

from zavora.demo.loading import load_demo
from zavora.foundation.commands import ExampleCommand


class Command(ExampleCommand):
    """Load the demo; print how to log in."""

    help = (
        "Load the demo: assets, markets, people with funds, and two days of simulated trading."
        " What is there already stays as it is, so the command may be repeated. Run it before the"
        " matching workers; history is made only in a shard that has none."
    )
    examples = (
        "load_demo",
        "load_demo --no-history",
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
