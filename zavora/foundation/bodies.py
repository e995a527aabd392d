"""How much of request bodies a process holds at once, from their first byte to the answer.

What a small request needs is always there: only what goes beyond the first bytes of a body counts.
So a flood of large bodies is refused, be they unfinished or waiting for their turn, and orders go
on.
"""

from typing import Final

from zavora.foundation.addresses import counted_as
from zavora.foundation.setting_values import SettingValue

# Of each body these do not count; the bounds on connections bound them.
FREE_BYTES: Final = 16_384
# No address may take more than this part of the whole.
ADDRESS_PART: Final = 4

_BYTES_MAX: Final = SettingValue("ZAVORA_UNREAD_BODY_BYTES_MAX")


class BodyBudget:
    """Bytes that bodies hold, in all and by address. For one event loop."""

    def __init__(self) -> None:
        self.bytes = 0
        self._by_address: dict[str, int] = {}

    def take(self, address: str, count: int) -> bool:
        """Take ``count`` bytes for a body of an address; False where they are not to be had."""
        bytes_max: int = _BYTES_MAX.value
        name = counted_as(address)
        held = self._by_address.get(name, 0) + count
        if bytes_max and (self.bytes + count > bytes_max or held > bytes_max // ADDRESS_PART):
            return False
        self.bytes += count
        self._by_address[name] = held
        return True

    def give_back(self, address: str, count: int) -> None:
        """Give back what was taken."""
        if not count:
            return
        name = counted_as(address)
        self.bytes -= count
        held = self._by_address[name] - count
        if held:
            self._by_address[name] = held
        else:
            del self._by_address[name]


class HeldBody:
    """What the body of one request has taken of a budget."""

    __slots__ = ("_address", "_budget", "_bytes", "_taken")

    def __init__(self, budget: BodyBudget, address: str) -> None:
        self._budget = budget
        self._address = address
        self._bytes = 0
        self._taken = 0

    def add(self, count: int) -> bool:
        """Take room for ``count`` more bytes; False where there is none."""
        self._bytes += count
        more = self._bytes - FREE_BYTES - self._taken
        if more > 0:
            if not self._budget.take(self._address, more):
                return False
            self._taken += more
        return True

    def release(self) -> None:
        """Give everything back: the body is done with, or given up."""
        self._budget.give_back(self._address, self._taken)
        self._taken = 0


BUDGET: Final = BodyBudget()
