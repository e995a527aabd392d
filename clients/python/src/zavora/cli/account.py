"""Commands about money and keys."""

import sys
from typing import Annotated

import typer

from zavora.cli.session import Json, client_of

BALANCE_COLUMNS = ("asset", "total", "available", "locked", "updated_at")
WITHDRAWAL_COLUMNS = ("id", "asset", "amount", "address", "state", "stage", "created_at")
Asset = Annotated[str, typer.Argument(help="An asset, such as EUR.")]
Amount = Annotated[str, typer.Argument(help="How much.")]
RepeatKey = Annotated[
    str | None, typer.Option("--key", help="The same key again moves nothing again.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, command in (
        ("balances", balances),
        ("deposit", deposit),
        ("withdraw", withdraw),
        ("withdrawals", withdrawals),
        ("accounts", accounts),
        ("keys", keys),
    ):
        app.command(name, rich_help_panel="Money and keys")(command)


def balances(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also where there is nothing.")] = False,
    is_json: Json = False,
) -> None:
    """Show what you have."""
    with client_of(context, is_json) as (session, client):
        rows = [row for row in client.balances() if everything or row.total or session.is_json]
        session.show_rows(rows, BALANCE_COLUMNS)


def accounts(context: typer.Context, is_json: Json = False) -> None:
    """List your accounts."""
    with client_of(context, is_json) as (session, client):
        session.show_rows(client.accounts(), ("id", "label", "role", "status", "created_at"))


def deposit(
    context: typer.Context,
    asset: Asset,
    amount: Amount,
    key: RepeatKey = None,
    is_json: Json = False,
) -> None:
    """Take from the sandbox's faucet, where there is one."""
    with client_of(context, is_json) as (session, client):
        session.show(client.deposit(asset.upper(), amount, key=key))


def withdraw(
    context: typer.Context,
    asset: Asset,
    amount: Amount,
    address: Annotated[str | None, typer.Argument(help="Where to, from your book.")] = None,
    *,
    key: RepeatKey = None,
    is_sure: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    is_json: Json = False,
) -> None:
    """Ask for a withdrawal."""
    if not is_sure:
        if not sys.stdin.isatty():
            raise typer.BadParameter("say --yes where nobody can be asked")
        typer.confirm(f"Withdraw {amount} {asset.upper()} to {address or 'nowhere'}?", abort=True)
    with client_of(context, is_json) as (session, client):
        answer = client.withdraw(asset.upper(), amount, address, key=key)
        session.show(answer if session.is_json else answer.withdrawal)


def withdrawals(context: typer.Context, is_json: Json = False) -> None:
    """List your withdrawals, newest first."""
    with client_of(context, is_json) as (session, client):
        session.show_rows(client.withdrawals().take(500), WITHDRAWAL_COLUMNS)


def keys(context: typer.Context, is_json: Json = False) -> None:
    """List your keys; they are made and revoked on the page API keys."""
    with client_of(context, is_json) as (session, client):
        rows = client.keys().all()
        session.show_rows(rows, ("id", "name", "kind", "key", "created_at", "last_used_at"))
