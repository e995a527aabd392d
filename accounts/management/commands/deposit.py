"""``manage.py deposit``: an operator credits an account."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID, uuid4, uuid5

from django.core.management.base import CommandError

from accounts.access.actor import Actor
from accounts.money.selectors import get_balance
from accounts.people.selectors import find_user, list_accounts
from accounts.services import credit_deposit
from zavora.foundation.commands import ExampleCommand, command_error
from zavora.foundation.errors import ZavoraError
from zavora.foundation.money import NotExact, format_decimal, parse_decimal


class Command(ExampleCommand):
    """Credit money that came from outside, by an operator's word."""

    help = (
        "Credit an account with money from outside. With --key the command may be repeated: the"
        " same key with the same content is one deposit, with other content it is refused."
    )
    examples = (
        "deposit --email me@example.com --asset USD --amount 1000",
        "deposit --account 5e6f... --asset BTC --amount 0.5 --key k1 --reference wire-4711",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--account", type=UUID, help="the account's id")
        whose.add_argument("--email", help="a user: their oldest account is credited")
        parser.add_argument("--asset", required=True, help="its code, such as USD")
        parser.add_argument("--amount", required=True, help="a decimal such as 12.5")
        parser.add_argument("--key", help="idempotency key")
        parser.add_argument(
            "--reference", help="what the money is called outside; else made of the key"
        )
        parser.add_argument(
            "--reason", default="manage.py deposit", help="why; stands in the record of the act"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Find the account, credit it, and print the balance."""
        account_id = options["account"] or _oldest_account(options["email"])
        try:
            record = credit_deposit(
                by=Actor.system("manage.py deposit"),
                account_id=account_id,
                asset=options["asset"],
                amount=parse_decimal(options["amount"]),
                external_reference=options["reference"] or _reference(account_id, options["key"]),
                reason=options["reason"],
                key=options["key"],
            )
        except NotExact as error:
            raise CommandError(f"--amount: {error}") from error
        except ZavoraError as error:
            raise command_error(error) from error
        balance = get_balance(account_id, record.asset.code)
        if balance is not None:
            available = format_decimal(balance.available, record.asset.scale)
            self.stdout.write(
                f"deposit {record.pk}: account {account_id} has {available}"
                f" {record.asset.code} available"
            )


def _reference(account_id: UUID, key: str | None) -> str:
    """Return a reference of the command's own; the same key at an account gives the same one."""
    if key is None:
        return f"command:{uuid4()}"
    return f"command:{uuid5(account_id, key)}"


def _oldest_account(email: str) -> UUID:
    user = find_user(email)
    accounts = list_accounts(user.pk) if user is not None else []
    if not accounts:
        raise CommandError(f"{email} has no account; manage.py create_token makes one")
    return accounts[0].public_id
