"""What the role that serves may do in the database: everything but rewrite history.

Tables belong to an owner, who migrates them. The run role reads and writes rows. Where a model says
``is_append_only`` (ledger, trades, journal, events, records) it inserts and selects alone, so that
neither a mistake nor an injected statement changes what was written; where one says
``is_written_by_triggers`` (the chain of records), it only selects. It owns nothing, so it cannot
switch a trigger off, and TRUNCATE is not among its rights.
"""

from collections.abc import Callable, Iterable
from typing import Final

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Model
from psycopg import sql

from zavora.foundation.database_settings import OWNER
from zavora.foundation.partitions.selectors import list_partitions

_MIGRATIONS_TABLE: Final = "django_migrations"
# The one way in which rows of an append-only table go: functions of the owner with rules inside.
PURGE_FUNCTIONS: Final = (
    "matching_purge_events(timestamptz, integer)",
    "matching_purge_checkpoints(integer, integer)",
    "accounts_erase_notes(bigint)",
)
# And the one way in which it makes tables: those that the calendar asks for.
MAKING_FUNCTIONS: Final = ("zavora_make_partitions(integer)",)
# Tables of what has left for archives: the owner writes them, `reconcile` reads them.
ARCHIVE_TABLES: Final = ("zavora_archived", "zavora_archived_sum", "zavora_archived_trades")
# Tables that triggers alone touch, with the owner's rights.
TABLES_OF_TRIGGERS: Final = ("accounts_auditturn",)


class RunRoleMissing(Exception):
    """The role that DATABASE_URL names is not there; the message says what to do."""


def owner_alias() -> str:
    """Return the connection of who owns the tables: its own, where the settings name one."""
    return OWNER if OWNER in connections.settings else DEFAULT_DB_ALIAS


def append_only_tables() -> list[str]:
    """Return the tables that the run role may add to and read, sorted."""
    return _tables_of(lambda model: getattr(model, "is_append_only", False))


def tables_written_by_triggers() -> list[str]:
    """Return the tables that the run role may only read, sorted."""
    return _tables_of(lambda model: getattr(model, "is_written_by_triggers", False))


def _tables_of(is_one: Callable[[type[Model]], bool]) -> list[str]:
    models = filter(is_one, apps.get_models(include_auto_created=True))
    return sorted(model._meta.db_table for model in models)


def grant_run_role(*, owner: str, run: str) -> None:
    """Give the role of the connection ``run`` its rights, as the role of the connection ``owner``.

    Rerunnable; what an earlier version granted beyond them is taken back. Does nothing where both
    are one role. Raises RunRoleMissing.
    """
    role: str = connections[run].settings_dict["USER"]
    # In one transaction: an exchange that runs meanwhile is never without its rights.
    with transaction.atomic(using=owner), connections[owner].cursor() as cursor:
        cursor.execute("SELECT current_user, current_schema(), current_database()")
        owner_role, schema, database = cursor.fetchone()
        if role == owner_role:
            return
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        if cursor.fetchone() is None:
            raise RunRoleMissing(
                f"DATABASE_URL names the role {role}, which does not exist; as a superuser: "
                f"CREATE ROLE {role} LOGIN PASSWORD '...'"
            )
        names = {
            "role": sql.Identifier(role),
            "schema": sql.Identifier(schema),
            "database": sql.Identifier(database),
        }
        for statement in [*_statements(), *_refused_partitions(cursor)]:
            cursor.execute(sql.SQL(statement).format(**names).as_string(cursor.connection))


def _refused_partitions(cursor: CursorWrapper) -> list[str]:
    """Return the statements after which partitions are written through their table alone."""
    return [
        f"REVOKE INSERT, UPDATE, DELETE ON {{schema}}.{partition.name} FROM {{role}}"
        for partition in list_partitions(cursor)
    ]


def _statements() -> list[str]:
    """Return the grants, in order, with places for role, schema and database."""

    def listed(tables: Iterable[str]) -> str:
        return ", ".join(f"{{schema}}.{table}" for table in tables)

    return [
        "GRANT CONNECT ON DATABASE {database} TO {role}",
        "GRANT USAGE ON SCHEMA {schema} TO {role}",
        "REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
        "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
        f"REVOKE UPDATE, DELETE ON {listed(append_only_tables())} FROM {{role}}",
        f"REVOKE INSERT ON {listed(tables_written_by_triggers())} FROM {{role}}",
        f"REVOKE ALL ON {listed(TABLES_OF_TRIGGERS)} FROM {{role}}",
        f"REVOKE INSERT, UPDATE, DELETE ON {listed(ARCHIVE_TABLES)} FROM {{role}}",
        f"REVOKE INSERT, UPDATE, DELETE ON {{schema}}.{_MIGRATIONS_TABLE} FROM {{role}}",
        *(
            statement
            for function in (*PURGE_FUNCTIONS, *MAKING_FUNCTIONS)
            for statement in (
                f"REVOKE ALL ON FUNCTION {{schema}}.{function} FROM PUBLIC",
                f"GRANT EXECUTE ON FUNCTION {{schema}}.{function} TO {{role}}",
            )
        ),
    ]
