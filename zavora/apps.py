from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register

from zavora.foundation import lasting


class ZavoraConfig(AppConfig):
    """The Django application zavora."""

    name = "zavora"

    def ready(self) -> None:
        """Let ``migrate`` and ``check --database default`` refuse what must not serve."""
        register(_check_replica, Tags.database)


def _check_replica(*, databases: Any = None, **_: Any) -> list[CheckMessage]:
    if not databases:
        return []
    try:
        lasting.require_replica()
    except lasting.UnsafeServer as unsafe:
        return [Error(str(unsafe), id="zavora.E001")]
    return []
