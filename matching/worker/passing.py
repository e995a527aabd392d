"""Checkpoints that a replay comes by: each is held against what was replayed up to there."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import psycopg

from matching.engine import Engine
from matching.markets.terms import MarketTerms
from matching.rows.checkpoints import CheckpointRow
from matching.worker.checkpoints import Unsound, load_checkpoint


class Passing:
    """The checkpoints ahead. ``passed`` counts those that were looked at, ``unread`` the others.

    Another version wrote those, and nothing can be said of them.
    """

    def __init__(self, cursor: "psycopg.Cursor[Any]", rows: Iterable[CheckpointRow]) -> None:
        self._cursor = cursor
        # The last one first.
        self._ahead = sorted(rows, key=lambda row: -row.journal_sequence)
        self.passed = self.unread = 0

    def differences(
        self, sequence: int, engine: Engine, terms: dict[int, MarketTerms]
    ) -> Iterator[str]:
        """Yield how the checkpoints of this point of the journal differ; they are behind then."""
        while self._ahead and self._ahead[-1].journal_sequence <= sequence:
            row = self._ahead.pop()
            if not row.is_readable:
                self.unread += 1
                continue
            self.passed += 1
            name = f"checkpoint {row.id} after command {row.journal_sequence}"
            replayed = engine.state_hash()
            if replayed != row.state_hash:
                yield f"{name}: stored {row.state_hash}, replayed {replayed}"
            try:
                stored = load_checkpoint(self._cursor, row).terms
            except Unsound as unsound:
                yield f"{name}: {unsound}"
                continue
            if _but_phases(stored) != _but_phases(terms):
                yield f"{name}: its markets have other rules than the journal says"

    def never_come_to(self) -> list[str]:
        """Return what there is to say of those that are ahead where the journal ends."""
        return [
            f"checkpoint {row.id}: of command {row.journal_sequence}, which the journal lacks"
            for row in self._ahead
        ]


def _but_phases(terms: dict[int, MarketTerms]) -> dict[int, MarketTerms]:
    """Return terms without the phases, which change without the rules; the hash has them."""
    return {market_id: but_phase(market) for market_id, market in terms.items()}


def but_phase(market: MarketTerms) -> MarketTerms:
    """Return a market's terms without its phase."""
    replace = msgspec.structs.replace
    return replace(market, rules=replace(market.rules, phase=""))
