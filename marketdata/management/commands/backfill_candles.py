"""Makes the candles of an interval that was added when there were trades already."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from marketdata.candles.intervals import INTERVALS
from marketdata.candles.services import backfill_candles, candles_lock, forget_candles
from matching.markets.selectors import list_market_terms
from matching.markets.terms import MarketTerms
from zavora.foundation.errors import InvariantBroken, ZavoraError


class Command(BaseCommand):
    """Counts the trades that an interval's candles do not count yet, newest first."""

    help = (
        "Make the candles of an interval for trades from before the interval was added (1s). "
        "Run it after the market data service runs the version that counts the interval. It may "
        "be interrupted and run again. Example: manage.py backfill_candles --interval 1s"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("--interval", default="1s", choices=INTERVALS)
        parser.add_argument("--market", help="only this one, e.g. BTC/USD (default: all)")
        parser.add_argument(
            "--anew", action="store_true", help="delete the interval's candles first"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Go through the markets; say what was done."""
        symbol = options["market"]
        found = [terms for terms in list_market_terms() if symbol in (None, terms.symbol)]
        if not found:
            raise CommandError(f"there is no market {symbol}")
        with candles_lock() as is_mine:
            if not is_mine:
                raise CommandError("another backfill is running")
            failed = [
                terms.symbol
                for terms in found
                if not self._tried(terms, options["interval"], anew=options["anew"])
            ]
        if failed:
            raise CommandError(f"not done, the others are: {', '.join(failed)}")

    def _tried(self, terms: MarketTerms, interval: str, *, anew: bool) -> bool:
        """Go through one market; what fails there stops no other."""
        try:
            if anew:
                forget_candles(terms, interval)
            self._backfill(terms, interval)
        except (
            ZavoraError,
            InvariantBroken,
            DatabaseError,
            ValueError,
            ArithmeticError,
        ) as error:
            self.stderr.write(f"{terms.symbol}: {type(error).__name__}: {error}")
            return False
        return True

    def _backfill(self, terms: MarketTerms, interval: str) -> None:
        before: int | None = None
        while before != 1:
            before = backfill_candles(terms, interval, before=before)
        self.stdout.write(f"{terms.symbol}: {interval} candles count every trade")
