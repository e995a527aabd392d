"""What becomes of a batch, as values: who settles it says which, who asked knows what follows."""

import msgspec
import psycopg

from accounts.money.balances import BalanceKey
from matching.worker.decide import Decision
from matching.worker.transaction import Settled


class Committed(msgspec.Struct, frozen=True):
    """It is in the tables, and stays there."""

    decision: Decision
    settled: Settled


class Moved(msgspec.Struct, frozen=True):
    """What it was decided with has moved meanwhile, or is not enough: decide it anew.

    ``crowded``: the balances whose totals must be known for that.
    """

    why: str
    crowded: frozenset[BalanceKey] = frozenset()


class Passing(msgspec.Struct, frozen=True):
    """The database could not settle it just now; nothing of it was written."""

    cause: str


class InDoubt(msgspec.Struct, frozen=True):
    """The connection was lost meanwhile. ``committing``: what it is, if its COMMIT was sent."""

    cause: str
    committing: Committed | None = None


class Refused(msgspec.Struct, frozen=True):
    """A command cannot be applied or stored; ``index`` says which, None: it has to be found."""

    cause: Exception
    index: int | None = None


Result = Committed | Moved | Passing | InDoubt | Refused


def is_passing(error: psycopg.Error) -> bool:
    """Tell whether an error passes by itself: connection, transaction, resources, operator, I/O."""
    return (error.sqlstate or "08000")[:2] in ("08", "40", "53", "57", "58", "25")
