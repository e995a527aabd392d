"""Commands that keep who asks: logging in, and profiles."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from msgspec import structs

from zavora.cli import profiles
from zavora.cli.profiles import Profile, ProfileError, Profiles
from zavora.cli.session import Json, session_of
from zavora.client import BASE_URL, Client


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("login", rich_help_panel="Set-up")(login)
    kept = typer.Typer(no_args_is_help=True, help="Show, choose and remove profiles.")
    for name, command in (("list", list_all), ("show", show), ("use", use), ("remove", remove)):
        kept.command(name)(command)
    app.add_typer(kept, name="profile", rich_help_panel="Set-up")


def login(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The profile's name.")] = profiles.DEFAULT,
    url: Annotated[str | None, typer.Option(help="The exchange.")] = None,
    key: Annotated[str | None, typer.Option(help="The name of a key that signs.")] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(help="A file with the token, or the key's secret; - is stdin."),
    ] = None,
    account: Annotated[str | None, typer.Option(help="The account that is meant.")] = None,
) -> None:
    """Keep a token, or a key that signs, in a profile. It is tried first.

    The secret is asked for, or read from a file: on the command line others could see it.
    """
    session = session_of(context)
    known = profiles.load()
    before = known.profiles.get(name, Profile())
    profile = Profile(url=(url or _asked_url(before.url)).rstrip("/"))
    secret = _secret(secret_file, "Secret of the key" if key else "Token")
    made = (
        structs.replace(profile, key=key, secret=secret)
        if key
        else structs.replace(profile, token=secret)
    )
    with Client(made.url, made.credential) as client:
        rows = client.accounts()
    if account is not None and account not in {row.id for row in rows}:
        raise typer.BadParameter(f"{account} is none of its accounts")
    if account is None and len(rows) == 1:
        account = rows[0].id
    made = structs.replace(made, account=account)
    path = profiles.save(Profiles(current=name, profiles={**known.profiles, name: made}))
    session.note(f"{name}: {made.url} as {made.kind}, in {path}")
    if account is None:
        session.note("It has several accounts: name one by --account.")
        session.show_rows(rows, ("id", "label", "role", "status"))


def list_all(context: typer.Context, is_json: Json = False) -> None:
    """List the profiles."""
    session, known = session_of(context, is_json), profiles.load()
    if session.is_json:
        session.show([_shown(name, known) for name in known.profiles])
        return
    for name in known.profiles:
        shown = _shown(name, known)
        mark = "*" if shown["is_current"] else " "
        session.note(f"{mark} {name}: {shown['url']} as {shown['kind']}")


def show(context: typer.Context, is_json: Json = False) -> None:
    """Show which exchange is asked, and as whom."""
    session = session_of(context, is_json)
    profile = session.profile()
    shown = {"url": profile.url, "kind": profile.kind, "account": profile.account}
    if session.is_json:
        session.show(shown)
    else:
        session.note(
            f"{profile.url} as {profile.kind}, account {profile.account or 'the only one'}"
        )


def use(context: typer.Context, name: str) -> None:
    """Choose the profile that is meant where none is named."""
    known = profiles.load()
    if name not in known.profiles:
        raise ProfileError(f"There is no profile {name}.")
    profiles.save(Profiles(current=name, profiles=known.profiles))
    session_of(context).note(f"{name} it is.")


def remove(context: typer.Context, name: str) -> None:
    """Forget a profile and its credential."""
    known = profiles.load()
    if name not in known.profiles:
        raise ProfileError(f"There is no profile {name}.")
    rest = {other: profile for other, profile in known.profiles.items() if other != name}
    current = known.current if known.current in rest else next(iter(rest), profiles.DEFAULT)
    profiles.save(Profiles(current=current, profiles=rest))
    session_of(context).note(f"{name} is forgotten.")


def _shown(name: str, known: Profiles) -> dict[str, object]:
    profile = known.profiles[name]
    return {
        "name": name,
        "url": profile.url,
        "kind": profile.kind,
        "account": profile.account,
        "is_current": name == known.current,
    }


def _asked_url(default: str) -> str:
    if not sys.stdin.isatty():
        return os.environ.get("ZAVORA_URL") or default or BASE_URL
    return str(typer.prompt("Exchange", default=default))


def _secret(file: Path | None, what: str) -> str:
    if file is None:
        if not sys.stdin.isatty():
            raise typer.BadParameter("give --secret-file where nobody can be asked")
        return str(typer.prompt(what, hide_input=True)).strip()
    text = sys.stdin.read() if file == Path("-") else file.read_text(encoding="utf-8")
    if not text.strip():
        raise typer.BadParameter(f"{file} is empty")
    # A private key in PEM has lines; what was printed before a token, too.
    return text.strip() if "-----BEGIN" in text else text.strip().splitlines()[-1].strip()
