#!/usr/bin/env python
"""Django's command line. Where no server is named and none runs, it starts them for the command."""

import contextlib
import os
import sys

from django.core.management import execute_from_command_line

from zavora.runner.embedded.binaries import ServerMissing
from zavora.runner.embedded.discovery import OWNER_URL_VARIABLE, TABLE_COMMANDS
from zavora.runner.embedded.servers import servers_for_command
from zavora.runner.home import Home, HomeError, home_from_environment, load_environment

# What these do, they do without a database; and a question about usage needs none either.
COMMANDS_WITHOUT_SERVERS = frozenset(
    {
        "check",
        "collect_static",
        "collectstatic",
        "compilemessages",
        "diffsettings",
        "findstatic",
        "backups",
        "help",
        "makemessages",
        "restore",
        "restore_drill",
        "spectacular",
        "startapp",
        "startproject",
        "verify_backups",
        "version",
    }
)
USAGE_OPTIONS = frozenset({"-h", "--help", "--version"})


def needs_servers(arguments: list[str]) -> bool:
    """Return whether a command with these arguments may ask PostgreSQL or Valkey something."""
    return (
        bool(arguments)
        and arguments[0] not in COMMANDS_WITHOUT_SERVERS
        and not USAGE_OPTIONS.intersection(arguments)
    )


def main() -> None:
    """Run the command that the arguments name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zavora.settings")
    load_environment()
    given = os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")
    with contextlib.ExitStack() as stack:
        if not given and needs_servers(sys.argv[1:]):
            try:
                servers = servers_for_command(Home(home_from_environment()))
                urls = stack.enter_context(servers)
            except (HomeError, ServerMissing) as error:
                sys.exit(f"manage.py: {error}")
            os.environ["DATABASE_URL"] = urls.database_url
            os.environ["REDIS_URL"] = urls.redis_url
            if sys.argv[1] in TABLE_COMMANDS and urls.owner_database_url:
                os.environ[OWNER_URL_VARIABLE] = urls.owner_database_url
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
