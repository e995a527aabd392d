"""Audits a running exchange from a process of its own, which loads Django once.

Started with the exchange's environment as ``python -m tests.crash.auditor``; for each line on
stdin it proves the books once and answers with a line of JSON: what ``reconcile`` finds, what
``verify_journal`` finds (a fresh engine fed with the journal, and one rebuilt from the tables),
and the books that the tables hold. A line of JSON, ``[symbol, rules]``, changes a market instead.
"""

import json
import os
import sys
import time
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zavora.settings")
django.setup()

from django.db import close_old_connections, connection  # noqa: E402

from matching.markets.selectors import list_journal_shard_ids  # noqa: E402
from matching.reconcile import reconcile  # noqa: E402
from matching.services import change_market  # noqa: E402
from matching.worker.connection import connect  # noqa: E402
from matching.worker.replay import verify_shard  # noqa: E402
from tests.actors import SYSTEM  # noqa: E402

# Levels of the orders in the book as all may see them, best first, and the sequence that stands
# with them: one snapshot.
BOOKS = (
    "SELECT m.symbol, s.depth_sequence, o.side, o.price::text,"
    " sum(o.remaining_quantity - coalesce(c.hidden_quantity, 0))::text"
    " FROM matching_market m JOIN matching_marketstate s ON s.market_id = m.id"
    " LEFT JOIN (matching_order o LEFT JOIN matching_orderconditions c ON c.order_id = o.id)"
    " ON o.market_id = m.id AND o.status IN ('new', 'partially_filled')"
    " AND coalesce(c.trigger_state, '') IN ('', 'triggered')"
    " GROUP BY 1, 2, 3, 4 ORDER BY 1, 3, 4"
)


def audit() -> dict[str, Any]:
    """Return everything that does not add up, and the books."""
    close_old_connections()
    began = time.monotonic()
    breaks = [found.text() for found in reconcile()]
    commands = 0
    for shard_id in list_journal_shard_ids():
        with connect(shard_id=shard_id, owner="audit") as session:
            found = verify_shard(session, shard_id)
        commands += found.commands
        breaks += [f"journal of shard {shard_id}: {text}" for text in found.differences]
    books: dict[str, Any] = {}
    with connection.cursor() as cursor:
        cursor.execute(BOOKS)
        for symbol, sequence, side, price, quantity in cursor.fetchall():
            book = books.setdefault(symbol, {"sequence": sequence, "buy": {}, "sell": {}})
            if side is not None:
                book[side][_plain(price)] = _plain(quantity)
    return {
        "breaks": breaks,
        "commands": commands,
        "books": books,
        "seconds": round(time.monotonic() - began, 3),
    }


def change(symbol: str, rules: dict[str, Any]) -> dict[str, Any]:
    """Change rules of a market, as an operator would."""
    change_market(by=SYSTEM, symbol=symbol, **rules)
    return {"breaks": []}


def _plain(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def main() -> None:
    """Answer one line for each line, until stdin ends."""
    for line in sys.stdin:
        try:
            answer = audit() if line == "\n" else change(*json.loads(line))
        except Exception as error:
            answer = {"breaks": [f"the audit failed: {error!r}"], "commands": 0, "books": {}}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
