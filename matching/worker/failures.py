"""What can go wrong with a batch, told apart: who is to blame, what passes, what is in doubt."""

import psycopg

from matching.worker.entries import Entry


class Blamed(Exception):
    """One command of the batch cannot be applied or stored; ``index`` says which."""

    def __init__(self, index: int, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.index = index
        self.cause = cause


class CannotSettle(Exception):
    """A batch of several commands cannot be settled as one: try its halves."""


class Passing(Exception):
    """The database could not settle a batch just now; nothing of it was written."""


class CommitInDoubt(Exception):
    """The connection was lost while a batch was being settled."""


def blame(entries: list[Entry], error: Exception) -> Exception:
    """Return the blame for what PostgreSQL refused: on a lone command, else to be found."""
    return Blamed(0, error) if len(entries) == 1 else CannotSettle()


def is_passing(error: psycopg.Error) -> bool:
    """Tell whether an error passes by itself: connection, transaction, resources, operator, I/O."""
    return (error.sqlstate or "08000")[:2] in ("08", "40", "53", "57", "58", "25")
