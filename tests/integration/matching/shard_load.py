"""One shard's worker under load, in a process of its own: ``python -m ... SHARD ACCOUNT...``.

Takes the lease, says ``ready``; for each line ``SECONDS`` on stdin it settles batches of random
orders of all the accounts for so long, and answers with a line of JSON. The database is that of
the environment. Nothing is published; what is measured is deciding and settling.
"""

import json
import os
import random
import sys
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zavora.settings")
django.setup()

from matching.models import Market  # noqa: E402
from tests.integration.matching.worker_setup import driven_worker, place  # noqa: E402

BATCH = 10


def main(shard_id: int, accounts: list[int]) -> None:
    """Serve stdin."""
    draw = random.Random(shard_id)
    market = Market.objects.get(shard_id=shard_id)
    with driven_worker(shard_id) as worker:
        _say({"ready": True})
        for line in sys.stdin:
            ends = time.monotonic() + float(line)
            batches = refused = trades = 0
            while time.monotonic() < ends:
                orders = [
                    place(
                        draw.choice(accounts),
                        market,
                        draw.choice(("buy", "sell")),
                        f"{draw.randint(995, 1005) / 100:.2f}",
                        f"0.{draw.randint(1, 9)}",
                    )
                    for _ in range(BATCH)
                ]
                replies = worker.settle(*orders)
                batches += 1
                refused += sum(bool(reply.code) for reply in replies)
                trades += sum(len(reply.trades) for reply in replies)
            _say({"batches": batches, "refused": refused, "trades": trades})


def _say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(argument) for argument in sys.argv[2:]])
