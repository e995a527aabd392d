"""``manage.py rotate_keys``: have everything sealed by the first of ``ZAVORA_SEALING_KEYS``."""

from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from accounts.access.actor import Actor
from accounts.keys.sealing import BATCH_MAX, Resealed, count_sealed_before
from accounts.services import reseal_factors, reseal_secrets
from zavora.foundation.commands import ExampleCommand, command_error
from zavora.foundation.errors import ZavoraError


class Command(ExampleCommand):
    """Seal all stored secrets anew, in batches, while the exchange runs."""

    help = (
        "Seal the stored secrets of API keys and second factors by the first of"
        " ZAVORA_SEALING_KEYS. Runs beside the"
        " exchange, may be ended and started again, and does nothing where nothing is left to do."
        " Afterwards the other sealing keys open nothing that is stored, and may go. Exit 1 where"
        " a secret cannot be opened by any known key."
    )
    examples = ("rotate_keys", "rotate_keys --check", "rotate_keys --batch 100")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--batch", type=int, default=500, help=f"secrets, 1 to {BATCH_MAX}")
        parser.add_argument(
            "--check", action="store_true", help="count; exit 1 where some are left"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Seal batch after batch."""
        if not settings.ZAVORA_SEALING_KEYS:
            raise CommandError("set ZAVORA_SEALING_KEYS first; SECRET_KEY seals without it")
        total = count_sealed_before()
        if options["check"]:
            self.stdout.write(f"{total} secrets are sealed by an earlier key")
            if total:
                raise CommandError("manage.py rotate_keys seals them anew")
            return
        unreadable = self._seal(total, options["batch"])
        if unreadable:
            ids = ", ".join(map(str, unreadable[:20]))
            raise CommandError(
                f"{len(unreadable)} secrets cannot be opened by any known key, of {ids}"
            )

    def _seal(self, total: int, batch: int) -> list[str]:
        """Seal everything; return what cannot be opened."""
        done, unreadable = 0, list[str]()
        for what, reseal in (("API key", reseal_secrets), ("second factor", reseal_factors)):
            for found in self._batches(reseal, batch):
                done += found.resealed
                unreadable += (f"{what} {number}" for number in found.unreadable)
                if found.resealed:
                    self.stdout.write(f"{done} of {total} secrets are sealed anew")
        if not done:
            self.stdout.write(f"0 of {total} secrets are sealed anew")
        return unreadable

    def _batches(self, reseal: Callable[..., Resealed], size: int) -> Iterator[Resealed]:
        by = Actor.system("manage.py rotate_keys")
        after_id: int | None = 0
        while after_id is not None:
            try:
                found = reseal(by=by, after_id=after_id, size=size)
            except ZavoraError as error:
                raise command_error(error) from error
            yield found
            after_id = found.last_id
