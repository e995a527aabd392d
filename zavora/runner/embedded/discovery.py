"""Find the servers that run on a home. Light: settings call this at every start."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zavora.runner.home import Home
from zavora.runner.processes import ProcessIdentity, identify, is_alive, write_private

# Names the database as the owner of its tables reaches it. Programs that change tables have it;
# those that serve do not.
OWNER_URL_VARIABLE = "ZAVORA_OWNER_DATABASE_URL"
TABLE_COMMANDS = frozenset({"check_upgrade", "migrate", "partitions", "prepare"})


@dataclass(frozen=True, slots=True)
class ServerUrls:
    """Where PostgreSQL and Valkey answer. They hold passwords.

    ``owner_database_url`` is for whoever changes tables; empty where ``database_url`` may do so.
    """

    database_url: str
    redis_url: str
    owner_database_url: str = ""


def running_servers(home: Path) -> ServerUrls | None:
    """Return the URLs of the embedded servers on ``home``, or None if nobody runs them.

    They run if the process that started them, by pid and start, still does.
    """
    entry = _read(home)
    if entry is None or not is_alive(ProcessIdentity(entry["pid"], entry["started"])):
        return None
    return ServerUrls(
        database_url=entry["database_url"],
        redis_url=entry["redis_url"],
        owner_database_url=entry.get("owner_database_url", ""),
    )


def server_owner(home: Path) -> int | None:
    """Return the pid of the process that runs the servers on ``home``."""
    entry = _read(home)
    return int(entry["pid"]) if entry and running_servers(home) else None


def announce_servers(home: Home, urls: ServerUrls, *, owner_pid: int) -> None:
    """Let others find the servers, for as long as ``owner_pid`` lives."""
    owner = identify(owner_pid)
    if owner is None:
        raise ProcessLookupError(owner_pid)
    entry = {
        "pid": owner.pid,
        "started": owner.started,
        "database_url": urls.database_url,
        "redis_url": urls.redis_url,
        "owner_database_url": urls.owner_database_url,
    }
    write_private(home.servers_file, json.dumps(entry, indent=1))


def withdraw_servers(home: Home) -> None:
    """Take the announcement back, before the servers stop."""
    home.servers_file.unlink(missing_ok=True)


def _read(home: Path) -> dict[str, Any] | None:
    try:
        entry: dict[str, Any] = json.loads(Home(home).servers_file.read_text())
    except (OSError, json.JSONDecodeError):
        return None
    return entry
