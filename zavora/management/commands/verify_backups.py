"""``manage.py verify_backups``: prove every backup and the archive, or name the damaged file."""

import os
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from zavora.backup.checking import find_damage
from zavora.backup.errors import BackupError
from zavora.backup.store import store_from
from zavora.foundation.commands import ExampleCommand


class Command(ExampleCommand):
    """Open and verify everything in ZAVORA_BACKUP_DIR; exit 1 where something is wrong."""

    help = (
        "Check each backup in ZAVORA_BACKUP_DIR: what it says of itself, the hash of each file, its"
        " contents by pg_verifybackup; and the archive: each file, and that none is missing. A line"
        " for each damaged or missing file, and exit status 1 if there is one."
    )
    examples = ("verify_backups", "verify_backups --quick")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare --quick."""
        parser.add_argument(
            "--quick", action="store_true", help="hashes and names alone; opens nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, report, and exit with 1 where something is wrong."""
        began = time.monotonic()
        try:
            store = store_from(os.environ)
            with store.held(exclusive=False):
                found = find_damage(store, quick=options["quick"], say=self.stderr.write)
        except BackupError as error:
            raise CommandError(str(error)) from None
        for line in found:
            self.stdout.write(line)
        took_s = time.monotonic() - began
        verdict = f"{len(found)} things are wrong" if found else "everything is whole"
        self.stdout.write(f"verify_backups: {verdict} ({took_s:.1f} s)")
        if found:
            raise SystemExit(1)
