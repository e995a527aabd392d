"""``manage.py verify_journal``: replay the journal and hold it against the tables."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from django.conf import settings
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS

from matching.engine import EngineError
from matching.markets.selectors import list_journal_shard_ids
from matching.worker.checkpoints import LATEST, NoCheckpoint, Unsound
from matching.worker.connection import connect
from matching.worker.replay import verify_shard
from matching.worker.verified import Verified
from zavora.foundation import kept_figures
from zavora.foundation.commands import ExampleCommand
from zavora.foundation.errors import InvariantBroken, ZavoraError
from zavora.foundation.growth_settings import REPLICA
from zavora.foundation.heap import settle
from zavora.foundation.metrics import JOURNAL_VERIFIED

# What a journal does to who reads it that was damaged, or was written by something else.
CANNOT_BE_REPLAYED: Final = (
    NoCheckpoint,
    Unsound,
    InvariantBroken,
    ZavoraError,
    EngineError,
    psycopg.Error,
    msgspec.MsgspecError,
    ValueError,
    ArithmeticError,
    LookupError,
)


class Command(ExampleCommand):
    """Replay each shard's journal through an engine; exit 1 where anything differs."""

    help = (
        "Replay the journal through a fresh engine, or from a checkpoint on, and compare orders,"
        " trades, trade and fee entries, holds, the checkpoints that are passed and the engine's"
        " hash with the tables. Reads only; may run at any time."
    )
    examples = (
        "verify_journal",
        "verify_journal --shard 0",
        "verify_journal --from-checkpoint",
        "verify_journal --shard 0 --from-checkpoint 17",
        "verify_journal --replica",
        "verify_journal --archive /srv/archive",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--shard", type=int, default=None, help="one shard; default: all")
        parser.add_argument(
            "--from-checkpoint",
            nargs="?",
            const=LATEST,
            default=None,
            type=_checkpoint,
            metavar="ID",
            help=(
                "begin at a checkpoint, the newest where none is named: what came before it is"
                " not looked at"
            ),
        )

        parser.add_argument(
            "--replica",
            action="store_true",
            help="read DATABASE_REPLICA_URL, of which this proves what it has by now",
        )
        parser.add_argument(
            "--archive",
            type=Path,
            default=None,
            metavar="FOLDER",
            help="where months of the journal are that `partitions archive` let go",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify and report."""
        using = REPLICA if options["replica"] else DEFAULT_DB_ALIAS
        if using not in settings.DATABASES:
            raise CommandError("--replica: DATABASE_REPLICA_URL names none")
        start = options["from_checkpoint"]
        shards = list_journal_shard_ids() if options["shard"] is None else [options["shard"]]
        if isinstance(start, int) and len(shards) > 1:
            raise CommandError("a checkpoint is of one shard: name it by --shard")
        failed = False
        settle()  # millions of small objects are made, and none is in a cycle
        for shard_id in shards:
            try:
                with connect(shard_id=shard_id, owner="verify", using=using) as connection:
                    found = verify_shard(
                        connection,
                        shard_id,
                        start=start,
                        archive=options["archive"],
                        progress=self._progress,
                    )
            except CANNOT_BE_REPLAYED as error:
                # The other shards are still to be looked at.
                self.stdout.write(f"shard {shard_id}: cannot be replayed: {error}")
                failed = True
                continue
            self.stdout.write(_summary(found))
            for difference in found.differences:
                self.stdout.write(f"  {difference}")
            failed = failed or bool(found.differences)
            if not found.differences:
                kept_figures.tell(JOURNAL_VERIFIED, found.sequence, str(shard_id))
        if failed:
            raise CommandError("journal and tables differ")

    def _progress(self, commands: int, of: int) -> None:
        if commands:
            self.stderr.write(f"{commands} of {of} commands replayed")


def _summary(found: Verified) -> str:
    """Return what was replayed, and whether it agrees."""
    begun = f" from checkpoint {found.checkpoint}" if found.checkpoint else ""
    passed = f"{found.passed} checkpoints passed, " if found.passed else ""
    archived = f"{found.archived} archived rows replayed alone, " if found.archived else ""
    unread = f"{found.unread} of another version not looked at, " if found.unread else ""
    return (
        f"shard {found.shard_id}: {found.commands} commands{begun}, {found.orders} orders,"
        f" {found.trades} trades, {found.entries} entries, {passed}{unread}{archived}"
        f"engine {found.state_hash[:16]}:"
        f" {'differs' if found.differences else 'agrees with the tables'}"
    )


def _checkpoint(text: str) -> int | str:
    return LATEST if text == LATEST else int(text)
