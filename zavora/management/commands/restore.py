"""``manage.py restore``: bring the database back to a moment, held until somebody confirms it."""

import os
from argparse import ArgumentParser
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from zavora.backup.errors import BackupError
from zavora.backup.recovery import parse_target
from zavora.backup.restoring import home_to_restore, restore
from zavora.backup.store import store_from
from zavora.foundation.commands import ExampleCommand
from zavora.runner.home import Home, HomeError, home_from_environment


class Command(ExampleCommand):
    """Restore from ZAVORA_BACKUP_DIR into an empty folder, or into ZAVORA_HOME."""

    help = (
        "Bring the cluster back from ZAVORA_BACKUP_DIR to a moment, and hold it: every shard has a"
        " new epoch that nobody takes, and nothing leaves, until manage.py confirm_restore. Writes"
        " what was acknowledged beyond that moment: commands.csv, trades.csv, money.csv,"
        " accounts.csv. Read docs/backups.md first."
    )
    examples = (
        "restore --to 2026-11-30T12:00:00Z --target-dir /srv/restored --report-dir /srv/report",
        "restore --to latest --home --replace",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--to", required=True, metavar="TARGET",
            help="a time with its zone, a place in the log (0/3000148), or latest",
        )  # fmt: skip
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--target-dir", type=Path, help="an empty folder, or one to be made")
        where.add_argument(
            "--home", action="store_true", help="ZAVORA_HOME, whose exchange is stopped"
        )
        parser.add_argument(
            "--replace", action="store_true", help="move aside what the home has; with --home"
        )
        parser.add_argument(
            "--report-dir",
            type=Path,
            help="where the report goes; default: beside what is restored",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Restore and say what to do next."""
        home = Home(home_from_environment()) if options["home"] else None
        old: Path | None = None
        try:
            target = parse_target(options["to"])
            store = store_from(os.environ)
            with ExitStack() as stack:
                data: Path = (options["target_dir"] or Path()).resolve()
                if home is not None:
                    held = home_to_restore(home, replaces=options["replace"])
                    data, old = stack.enter_context(held)
                report = options["report_dir"] or _report_beside(home, data)
                restored = restore(
                    store, target, data, report=report.resolve(), home=home, say=self.stderr.write
                )
        except (BackupError, HomeError) as error:
            raise CommandError(str(error)) from None
        where = home.path / "postgres" if home else data
        self.stdout.write(
            f"restored to {restored.target} in {where}: place {restored.lsn} of timeline"
            f" {restored.timeline}, from {', '.join(restored.chain)}"
        )
        if old is not None:
            self.stdout.write(f"what was there is in {old}")
        self.stdout.write(f"beyond it: {restored.beyond or 'nothing that the archive knows'}")
        self.stdout.write(
            f"report: {report}\nIt is held. Correct money by money.csv, tell the accounts of"
            " accounts.csv, then: manage.py confirm_restore --reason ...; and take a full backup."
        )


def _report_beside(home: Home | None, data: Path) -> Path:
    name = f"restore-report-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    return home.path / name if home else data.with_name(name)
