"""``manage.py run_matching``: one matching worker process."""

import signal
from argparse import ArgumentParser
from typing import Any

import structlog
from django.core.management.base import CommandError

from matching.worker import shown
from matching.worker.lease import LeaseLost
from matching.worker.loop import MatchingWorker
from zavora.foundation import failures, metrics, metrics_listener, tracing
from zavora.foundation.commands import ExampleCommand
from zavora.foundation.lasting import UnsafeServer

log = structlog.get_logger(__name__)


class Command(ExampleCommand):
    """Run a matching worker until SIGTERM or SIGINT."""

    help = (
        "Match one shard's markets until SIGTERM or SIGINT. Of several workers for the same shard"
        " one is live, the others wait as hot standby."
    )
    examples = ("run_matching --shard 0", "run_matching --shard 1 --batch-max 2000")
    # They import all of the web, which a worker has no use for: a standby had better be quick.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--shard", type=int, default=0, help="the shard (0 to 62)")
        parser.add_argument(
            "--batch-max", type=int, default=None, help="commands in one transaction at most"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the worker; end with an error where it lost its lease."""
        if not 0 <= options["shard"] < 63:
            raise CommandError("--shard: expected a number from 0 to 62")
        worker = MatchingWorker(options["shard"], batch_max=options["batch_max"])
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        failures.start("worker")
        tracing.start("worker")
        metrics_listener.start(
            metrics.WORKER, [lambda: shown.refresh(worker.shard_id, lambda: worker.shard)]
        )
        try:
            worker.run()
        except (LeaseLost, UnsafeServer) as error:
            log.error("worker_ended", shard=options["shard"], why=str(error))
            raise CommandError(str(error)) from error
        finally:
            tracing.stop()
