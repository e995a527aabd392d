"""``manage.py revoke_key``: end a key, or all of a person's, from the command line."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from accounts.access.actor import Actor
from accounts.keys.selectors import keys_named, keys_of_email
from accounts.services import revoke_key
from zavora.foundation.commands import ExampleCommand, command_error
from zavora.foundation.errors import ZavoraError


class Command(ExampleCommand):
    """Make keys worthless from now on."""

    help = (
        "Revoke a key, or all keys of a person. Every process refuses it within a second, and its"
        " WebSockets are closed. A key that is revoked already stays so. Prints a line for each."
    )
    examples = (
        "revoke_key 17",
        "revoke_key - < leaked-token.txt",
        "revoke_key --all-of bot@example.com",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument(
            "key",
            nargs="?",
            help="the number that the admin shows, a signing key's name, or a token; - reads it"
            " from standard input, as others of the machine see the arguments of a command",
        )
        which.add_argument("--all-of", metavar="EMAIL", help="every key of this person")

    def handle(self, *args: Any, **options: Any) -> None:
        """Find and revoke."""
        text, email = options["key"], options["all_of"]
        if text == "-":
            text = sys.stdin.readline()
        try:
            found = keys_named(text.strip()) if email is None else keys_of_email(email)
            for key in found:
                ended = revoke_key(by=Actor.system("manage.py revoke_key"), key_id=key.pk)
                self.stdout.write(f"{ended.pk} {ended} of {ended.owner.email}: revoked")
        except ZavoraError as error:
            raise command_error(error) from error
        if not found:
            raise CommandError("no such key" if email is None else f"{email} has no keys to revoke")
