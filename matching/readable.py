"""What another version has written that this one does not know: asked before an upgrade, or back.

Bounded looks at what is newest: what this version could not read it would refuse, or halt at.
"""

from typing import Any, Final

import msgspec
from django.db.models import QuerySet

from accounts.redis_client import get_redis
from matching import wire
from matching.commands import TABLE, UNREADABLE, decode_command
from matching.models import Command, Event

QUEUED_MAX: Final = 1_000
JOURNALED_MAX: Final = 10_000
EVENTS_MAX: Final = 1_000


def unknown_queued(shard_id: int) -> int:
    """Return how many commands that wait in a shard's queue cannot be read. Raises RedisError."""
    entries: Any = get_redis().xrange(wire.stream_name(shard_id), count=QUEUED_MAX)
    bodies = [fields[wire.FIELD_BODY] for _, fields in entries if wire.FIELD_BODY in fields]
    return sum(not _is_command(body) for body in bodies)


def unknown_journaled(shard_id: int) -> list[str]:
    """Return the kinds of a shard's latest commands that nobody here can replay."""
    known = {kind.name for kind in TABLE} | {UNREADABLE}
    return sorted(set(_latest(Command.objects.filter(shard_id=shard_id), "sequence")) - known)


def unknown_events() -> int:
    """Return how many of the latest events cannot be read."""
    payloads = Event.objects.order_by("-pk").values_list("payload", flat=True)[:EVENTS_MAX]
    return sum(not _is_event(bytes(payload)) for payload in payloads)


def _latest(rows: "QuerySet[Command]", order: str) -> list[str]:
    return list(rows.order_by(f"-{order}").values_list("kind", flat=True)[:JOURNALED_MAX])


def _is_command(body: bytes) -> bool:
    try:
        decode_command(body)
    except (msgspec.MsgspecError, ValueError):
        return False
    return True


def _is_event(payload: bytes) -> bool:
    try:
        wire.decode_private(wire.decode_event(payload).private)
    except (msgspec.MsgspecError, ValueError):
        return False
    return True
