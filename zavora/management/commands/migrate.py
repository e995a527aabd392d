"""``manage.py migrate``: as the owner of the tables; then the run role gets its rights.

Months to come are made, too: an exchange that stood still for some has none for the present one.
"""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import DEFAULT_DB_ALIAS, connections

from zavora.database_rights import RunRoleMissing, grant_run_role
from zavora.foundation.partitions.making import is_split, make_partitions

OWNER_ALIAS = "owner"


class Command(DjangoMigrate):
    """Django's own, over the owner's connection where ZAVORA_OWNER_DATABASE_URL names one."""

    def execute(self, *args: Any, **options: Any) -> Any:
        """Choose the connection before anything, the system checks included, asks the database."""
        if options["database"] == DEFAULT_DB_ALIAS and OWNER_ALIAS in connections.settings:
            options["database"] = OWNER_ALIAS
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, make months to come, then grant."""
        super().handle(*args, **options)
        if options["plan"] or options["check_unapplied"]:
            return
        connection = connections[options["database"]]
        if is_split(connection):
            make_partitions(connection)
        if options["database"] != OWNER_ALIAS:
            return
        try:
            grant_run_role(owner=OWNER_ALIAS, run=DEFAULT_DB_ALIAS)
        except RunRoleMissing as error:
            raise CommandError(str(error)) from None
