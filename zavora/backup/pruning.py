"""Delete what the plan of retention lets go; whatever is cut short is gone on with next time."""

import shutil
import time
from datetime import datetime
from typing import Final

from zavora.backup.retention import RetentionPlan, plan_retention
from zavora.backup.store import MAKING, Store, make_lasting

# What an archiving that was killed left aside is older than this.
_LEFT_S: Final = 3600


def prune(store: Store, *, keep_full: int, keep_days: int, now: datetime) -> RetentionPlan:
    """Delete what is too old; return what went. Raises BackupError where the store is held."""
    with store.held(exclusive=True):
        plan = plan_retention(
            store.manifests(), store.segments(), keep_full=keep_full, keep_days=keep_days, now=now
        )
        for name in plan.backups:
            # It loses its name first: half of one is never taken for a whole one.
            gone = store.base / f"{MAKING}{name}"
            (store.base / name).rename(gone)
            make_lasting(store.base)
            shutil.rmtree(gone)
        for segment in plan.segments:
            store.wal_path(segment.name).unlink(missing_ok=True)
        _clear_left(store)
    return plan


def _clear_left(store: Store) -> None:
    for folder in store.wal.iterdir():
        for left in folder.glob(".*"):
            if time.time() - left.stat().st_mtime > _LEFT_S:
                left.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()
