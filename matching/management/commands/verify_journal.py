"""``manage.py verify_journal``: replay the journal and hold it against the tables."""

from argparse import ArgumentParser
from typing import Any, Final

import msgspec
import psycopg
from django.core.management.base import CommandError

from matching.engine import EngineError
from matching.markets.selectors import list_shard_ids
from matching.worker.connection import connect
from matching.worker.replay import verify_shard
from zavora.foundation.commands import ExampleCommand
from zavora.foundation.errors import InvariantBroken, ZavoraError

# What a journal does to who reads it that was damaged, or was written by something else.
CANNOT_BE_REPLAYED: Final = (
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
    """Replay each shard's journal through a fresh engine; exit 1 where anything differs."""

    help = (
        "Replay the journal through a fresh engine and compare orders, trades, trade and fee"
        " entries, holds and the engine's hash with the tables. Reads only; may run at any time."
    )
    examples = ("verify_journal", "verify_journal --shard 0")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--shard", type=int, default=None, help="one shard; default: all")

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify and report."""
        shards = list_shard_ids() if options["shard"] is None else [options["shard"]]
        failed = False
        for shard_id in shards:
            try:
                with connect(shard_id=shard_id, owner="verify") as connection:
                    found = verify_shard(connection, shard_id, progress=self._progress)
            except CANNOT_BE_REPLAYED as error:
                # The other shards are still to be looked at.
                self.stdout.write(f"shard {shard_id}: cannot be replayed: {error}")
                failed = True
                continue
            self.stdout.write(
                f"shard {shard_id}: {found.commands} commands, {found.orders} orders,"
                f" {found.trades} trades, {found.entries} entries, engine {found.state_hash[:16]}:"
                f" {'differs' if found.differences else 'agrees with the tables'}"
            )
            for difference in found.differences:
                self.stdout.write(f"  {difference}")
            failed = failed or bool(found.differences)
        if failed:
            raise CommandError("journal and tables differ")

    def _progress(self, commands: int) -> None:
        if commands:
            self.stderr.write(f"{commands} commands replayed")
