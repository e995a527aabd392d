"""``manage.py move_market``: have another shard match markets."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from accounts.access.actor import Actor
from matching.markets.selectors import list_symbols_of_shard
from matching.moving import move_market
from zavora.foundation.commands import ExampleCommand, command_error
from zavora.foundation.errors import ZavoraError


class Command(ExampleCommand):
    """Move markets between shards while they trade."""

    help = (
        "Move markets to another shard while they trade: each is away for a moment, and"
        " its orders keep their places. The other shard's worker must run. Ends at the first that"
        " cannot be moved; asked again it goes on from there."
    )
    examples = (
        "move_market BTC/USD --to 1",
        "move_market BTC/USD ETH/USD --to 1",
        "move_market --all-from 0 --to 1",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("symbols", nargs="*", metavar="SYMBOL", help="such as BTC/USD")
        parser.add_argument("--all-from", type=int, metavar="SHARD", help="all markets of a shard")
        parser.add_argument("--to", type=int, required=True, metavar="SHARD", help="where to")

    def handle(self, *args: Any, **options: Any) -> None:
        """Move one after the other and say so."""
        symbols: list[str] = options["symbols"]
        if bool(symbols) == (options["all_from"] is not None):
            raise CommandError("expected symbols, or --all-from SHARD")
        if not symbols:
            if options["all_from"] == options["to"]:
                raise CommandError("--to: expected another shard than --all-from")
            symbols = list_symbols_of_shard(options["all_from"])
        by = Actor.system("manage.py move_market")
        for number, symbol in enumerate(symbols, start=1):
            try:
                moved = move_market(by=by, symbol=symbol, to_shard=options["to"])
            except ZavoraError as error:
                self.stderr.write(f"{number - 1} of {len(symbols)} moved")
                raise command_error(error) from error
            self.stdout.write(
                f"{number}/{len(symbols)} {moved.symbol}: shard {moved.from_shard} to"
                f" {moved.to_shard}, away for {moved.away_ms:.0f} ms"
            )
