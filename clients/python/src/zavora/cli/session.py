"""What a command works with: a client of the chosen profile, and a way to show what it says."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final

import typer

from zavora import errors
from zavora.cli import output
from zavora.cli.profiles import Profile, ProfileError, chosen
from zavora.client import AsyncClient, Client
from zavora.core.exchanges import Patience

# What scripts can tell apart; docs/clients/python.md lists them.
FAILED: Final = 1
USAGE: Final = 2
REFUSED: Final = 3
NOT_LET_IN: Final = 4
NOT_NOW: Final = 5
UNKNOWN: Final = 6
INTERRUPTED: Final = 130

Json = Annotated[
    bool, typer.Option("--json", help="Print JSON, as the API says it; watching, a line for each.")
]
Market = Annotated[
    str,
    typer.Argument(
        help="A market, such as BTC/EUR or btc-eur.",
        autocompletion=lambda incomplete: markets_like(incomplete),
    ),
]
OptionalMarket = Annotated[
    str | None,
    typer.Argument(
        help="A market, such as BTC/EUR; without one all of them.",
        autocompletion=lambda incomplete: markets_like(incomplete),
    ),
]
InMarket = Annotated[
    str | None,
    typer.Option(
        "--market",
        "-m",
        help="Of this market only.",
        autocompletion=lambda incomplete: markets_like(incomplete),
    ),
]


class Session:
    """The options that all commands share."""

    def __init__(
        self,
        *,
        profile: str | None,
        url: str | None,
        account: str | None,
        is_json: bool,
        has_colour: bool,
    ) -> None:
        self._profile = profile
        self._url = url
        self._account = account
        self.is_json = is_json
        self.has_colour = has_colour
        self.console = output.console(has_colour=has_colour)

    def profile(self) -> Profile:
        """Return the exchange that is meant, and who asks."""
        return chosen(self._profile, self._url)

    def client(self, *, patience: Patience | None = None) -> Client:
        """Return a client that waits."""
        profile = self.profile()
        account = self._account or profile.account
        return Client(profile.url, profile.credential, account=account, patience=patience)

    def async_client(self) -> AsyncClient:
        """Return a client for what is watched."""
        profile = self.profile()
        account = self._account or profile.account
        return AsyncClient(profile.url, profile.credential, account=account)

    # --- showing ----------------------------------------------------------------------------------

    def show_rows(self, rows: Sequence[Any], columns: Sequence[str]) -> None:
        """Show rows."""
        if self.is_json:
            self.line(output.as_json(list(rows), indent=2))
        elif rows:
            self.console.print(output.table(rows, columns))
        else:
            self.note("None.")

    def show(self, value: Any, names: Sequence[str] | None = None) -> None:
        """Show one thing."""
        if self.is_json:
            self.line(output.as_json(value, indent=2))
        else:
            self.console.print(output.facts(value, names))

    def line(self, text: str) -> None:
        """Print a line as it is, at once."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Tell people something that programs have no use for."""
        if not self.is_json:
            self.console.print(text, markup=False)


def session_of(context: typer.Context, is_json: bool = False) -> Session:
    """Return the session of a command."""
    session: Session = context.obj
    session.is_json = session.is_json or is_json
    return session


@contextlib.contextmanager
def client_of(context: typer.Context, is_json: bool = False) -> Iterator[tuple[Session, Client]]:
    """Give a command its session and a client, which is closed at its end."""
    session = session_of(context, is_json)
    with session.client() as client:
        yield session, client


def symbol(text: str) -> str:
    """Return a market's symbol from what people type."""
    return text.upper().replace("-", "/", 1) if "/" not in text else text.upper()


def exit_code(error: BaseException) -> int:
    """Return the exit code that tells scripts what kind of failure it was."""
    match error:
        case errors.OutcomeUnknown():
            return UNKNOWN
        case errors.RateLimited() | errors.Unavailable() | errors.ServerFault():
            return NOT_NOW
        case errors.NoConnection():
            return NOT_NOW
        case errors.Unauthorized() | errors.Forbidden():
            return NOT_LET_IN
        case errors.Refused():
            return REFUSED
        case ProfileError() | OSError() | TypeError() | ValueError():
            return USAGE
        case _:
            return FAILED


def advice(error: BaseException) -> str | None:
    """Return what to do about an error, if that is known."""
    match error:
        case errors.Unauthorized():
            return "`zavora login` keeps a credential; ZAVORA_TOKEN gives one."
        case errors.OutcomeUnknown(key=str(key)):
            return f"Look for it by its key {key}, or repeat it with that."
        case errors.NoConnection():
            return "`zavora profile show` says which exchange is asked."
        case _:
            return None


def markets_like(incomplete: str) -> list[str]:
    """Return markets that begin so, for the shell's completion; none where that takes long."""
    try:
        profile = chosen(None, None)
        patience = Patience(attempts_max=1, timeout_s=1.5, in_all_s=1.5)
        with Client(profile.url, patience=patience) as client:
            names = [market.symbol for market in client.markets()]
    except (errors.ZavoraError, ProfileError):
        return []
    return [name for name in names if name.startswith(symbol(incomplete))]
