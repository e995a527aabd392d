"""``manage.py backup``: take a base backup, full or incremental, verified and sealed."""

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from zavora.backup.errors import BackupError
from zavora.backup.holding import read_contents
from zavora.backup.making import Choice, make_backup
from zavora.backup.programs import URL_VARIABLE, Connection
from zavora.backup.store import store_from
from zavora.foundation import kept_figures
from zavora.foundation.commands import ExampleCommand
from zavora.foundation.metrics import BACKUP_AT
from zavora.runner.embedded.discovery import OWNER_URL_VARIABLE, running_servers


class Command(ExampleCommand):
    """Take a backup into ZAVORA_BACKUP_DIR."""

    help = (
        "Take a base backup of the whole cluster by pg_basebackup into ZAVORA_BACKUP_DIR, sealed by"
        " ZAVORA_BACKUP_KEY, opened again and verified. Runs beside the exchange; one at a time."
        " Incremental ones need PostgreSQL 17 or newer with summarize_wal. What they need to be"
        " brought to any moment is the archive (docs/backups.md)."
    )
    examples = ("backup", "backup --full", "backup --incremental")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        kinds = parser.add_mutually_exclusive_group()
        for kind, what in (
            ("full", "all of it"),
            ("incremental", "what changed since the last backup"),
            ("auto", "full where the last full one is a week old; the default"),
        ):
            kinds.add_argument(
                f"--{kind}", dest="kind", action="store_const", const=kind, help=what
            )

    def handle(self, *args: Any, **options: Any) -> None:
        """Take it and say what it is."""
        choice: Choice = options["kind"] or "auto"
        try:
            store = store_from(os.environ)
            connection = Connection(_url())
            made = make_backup(
                store, connection, choice=choice, contents=read_contents(),
                say=self.stderr.write,
            )  # fmt: skip
        except BackupError as error:
            raise CommandError(str(error)) from None
        kept_figures.tell(BACKUP_AT, made.finished_at.timestamp())
        size = sum(stored.size for stored in made.files)
        took_s = (made.finished_at - made.began_at).total_seconds()
        self.stdout.write(
            f"backup: {made.name}, {size >> 10} KiB of {made.plain_bytes >> 10}, {took_s:.1f} s"
        )


def _url() -> str:
    """Return how the cluster is reached for backups: a role that may replicate, on the server."""
    running = running_servers(settings.ZAVORA_HOME)
    urls = (
        os.environ.get(URL_VARIABLE),
        # The embedded server's owner may replicate, and what serves may not.
        running.owner_database_url
        if running and running.database_url == settings.DATABASE_URL
        else None,
        os.environ.get(OWNER_URL_VARIABLE),
        settings.DATABASE_URL,
    )
    return next(url for url in urls if url)
