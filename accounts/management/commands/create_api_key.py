"""``manage.py create_api_key``: a key for bots that sign their requests, from the command line."""

import json
from argparse import ArgumentParser
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from accounts.access.actor import Actor
from accounts.access.callers import KIND_HMAC, SIGNING_KINDS
from accounts.money.selectors import list_assets
from accounts.people.selectors import list_accounts
from accounts.services import SOURCE_FAUCET, create_api_key, deposit, ensure_user
from zavora.foundation.commands import ExampleCommand, command_error
from zavora.foundation.errors import ZavoraError

# Much of what is bought with, enough of what is expensive.
FUNDS: Final = {"BTC": Decimal(100), "ETH": Decimal(1_000)}
FUNDS_OF_OTHERS: Final = Decimal(10_000_000)


class Command(ExampleCommand):
    """Make a signing key; the user and a first account, too, where there are none."""

    help = (
        "Make an API key for the Binance-compatible API; the user and a first account, too, where"
        " there are none. The last line of standard output is one line of JSON: key, secret (for"
        " ed25519 and rsa the private key as PKCS8 PEM) and account. The secret is not shown again."
    )
    examples = (
        "create_api_key --email bot@example.com --kind hmac --scopes read,trade",
        "create_api_key --email bot@example.com --kind ed25519 --scopes read --ip 192.0.2.7",
        "create_api_key --email bot@example.com --kind ed25519 --public-key bot.pem",
        "create_api_key --email bot@example.com --all-accounts",
        "create_api_key --email bot@example.com --market BTC/EUR --market ETH/EUR",
        "create_api_key --email bot@example.com --fund",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--email", required=True, help="whose key")
        parser.add_argument("--kind", default=KIND_HMAC, choices=SIGNING_KINDS)
        parser.add_argument(
            "--scopes", default="read,trade", help="of read, trade and withdraw, with commas"
        )
        parser.add_argument("--label", default="command line", help="what the page shows for it")
        whose = parser.add_mutually_exclusive_group()
        whose.add_argument("--account", type=UUID, help="whose trades; else the oldest account")
        whose.add_argument(
            "--all-accounts",
            action="store_true",
            help="let it reach all of them, as transfers between them need it; it trades for the"
            " oldest one",
        )
        parser.add_argument(
            "--ip", action="append", default=[], help="an address that it may come from; repeatable"
        )
        parser.add_argument(
            "--market", action="append", default=[], help="where its orders may go; repeatable"
        )
        parser.add_argument("--days", type=int, help="how long it is valid; else for ever")
        parser.add_argument(
            "--public-key", type=Path, help="a PEM file: your own pair's public half"
        )
        parser.add_argument(
            "--fund", action="store_true", help="let the sandbox's faucet give it every asset"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is missing and print the key."""
        scopes = [scope.strip() for scope in options["scopes"].split(",") if scope.strip()]
        days, file = options["days"], options["public_key"]
        try:
            by = Actor.system("manage.py create_api_key")
            user = ensure_user(by=by, email=options["email"])
            account_id = options["account"] or list_accounts(user.pk)[0].public_id
            made = create_api_key(
                by=by,
                user_id=user.pk,
                kind=options["kind"],
                scopes=scopes,
                account_id=None if options["all_accounts"] else account_id,
                label=options["label"],
                ip_allowed=[ip for one in options["ip"] for ip in one.split(",") if ip],
                markets=options["market"],
                expires_at=timezone.now() + timedelta(days=days) if days is not None else None,
                public_key_pem=None if file is None else file.read_text(),
            )
            if options["fund"]:
                self._fund(by, account_id)
        except OSError as error:
            raise CommandError(f"--public-key: {error}") from error
        except ZavoraError as error:
            raise command_error(error) from error
        line = {"key": made.key, "secret": made.secret, "account": str(made.account_id)}
        self.stdout.write(json.dumps(line))

    def _fund(self, by: Actor, account_id: UUID) -> None:
        amount_max = Decimal(settings.ZAVORA_FAUCET_AMOUNT_MAX)
        for asset in list_assets():
            amount = min(FUNDS.get(asset.code, FUNDS_OF_OTHERS), amount_max)
            deposit(
                by=by,
                account_id=account_id,
                asset=asset.code,
                amount=amount,
                source=SOURCE_FAUCET,
            )
