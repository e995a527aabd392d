"""``manage.py check_sealed``: open all that is sealed, by the keys of the settings."""

from typing import Any, Final

from django.core.management.base import CommandError

from accounts.keys.sealing import list_unreadable
from zavora.foundation.commands import ExampleCommand

TOLD_MAX: Final = 20


class Command(ExampleCommand):
    """Open every sealed secret once; exit 1 where one cannot be."""

    help = (
        "Open each sealed secret of API keys and second factors by ZAVORA_SEALING_KEYS, SECRET_KEY"
        " and SECRET_KEY_FALLBACKS; exit status 1 where none of them does. Reads only: after a"
        " restore it says whether the keys that were kept elsewhere are the right ones."
    )
    examples = ("check_sealed",)

    def handle(self, *args: Any, **options: Any) -> None:
        """Open everything and report."""
        unreadable = list_unreadable()
        if unreadable:
            raise CommandError(
                f"{len(unreadable)} secrets cannot be opened by any key of the settings:"
                f" {', '.join(unreadable[:TOLD_MAX])}"
            )
        self.stdout.write("check_sealed: every sealed secret can be opened")
