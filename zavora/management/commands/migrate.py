"""``manage.py migrate``: as the owner of the tables; then the run role gets its rights.

Beside batches: a migration that does not get a table at once lets all pass and is tried again.
Months to come are made, too: an exchange that stood still for some has none for the present one.
"""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import DEFAULT_DB_ALIAS, connections

from zavora.database_rights import RunRoleMissing, grant_run_role, owner_alias
from zavora.foundation.database_settings import OWNER
from zavora.foundation.partitions.locking import LockNotTaken
from zavora.foundation.partitions.making import is_split, make_partitions
from zavora.upgrade.patience import Patience

_BEGINS = ("apply_start", "unapply_start")


class Command(DjangoMigrate):
    """Django's own, over the owner's connection where ZAVORA_OWNER_DATABASE_URL names one."""

    def execute(self, *args: Any, **options: Any) -> Any:
        """Choose the connection before anything, the system checks included, asks the database."""
        if options["database"] == DEFAULT_DB_ALIAS:
            options["database"] = owner_alias()
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, make months to come, then grant."""
        connection = connections[options["database"]]
        if options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return
        self._patience = Patience(connection, self.stderr.write)
        usual = super().handle

        def apply(is_again: bool) -> None:
            # What is to be done was said the first time, and what is wrong with settings, too.
            again = {"verbosity": 0, "skip_checks": True} if is_again else {}
            usual(*args, **{**options, **again})

        try:
            self._patience.run(apply)
        except LockNotTaken as error:
            raise CommandError(str(error)) from None
        if is_split(connection):
            make_partitions(connection)
        if options["database"] != OWNER:
            return
        try:
            grant_run_role(owner=OWNER, run=DEFAULT_DB_ALIAS)
        except RunRoleMissing as error:
            raise CommandError(str(error)) from None

    def migration_progress_callback(
        self, action: str, migration: Any = None, fake: bool = False
    ) -> None:
        """Bound the waits of each migration, and say as Django does what is done."""
        if action in _BEGINS:
            self._patience.before(migration)
        super().migration_progress_callback(action, migration, fake)
