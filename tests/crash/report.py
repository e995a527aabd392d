"""What a run of the crash test found, and whether it met what it is to show something of."""

import statistics
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import psycopg

from tests.crash.notes import Faults, Notes
from tests.exchange import Exchange

_ENDED: Final = "matching_order WHERE reason ="
MET: Final = {
    "oco": "matching_orderlist WHERE kind = 'oco'",
    "oto": "matching_orderlist WHERE kind = 'oto'",
    "otoco": "matching_orderlist WHERE kind = 'otoco'",
    "ended by their list": f"{_ENDED} 'list'",
    "ended by a protection": f"{_ENDED} 'protection'",
    "over in time": f"{_ENDED} 'time_over'",
    "entered at their turn": "matching_orderconditions WHERE trigger_state = 'triggered'",
    "icebergs": "matching_orderconditions WHERE display_quantity IS NOT NULL",
    "trailing": "matching_orderconditions WHERE trail_bps IS NOT NULL",
    "traded in auctions": "matching_trade WHERE is_auction",
    "amended": "matching_command WHERE kind = 'amend' AND outcome = 'applied'",
    "replaced": "matching_command WHERE kind = 'replace' AND outcome = 'applied'",
    "batches by one message": (
        "(SELECT FROM matching_command WHERE kind = 'place' AND request_id <> ''"
        " GROUP BY request_id HAVING count(*) > 1) AS batches"
    ),
    "exchanged": "matching_preventedmatch WHERE mode = 'transfer'",
}


@dataclass
class Report:
    """What a run found, for the table it prints."""

    faults: Faults = field(default_factory=Faults)
    waits_s: dict[str, list[float]] = field(default_factory=dict)
    audits: int = 0
    auctions: int = 0
    # How often the worker did what was due, by what that was.
    due: Counter[str] = field(default_factory=Counter)

    def text(self, notes: Notes) -> str:
        """Return the table."""
        kills = sum(len(waits) for waits in self.waits_s.values())
        lines = [
            "",
            f"{'killed':30} {'times':>5}   {'median s':>8} {'worst s':>8}   to next answer",
        ]
        for kind, waits in self.waits_s.items():
            median = f"{statistics.median(waits):8.2f}" if waits else " " * 8
            worst = f"{max(waits):8.2f}" if waits else " " * 8
            lines.append(f"{kind:30} {len(waits):5}   {median} {worst}")
        cancels = sum(told.status == "cancelled" for told in notes.orders)
        lines += [
            f"{'all':30} {kills:5}",
            "",
            f"acknowledgements checked {notes.acknowledged}",
            f"  orders and amendments {len(notes.orders) - cancels}",
            f"  cancels {cancels}",
            f"  fills {len(notes.trades)}",
            f"  lists {len(notes.lists)}, amendments of orders that waited {notes.amended[True]}",
            f"  replacements {len(notes.replaced)}, orders of batches {notes.batched}",
            f"  preventions {len(notes.prevented)}",
            f"  protections {len(notes.protections)}, timers {len(notes.timers)}",
            f"auctions called {self.auctions}; done by the clock {dict(sorted(self.due.items()))}",
            f"refusals checked {len(notes.refused)}, answers 503 checked {len(notes.not_queued)}",
            f"answers by status {dict(sorted(notes.answers.items()))}",
            f"audits (reconcile, journal, books) {self.audits}",
            f"lost {len(self.faults.lost)}, doubled {len(self.faults.doubled)}",
        ]
        return "\n".join(lines)


def what_was_met(exchange: Exchange, report: Report, notes: Notes) -> dict[str, int]:
    """Return how often there was what: a run without it would show nothing of it."""
    with psycopg.connect(exchange.database_url) as connection:
        met = {
            what: connection.execute(f"SELECT count(*) FROM {rows}").fetchone()
            for what, rows in MET.items()
        }
    counts = {what: 0 if row is None else int(row[0]) for what, row in met.items()}
    # Those that no operator called.
    counts |= {"in batches": notes.batched, "told of preventions": len(notes.prevented)}
    counts["interruptions"] = max(0, report.due["auction"] - report.auctions)
    return counts | {f"{what} due": report.due[what] for what in ("switch", "expiry", "auction")}
