"""What is to be asked of the database in use: its version, its migrations, how large tables are."""

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor

from zavora.upgrade.errors import CheckFailed
from zavora.upgrade.judging import Size

# Of what is split: the sum of its parts, under its own name, too.
_SIZES = """
SELECT c.relname::text,
    coalesce((SELECT sum(pg_total_relation_size(t.relid)) FROM pg_partition_tree(c.oid) t
        WHERE t.isleaf), pg_total_relation_size(c.oid))::bigint,
    coalesce((SELECT sum(greatest(p.reltuples, 0)) FROM pg_partition_tree(c.oid) t
        JOIN pg_class p ON p.oid = t.relid WHERE t.isleaf), c.reltuples)::bigint
FROM pg_class c
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
"""


def server_major(connection: BaseDatabaseWrapper) -> int:
    """Return the major version of the server."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
        return int(cursor.fetchone()[0])


def table_sizes(connection: BaseDatabaseWrapper) -> dict[str, Size]:
    """Return how large each table is, by name."""
    with connection.cursor() as cursor:
        cursor.execute(_SIZES)
        return {name: Size(size, rows) for name, size, rows in cursor.fetchall()}


def migrations_to_apply(connection: BaseDatabaseWrapper) -> tuple[list[Migration], list[str]]:
    """Return what this version would apply, in order, and what is applied that it does not know.

    Raises CheckFailed where nothing was ever applied.
    """
    executor = MigrationExecutor(connection)
    applied = executor.loader.applied_migrations
    if not applied:
        raise CheckFailed("the database has no tables yet: there is nothing to upgrade")
    ours = {config.rpartition(".")[2] for config in settings.INSTALLED_APPS}
    disk = executor.loader.disk_migrations
    replaced = {one for migration in disk.values() for one in migration.replaces}
    unknown = [
        f"{app}.{name}"
        for app, name in sorted(applied)
        if app in executor.loader.migrated_apps | ours and (app, name) not in disk.keys() | replaced
    ]
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [migration for migration, _ in plan], unknown
