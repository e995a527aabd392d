"""What market makers have said of their quotes in a market, by account."""

from collections.abc import Iterable

from matching.engine.rules import Protection
from matching.engine.undo import UndoLog


class Protections(dict[int, Protection]):
    """The protections of a market; ``put`` is how one is changed."""

    def __init__(self, given: Iterable[tuple[int, Protection]], log: UndoLog) -> None:
        super().__init__(given)
        self._log = log

    def put(self, account_id: int, protection: Protection | None) -> None:
        """Give an account another protection, None: none; what it had is noted."""
        self._log.puts.append((self._put, account_id, self.get(account_id)))
        self._put(account_id, protection)

    def is_tripped(self, account_id: int) -> bool:
        """Tell whether an account's protection has ended its quotes and lets nothing in."""
        protection = self.get(account_id)
        return protection is not None and protection.is_tripped

    def _put(self, account_id: int, protection: Protection | None) -> None:
        if protection is None:
            self.pop(account_id, None)
        else:
            self[account_id] = protection
