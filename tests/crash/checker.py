"""Proves of a running exchange that all is as clients were told: notes, tables, API and books."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import pytest

from tests.crash.kills import moment
from tests.crash.notes import Notes, find_faults
from tests.crash.report import Report
from tests.crash.standing import find_left, read_standing
from tests.crash.tables import Api, Tables
from tests.crash.target import Target
from tests.exchange import NotInTime, wait_until

FEED_CATCHES_UP_MAX_S: Final = 15.0
# What is due is done at once; so much is for a machine that is busy.
DUE_DONE_MAX_S: Final = 10.0
# A fill is pushed after its commit: it may be noted only after the check that follows.
FILLS_LATE_MAX_S: Final = 60.0


class Auditor:
    """The process that proves the books."""

    def __init__(self, target: Target, *, folder: Path | None = None) -> None:
        """Start it, from another checkout where ``folder`` names one."""
        python = sys.executable if folder is None else str(folder / ".venv" / "bin" / "python")
        self._process = subprocess.Popen(
            [python, "-m", "tests.crash.auditor"],
            env=dict(target.environment),
            cwd=folder or Path(__file__).resolve().parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def audit(self) -> dict[str, Any]:
        """Return what it finds now."""
        return self._ask("")

    def change(self, symbol: str, **rules: Any) -> None:
        """Change rules of a market."""
        answer = self._ask(json.dumps([symbol, rules]))
        assert answer["breaks"] == []

    def _ask(self, line: str) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("the auditor has no pipes")
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        while line := self._process.stdout.readline():
            if line.startswith("{"):  # other lines are log lines
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise AssertionError("the auditor died")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


class Checker:
    """Proves, while no client has anything under way, that all is as it was told."""

    def __init__(self, target: Target, auditor: Auditor, tokens: dict[str, str]) -> None:
        self._target = target
        self._auditor = auditor
        self._accounts = list(tokens)
        self._tables = Tables(target)
        self._api = Api(target, tokens)
        self._orders_seen = 0
        self._trades_seen = 0
        self._since = ""
        self._self_trades: set[tuple[str, int]] = set()
        self._tables.forget()

    def check(self, notes: Notes, report: Report) -> None:
        """Compare notes, tables, API, journal and books; raises AssertionError."""
        self.check_nothing_is_left()
        # The clock goes on, and what it does is pushed: what was told by now must be in the tables.
        notes = notes.as_of_now()
        stored = self._tables.read()
        self._self_trades = stored.self_trades
        found = find_faults(notes, stored)
        report.due = self._tables.due
        report.faults.lost += found.lost
        report.faults.doubled += found.doubled
        assert not found, found
        self._check_api(notes, report)
        audit = self._auditor.audit()
        assert audit["breaks"] == []
        self._check_books(audit["books"])
        report.audits += 1

    def check_nothing_is_left(self) -> None:
        """Whatever the clock should have done by now is done, though nobody asks for anything."""
        left: list[str] = []

        def is_done() -> bool:
            left[:] = find_left(read_standing(self._target.database_url))
            return not left

        try:
            wait_until(is_done, timeout_s=DUE_DONE_MAX_S, what="what was due")
        except NotInTime:
            pytest.fail("\n".join(left))

    def check_everything_by_api(self, notes: Notes, report: Report) -> None:
        """Compare all that was ever told with the whole history that the API shows."""
        self._orders_seen = self._trades_seen = 0
        self._since = ""
        self._check_api(notes, report)

    def _check_api(self, notes: Notes, report: Report) -> None:
        """Compare what was told since the last check with what the API shows."""
        trades = [
            told
            for told in notes.trades[self._trades_seen :]
            # Of an account's trade with itself its history shows one side.
            if (told.market, told.sequence) not in self._self_trades
        ]
        fresh = Notes(notes.orders[self._orders_seen :], trades)
        since_order = min((told.order_id for told in fresh.orders), default=0)
        shown = self._api.read(self._accounts, since_order=since_order, since_time=self._since)
        found = find_faults(fresh, shown)
        report.faults.lost += [f"API: {text}" for text in found.lost]
        assert not found, found
        self._orders_seen, self._trades_seen = len(notes.orders), len(notes.trades)
        self._since = moment(ago_s=FILLS_LATE_MAX_S)

    def _check_books(self, stored: dict[str, Any]) -> None:
        """The feed's books, built from what the engines told, equal those of the tables.

        The clock may act between the look at the tables and that at the book: then another one.
        """
        deadline = time.monotonic() + FEED_CATCHES_UP_MAX_S
        for market in self._target.markets:
            while (shown := self._api.book(market.symbol)) != stored[market.symbol]:
                ahead = shown["sequence"] - stored[market.symbol]["sequence"]
                if ahead == 0 or time.monotonic() > deadline:
                    pytest.fail(f"{market.symbol}: shown {shown}, stored {stored[market.symbol]}")
                if ahead > 0:
                    stored = self._auditor.audit()["books"]
                else:
                    time.sleep(0.05)
