"""What may be late: rows that have served their time go, and the books are proved to add up."""

from collections.abc import Callable
from typing import Final

import msgspec
import structlog
from celery import shared_task
from redis.exceptions import RedisError

from accounts.access.actor import Actor
from accounts.money.selectors import get_held_by_asset
from accounts.redis_client import get_redis
from matching.fees import services as fees
from matching.markets.selectors import list_shard_ids
from matching.orders.services import purge_events, purge_order_keys
from matching.reconcile import reconcile
from matching.wire import RECONCILED_KEY, Reconciled
from matching.worker.checkpoints import make_due_checkpoint
from zavora.foundation import kept_figures
from zavora.foundation.times import now_us

# Breaks that operators see on their first page; the log has all.
TOLD_MAX: Final = 20
BY: Final = Actor.system("matching.purge")

log = structlog.get_logger(__name__)


@shared_task(name="matching.purge")
def purge() -> None:
    """Delete events and idempotency keys that are past their time; may run twice."""
    purged = {"events": _tried(purge_events), "order_keys": _tried(purge_order_keys)}
    log.info("purged", **purged)
    if None in purged.values():
        raise RuntimeError("not everything could be purged; see purge_failed")


def _tried(purge: Callable[..., int]) -> int | None:
    """Purge one kind of rows; one that cannot be purged stops no other."""
    try:
        return purge(by=BY)
    except Exception:
        log.exception("purge_failed", what=purge.__name__)
        return None


@shared_task(name="matching.fees")
def review_fees() -> None:
    """Count the trades of days that have ended and give accounts their tiers; may run twice."""
    fees.review_fees(by=Actor.system("matching.fees"))


@shared_task(name="matching.checkpoints")
def make_checkpoints() -> None:
    """Make each shard's checkpoint of the day, and let the oldest go; may run twice."""
    failed = []
    for shard_id in list_shard_ids():
        try:
            make_due_checkpoint(shard_id)
        except Exception:
            # The other shards have theirs all the same.
            log.exception("checkpoint_failed", shard=shard_id)
            failed.append(shard_id)
    if failed:
        raise RuntimeError(f"no checkpoint of shards {failed}; see checkpoint_failed")


@shared_task(name="matching.reconcile")
def reconcile_books() -> None:
    """Check ledger, balances, holds, orders and trades; what does not add up is an alert."""
    breaks = reconcile()
    for found in breaks:
        log.critical("reconcile_break", found=found.text())
    log.info("reconciled", breaks=len(breaks))
    told = Reconciled(now_us(), len(breaks), [found.text() for found in breaks[:TOLD_MAX]])
    try:
        get_redis().set(RECONCILED_KEY, msgspec.json.encode(told))
    except RedisError as error:
        # The log has it; operators see that the last result is old.
        log.warning("reconciled_untold", error=str(error))
    kept_figures.tell_reconciled(len(breaks), get_held_by_asset())
