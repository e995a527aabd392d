"""Whether a migration may be applied beside batches, may not yet, or would stop them (ADR 49)."""

import enum
from collections.abc import Mapping
from typing import Final

import msgspec

from zavora.upgrade.observing import STRONG, WRITING, Effect, Observed
from zavora.upgrade.shapes import missed

MIB: Final = 1 << 20
# Of how much data a lock may be held for the reading or the writing: well below what a batch waits.
LARGE_MB_DEFAULT: Final = 16
SAFE_WAYS: Final = (
    "build indexes by AddIndexConcurrently, add constraints as NOT VALID and validate them in a"
    " migration of its own, fill columns in batches (docs/upgrading.md)"
)


class Verdict(enum.StrEnum):
    """What is to be done with a migration."""

    EXPAND = "expand"
    CONTRACT = "contract"
    REFUSE = "refuse"


class Size(msgspec.Struct, frozen=True):
    """How large a table is where it is in use: bytes with indexes, and rows as estimated."""

    size: int
    rows: int

    def text(self) -> str:
        """Say it."""
        return f"{self.size / MIB:,.1f} MiB, about {max(self.rows, 0):,} rows"


class Judgement(msgspec.Struct):
    """A verdict on one migration: its locks, and why it is no plain expansion."""

    name: str
    verdict: Verdict
    locks: list[str]
    reasons: list[str]
    statements: list[str] = []


def judge(
    observed: Observed, sizes: Mapping[str, Size], *, large_mb: int = LARGE_MB_DEFAULT
) -> Judgement:
    """Judge what a migration did to empty tables by how large those in use are."""
    stops = [f"it fails: {observed.failure}"] if observed.failure else []
    held: dict[str, dict[str, str]] = {}
    for effect in observed.effects:
        of_transaction = held.setdefault(effect.transaction, {})
        for table, mode in effect.locks:
            of_transaction[table] = _stronger(of_transaction.get(table, ""), mode)
        stops += _stops(effect, of_transaction, sizes, large_mb * MIB)
    gone = missed(observed.before, observed.after) if observed.before and observed.after else []
    verdict = Verdict.REFUSE if stops else Verdict.CONTRACT if gone else Verdict.EXPAND
    return Judgement(
        observed.name,
        verdict,
        locks=_locks(held, observed, sizes),
        reasons=[*stops, *gone],
        statements=[effect.text for effect in observed.effects],
    )


def _stops(
    effect: Effect, held: Mapping[str, str], sizes: Mapping[str, Size], large: int
) -> list[str]:
    """Return what of a statement would keep batches waiting, with the locks held by then."""
    locked = sorted(table for table, mode in held.items() if mode in STRONG)
    lines = []
    for tables, what in ((effect.rewritten, "writes"), (effect.read, "reads")):
        for table in tables:
            size = sizes.get(table, Size(0, 0))
            if size.size < large:
                continue
            if locked:
                lines.append(
                    f"`{effect.text}` {what} all of {table} ({size.text()}) while nobody can write"
                    f" {', '.join(locked)}: {SAFE_WAYS}"
                )
            elif held.get(table) == WRITING:
                lines.append(
                    f"`{effect.text}` may change any row of {table} ({size.text()}), and batches"
                    f" wait for each one until it commits: {SAFE_WAYS}"
                )
    return lines


_ORDER: Final = (WRITING, *STRONG)


def _stronger(one: str, other: str) -> str:
    order = {mode: place for place, mode in enumerate(_ORDER, start=1)}
    return max(one, other, key=lambda mode: order.get(mode, 0))


def _locks(
    held: Mapping[str, Mapping[str, str]], observed: Observed, sizes: Mapping[str, Size]
) -> list[str]:
    """Return the tables that nobody can write for a moment, a line each; not their partitions."""
    whole = observed.before.columns.keys() if observed.before else held.keys()
    found: dict[str, str] = {}
    for of_transaction in held.values():
        for table, mode in of_transaction.items():
            if mode in STRONG and table in whole:
                found[table] = _stronger(found.get(table, ""), mode)
    return [
        f"{table}: {STRONG[mode]} ({sizes.get(table, Size(0, 0)).text()})"
        for table, mode in sorted(found.items())
    ]
