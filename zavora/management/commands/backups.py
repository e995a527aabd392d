"""``manage.py backups``: what is there, how old it is, and what may go."""

import os
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from django.core.management.base import CommandError

from zavora.backup.errors import BackupError
from zavora.backup.pruning import prune
from zavora.backup.status import backup_status
from zavora.backup.store import store_from
from zavora.foundation.commands import ExampleCommand

KEEP_FULL: Final = 4
KEEP_DAYS: Final = 30


class Command(ExampleCommand):
    """List the backups in ZAVORA_BACKUP_DIR; delete those that are too old."""

    help = (
        "List the backups in ZAVORA_BACKUP_DIR with their ages. With --prune delete what is needed"
        " neither by the newest full ones nor for any moment of the last days; nothing goes that a"
        " kept backup stands upon or needs of the log."
    )
    examples = ("backups", "backups --json", "backups --prune --keep-full 4 --keep-days 30")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--prune", action="store_true", help="delete what is too old")
        parser.add_argument("--keep-full", type=int, default=KEEP_FULL, metavar="N")
        parser.add_argument("--keep-days", type=int, default=KEEP_DAYS, metavar="D")

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete where asked, then list."""
        if options["keep_full"] < 1 or options["keep_days"] < 0:
            raise CommandError("--keep-full: expected 1 or more; --keep-days: expected 0 or more")
        try:
            store = store_from(os.environ)
            if options["prune"]:
                gone = prune(
                    store, keep_full=options["keep_full"], keep_days=options["keep_days"],
                    now=datetime.now(UTC),
                )  # fmt: skip
                self.stderr.write(
                    f"deleted {len(gone.backups)} backups, {len(gone.segments)} files of the log"
                )
            backups = store.manifests()
        except BackupError as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            status = backup_status(os.environ)
            told = {"backups": backups, "status": status}
            self.stdout.write(msgspec.json.encode(told).decode())
            return
        now = datetime.now(UTC)
        for one in backups:
            hours = (now - one.finished_at).total_seconds() / 3600
            size = sum(stored.size for stored in one.files) >> 20
            self.stdout.write(
                f"{one.name}  {hours:.1f} h old  {size} MiB  PostgreSQL {one.server_version}"
                f"  journals {', '.join(f'{s}: {n}' for s, n in one.journal.items()) or 'none'}"
                + (f"  upon {one.parent}" if one.parent else "")
            )
        segments = store.segments()
        if segments:
            newest = store.wal_path(segments[-1].name).stat().st_mtime
            self.stdout.write(
                f"log: {segments[0].name} to {segments[-1].name}, the last"
                f" {(now.timestamp() - newest) / 60:.1f} min ago"
            )
        else:
            self.stdout.write("log: nothing is archived here; each backup is good for its own end")
