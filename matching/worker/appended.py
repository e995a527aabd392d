"""Rows that a replay makes again without knowing their ids: held against as many stored ones."""

from itertools import zip_longest
from typing import Any

import psycopg


class Appended:
    """Rows of one kind that a journal led to, in the order in which they came about.

    ``statement`` takes the shard, the id after which to read, and how many rows; it returns ids and
    what is compared, by id.
    """

    def __init__(self, what: str, statement: str) -> None:
        self._what = what
        self._statement = statement
        self.last_id = 0
        self.replayed: list[tuple[object, ...]] = []

    def compare(
        self, cursor: "psycopg.Cursor[Any]", shard_id: int, *, are_all: bool
    ) -> tuple[list[int], str]:
        """Compare what was replayed and forget it; return the stored rows' ids and a difference.

        That is the first one, or empty. ``are_all``: there must be no more stored than that.
        """
        limit = len(self.replayed) + are_all
        cursor.execute(self._statement, (shard_id, self.last_id, limit))
        rows = cursor.fetchall()
        ids, stored, difference = [row[0] for row in rows], [row[1:] for row in rows], ""
        if stored != self.replayed:
            pairs = zip_longest(stored, self.replayed)
            first = next(pair for pair in pairs if pair[0] != pair[1])
            difference = f"{self._what}: stored {first[0]}, replayed {first[1]}"
        if ids:
            self.last_id = ids[-1]
        self.replayed.clear()
        return ids, difference
