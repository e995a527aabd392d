"""How many connections a web process has, in all and of each address."""

from collections.abc import Hashable

from zavora.foundation.addresses import counted_as
from zavora.foundation.clients import is_trusted


class Connections:
    """The open connections. A trusted proxy has as many as it likes: it speaks for many."""

    def __init__(self, *, total_max: int, per_address_max: int) -> None:
        self._total_max = total_max
        self._per_address_max = per_address_max
        self._names: dict[Hashable, str] = {}
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._names)

    def admit(self, connection: Hashable, address: str) -> bool:
        """Count a connection; False, and nothing counted, where it is one too many."""
        name = counted_as(address)
        count = self._counts.get(name, 0) + 1
        if 0 < self._total_max <= len(self._names):
            return False
        if 0 < self._per_address_max < count and not is_trusted(address):
            return False
        self._names[connection] = name
        self._counts[name] = count
        return True

    def release(self, connection: Hashable) -> None:
        """Count it no more; one that is not counted is left alone."""
        name = self._names.pop(connection, None)
        if name is None:
            return
        count = self._counts[name] - 1
        if count:
            self._counts[name] = count
        else:
            del self._counts[name]
