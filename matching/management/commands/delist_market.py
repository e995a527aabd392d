"""``manage.py delist_market``: say when a market ends for good, or that it does not."""

from argparse import ArgumentParser, ArgumentTypeError
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from accounts.access.actor import Actor
from matching.services import change_market
from zavora.foundation.commands import ExampleCommand, command_error
from zavora.foundation.errors import ZavoraError


class Command(ExampleCommand):
    """Announce the end of a market through its worker, or call it off."""

    help = (
        "Announce when a market ends. At that time all its orders are cancelled, and it is never"
        " open again; its trades and orders can be read as before. Until then it can be put off,"
        " or called off with --cancel."
    )
    examples = (
        "delist_market BTC/USD --at 2027-03-31T12:00Z --reason 'no volume'",
        "delist_market BTC/USD --cancel --reason 'a maker was found'",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("symbol", help="the market, such as BTC/USD")
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument(
            "--at", type=_moment, help="when it ends, with its offset: 2027-03-31T12:00Z"
        )
        which.add_argument("--cancel", action="store_true", help="let it go on")
        parser.add_argument("--reason", required=True, help="stands in the record of it for good")

    def handle(self, *args: Any, **options: Any) -> None:
        """Change when the market ends and say so."""
        by = replace(Actor.system("manage.py delist_market"), reason=options["reason"])
        delists_at = options["at"]
        try:
            terms = change_market(by=by, symbol=options["symbol"].upper(), delists_at=delists_at)
        except ZavoraError as error:
            raise command_error(error) from error
        ends = "goes on" if delists_at is None else f"ends at {delists_at:%Y-%m-%d %H:%M:%S %Z}"
        self.stdout.write(f"market {terms.symbol} {ends}")


def _moment(text: str) -> datetime:
    moment: datetime | None = None
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
    if moment is None or moment.tzinfo is None:
        raise ArgumentTypeError("expected a time with its offset, as 2027-03-31T12:00Z")
    return moment.astimezone(UTC).replace(microsecond=0)
