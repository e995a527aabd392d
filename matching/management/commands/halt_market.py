"""``manage.py halt_market``: stop trading in a market, or let it trade again."""

from argparse import ArgumentParser
from typing import Any

from accounts.access.actor import Actor
from matching.markets.soundness import PHASES
from matching.services import resume_market, set_market_phase
from zavora.foundation.commands import ExampleCommand, command_error
from zavora.foundation.errors import ZavoraError


class Command(ExampleCommand):
    """Halt or resume a market through its worker."""

    help = (
        "Halt a market: orders rest, can be cancelled, and nothing trades. With --resume it trades"
        " again, or is as its schedule says; --phase moves it to any other trading phase, an"
        " auction for so many --seconds."
    )
    examples = (
        "halt_market BTC/USD",
        "halt_market BTC/USD --resume",
        "halt_market BTC/USD --phase post_only",
        "halt_market BTC/USD --phase auction --seconds 120",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("symbol", help="the market, such as BTC/USD")
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            "--resume", action="store_true", help="trade again, or as its schedule says"
        )
        which.add_argument("--phase", choices=PHASES, help="any other phase")
        parser.add_argument(
            "--seconds", type=int, default=0, help="after how long an auction ends by itself"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Change the phase and say so."""
        by, symbol = Actor.system("manage.py halt_market"), options["symbol"].upper()
        try:
            if options["resume"]:
                terms = resume_market(by=by, symbol=symbol)
            else:
                phase, auction_s = options["phase"] or "halted", options["seconds"]
                terms = set_market_phase(by=by, symbol=symbol, phase=phase, auction_s=auction_s)
        except ZavoraError as error:
            raise command_error(error) from error
        self.stdout.write(f"market {terms.symbol} is {terms.rules.phase}")
