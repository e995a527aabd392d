"""``manage.py restore_drill``: restore the newest backups beside, prove them, leave nothing."""

import os
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from zavora.backup.drill import drill
from zavora.backup.errors import BackupError
from zavora.backup.recovery import LATEST, parse_target
from zavora.backup.store import store_from
from zavora.foundation import kept_figures
from zavora.foundation.commands import ExampleCommand
from zavora.foundation.metrics import RESTORE_DRILL_AT


class Command(ExampleCommand):
    """Recover beside and prove; exit 1 where anything does not hold."""

    help = (
        "Recover the newest chain of backups and the log beside, in a temporary folder on a Unix"
        " socket, and prove it: reconcile, verify_journal with the engine's hash of the newest"
        " checkpoint, verify_audit, check_sealed. Prints how long each took; exit status 1 where"
        " one fails. The exchange that runs is not touched."
    )
    examples = ("restore_drill", "restore_drill --to 2026-11-30T12:00:00Z")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare --to."""
        parser.add_argument("--to", default=LATEST, metavar="TARGET", help="as restore's")

    def handle(self, *args: Any, **options: Any) -> None:
        """Drill and report."""
        try:
            store = store_from(os.environ)
            done = drill(store, parse_target(options["to"]), say=self.stdout.write)
        except BackupError as error:
            raise CommandError(str(error)) from None
        for step, took_s in done.seconds.items():
            self.stdout.write(f"  {took_s:6.1f} s  {step}")
        if done.failed:
            raise CommandError(f"{len(done.failed)} proofs failed; see above")
        kept_figures.tell(RESTORE_DRILL_AT, time.time())
        self.stdout.write(
            f"restore_drill: {', '.join(done.chain)} is good, {sum(done.seconds.values()):.1f} s"
        )
