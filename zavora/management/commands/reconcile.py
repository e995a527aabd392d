"""``manage.py reconcile``: prove that the money adds up, or say exactly where it does not."""

import time
from argparse import ArgumentParser
from typing import Any

import msgspec

from matching.reconcile import reconcile
from zavora.foundation.commands import ExampleCommand

EXIT_BREAKS = 1


class Command(ExampleCommand):
    """Check ledger, balances, holds, orders and trades in one snapshot."""

    help = (
        "Check in one snapshot of the database, while everything runs: ledger entries sum to"
        " zero; balances are the sums of their entries; what is locked is what open orders and"
        " pending withdrawals hold; trades are in the ledger; orders are filled by their trades;"
        " trade sequences have no gap. A line for each break, and exit status 1 if there is one."
    )
    examples = (
        "reconcile",
        "reconcile --json",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare --json."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the checks, print the report, and exit with 1 where there are breaks."""
        started = time.monotonic()
        breaks = reconcile()
        took_s = round(time.monotonic() - started, 3)
        if options["json"]:
            report = {"ok": not breaks, "seconds": took_s, "breaks": breaks}
            self.stdout.write(msgspec.json.encode(report).decode())
        else:
            for found in breaks:
                self.stdout.write(found.text())
            verdict = f"{len(breaks)} breaks" if breaks else "everything adds up"
            self.stdout.write(f"reconcile: {verdict} ({took_s} s)")
        if breaks:
            raise SystemExit(EXIT_BREAKS)
