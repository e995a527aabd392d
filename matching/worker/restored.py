"""After the database was brought back to an earlier moment: a new life for every shard.

Workers of the life before may still run, and may know an epoch that this record has not come to
yet; so the epoch goes up by more than they can ever have taken, which they fail on in their next
commit. Until somebody releases the shards nobody can take one (ADR 44).
"""

from datetime import UTC, datetime
from typing import Final

from django.db.models import F
from django.utils import timezone

from accounts.access.actor import Actor
from matching.models import MarketState, Shard

# A take-over takes a lease: so many are not to be had in a thousand years.
EPOCH_STEP: Final = 1 << 32
# Followers of events know numbers of the life before: the new ones are above all of them. Not so
# those of depth and trades, which the engine's hash and every proof of gaplessness rest on.
EVENT_STEP: Final = 1 << 32
HELD_BY: Final = "restored"
HELD_UNTIL: Final = datetime(9999, 1, 1, tzinfo=UTC)


def hold_shards(*, by: Actor) -> int:
    """Give each shard a new epoch that nobody can take; return how many there are.

    In the caller's transaction. What waits in the queue is of the life before: it is passed over.
    Raises Forbidden for all but the exchange itself and superusers.
    """
    by.require_everything("hold shards")
    queue_now_ms = int(timezone.now().timestamp() * 1000)
    shards = list(Shard.objects.select_for_update().order_by("pk"))
    for shard in shards:
        passed_ms = max(queue_now_ms, int(shard.last_stream_id.partition("-")[0]))
        shard.epoch += EPOCH_STEP
        shard.lease_owner = HELD_BY
        shard.lease_expires_at = HELD_UNTIL
        shard.backend_pid = None
        shard.last_stream_id = f"{passed_ms + 1}-0"
        shard.save()
    MarketState.objects.update(event_sequence=F("event_sequence") + EVENT_STEP)
    return len(shards)


def release_shards(*, by: Actor) -> int:
    """Let workers take the shards that are held, in the caller's transaction; return how many.

    Raises Forbidden for all but the exchange itself and superusers.
    """
    by.require_everything("release shards")
    held = Shard.objects.filter(lease_owner=HELD_BY, lease_expires_at=HELD_UNTIL)
    return held.update(lease_owner="", lease_expires_at=timezone.now())
