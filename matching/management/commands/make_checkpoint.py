"""``manage.py make_checkpoint``: store what the engines remember, to verify the journal from."""

from argparse import ArgumentParser
from typing import Any, Final

import psycopg
from django.core.management.base import CommandError

from matching.engine import EngineError
from matching.markets.selectors import list_shard_ids
from matching.worker.checkpoints import NoCheckpoint, make_checkpoint
from zavora.foundation.commands import ExampleCommand
from zavora.foundation.errors import InvariantBroken, ZavoraError

CANNOT_BE_MADE: Final = (NoCheckpoint, InvariantBroken, ZavoraError, EngineError, psycopg.Error)


class Command(ExampleCommand):
    """Store a checkpoint of each shard beside its worker, which goes on meanwhile."""

    help = (
        "Store what each shard's engine remembers as of now, beside a running worker; celery does"
        " it once a day. manage.py verify_journal --from-checkpoint begins there."
    )
    examples = ("make_checkpoint", "make_checkpoint --shard 0")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--shard", type=int, default=None, help="one shard; default: all")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make and report."""
        shards = list_shard_ids() if options["shard"] is None else [options["shard"]]
        failed = False
        for shard_id in shards:
            try:
                made = make_checkpoint(shard_id)
            except CANNOT_BE_MADE as error:
                self.stdout.write(f"shard {shard_id}: no checkpoint: {error}")
                failed = True
                continue
            self.stdout.write(
                f"shard {shard_id}: checkpoint {made.id} after command {made.journal_sequence}:"
                f" {made.open_orders} open orders, {made.size} bytes in {made.parts} parts,"
                f" engine {made.state_hash[:16]}"
            )
        if failed:
            raise CommandError("not every shard has a checkpoint")
