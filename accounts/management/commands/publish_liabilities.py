"""``manage.py publish_liabilities``: say in public what the exchange owes, for all to check."""

import time
from typing import Any

from accounts.access.actor import Actor
from accounts.liabilities.selectors import list_snapshots
from accounts.services import publish_liabilities
from zavora.foundation.commands import ExampleCommand, command_error
from zavora.foundation.errors import ZavoraError
from zavora.foundation.money import format_decimal


class Command(ExampleCommand):
    """Take a snapshot of all balances and publish the root of a Merkle-sum tree for each asset."""

    help = (
        "Take one snapshot of all customers' balances while everything runs, and publish the root"
        " and the total of a Merkle-sum tree for each asset: at /liabilities and"
        " /api/v1/liabilities. Owners find their proofs on their account page; the script"
        " examples/verify_liabilities.py checks one."
    )
    examples = ("publish_liabilities",)

    def handle(self, *args: Any, **options: Any) -> None:
        """Publish, and print the roots."""
        started = time.monotonic()
        try:
            snapshot = publish_liabilities(by=Actor.system("publish_liabilities"))
        except ZavoraError as error:
            raise command_error(error) from None
        (published,) = list_snapshots(cursor=snapshot.pk + 1, limit=1)
        for tree in published.trees.all():
            total = format_decimal(tree.total, tree.asset.scale)
            self.stdout.write(f"{tree.asset.code}: {tree.leaves} balances, {total}, {tree.root}")
        took_s = round(time.monotonic() - started, 3)
        self.stdout.write(f"snapshot {snapshot.pk} is published ({took_s} s)")
