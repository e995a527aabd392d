"""``manage.py create_token``: a bearer token for the API, from the command line."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts.access.actor import Actor
from accounts.services import create_token, ensure_user
from zavora.foundation.commands import ExampleCommand, command_error
from zavora.foundation.errors import ZavoraError


class Command(ExampleCommand):
    """Make a token; the user and a first account, too, where there are none."""

    help = (
        "Make a bearer token; the user and a first account, too, where there are none. The token"
        " is printed alone on the last line of standard output and is not shown again."
    )
    examples = (
        "create_token --email me@example.com --scopes read,trade",
        "create_token --email me@example.com --scopes read --days 30",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--email", required=True, help="whose token")
        parser.add_argument(
            "--scopes", default="read,trade", help="of read, trade and withdraw, with commas"
        )
        parser.add_argument("--label", default="command line", help="what the page shows for it")
        parser.add_argument("--account", type=UUID, help="limit it to this account id")
        parser.add_argument("--days", type=int, help="how long it is valid; else for ever")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is missing and print the token."""
        scopes = [scope.strip() for scope in options["scopes"].split(",") if scope.strip()]
        days = options["days"]
        try:
            by = Actor.system("manage.py create_token")
            user = ensure_user(by=by, email=options["email"])
            _, token = create_token(
                by=by,
                user_id=user.pk,
                scopes=scopes,
                label=options["label"],
                account_id=options["account"],
                expires_at=timezone.now() + timedelta(days=days) if days is not None else None,
            )
        except ZavoraError as error:
            raise command_error(error) from error
        self.stdout.write(token)
