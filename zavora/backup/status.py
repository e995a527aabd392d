"""When backups and drills succeeded last: what metrics and alerts are told."""

from collections.abc import Mapping

from zavora.backup.errors import BackupError
from zavora.backup.store import Status, store_from


def backup_status(environment: Mapping[str, str]) -> Status | None:
    """Return when a backup and a drill succeeded last; None where there is no store."""
    try:
        return store_from(environment).status()
    except BackupError:
        return None
