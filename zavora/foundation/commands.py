"""What our management commands share: help that shows examples, errors that read well."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from zavora.foundation.errors import ZavoraError


class ExampleCommand(BaseCommand):
    """A command whose ``--help`` ends with ``examples``, each without the leading ``manage.py``."""

    examples: tuple[str, ...] = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        """Add the examples below the options."""
        lines = "\n".join(f"  manage.py {example}" for example in self.examples)
        parser: ArgumentParser = super().create_parser(
            prog_name,
            subcommand,
            formatter_class=RawDescriptionHelpFormatter,
            epilog=f"examples:\n{lines}" if lines else None,
            **kwargs,
        )
        return parser


def command_error(error: ZavoraError) -> CommandError:
    """Return what a command prints of a refusal: the message, then each field's expectation."""
    details = "".join(f"; {name}: {what}" for name, what in error.details.items())
    return CommandError(f"{error}{details}")
