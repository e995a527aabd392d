"""``python -m deploy.local.roles``: two roles and a database, as docs/operations.md has it."""

import os

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from deploy.local.application import SUPERUSER_URL_VARIABLE
from zavora.runner.embedded.discovery import OWNER_URL_VARIABLE


def make_roles(*, superuser_url: str, owner_url: str, run_url: str) -> None:
    """Make the roles and the database that these URLs name, where they are not there."""
    owner, run = (conninfo_to_dict(url) for url in (owner_url, run_url))
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        for one in (owner, run):
            found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [one["user"]])
            verb = "ALTER" if found.fetchone() else "CREATE"
            connection.execute(
                sql.SQL(verb + " ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(str(one["user"])), sql.Literal(one["password"])
                )
            )
        database = str(owner["dbname"])
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
        if not found.fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(database), sql.Identifier(str(owner["user"]))
                )
            )


if __name__ == "__main__":
    make_roles(
        superuser_url=os.environ[SUPERUSER_URL_VARIABLE],
        owner_url=os.environ[OWNER_URL_VARIABLE],
        run_url=os.environ["DATABASE_URL"],
    )
