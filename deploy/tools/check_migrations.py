"""Let squawk read the SQL of all migrations: what locks or rewrites a table on a trading day.

    python deploy/tools/check_migrations.py .venv/deploy/bin/squawk

migrations.toml has what is not asked for, and what stands in migrations that are done with; both
with reasons. A finding that is not there fails, and so does an entry that nothing needs any more.
The SQL comes from Django, as `manage.py sqlmigrate` has it, on a server of its own for as long as
this takes. Steps in Python have no SQL to read.
"""

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
EXCEPTIONS: Final = Path(__file__).with_name("migrations.toml")
APPS: Final = ("accounts", "marketdata", "matching")
# The oldest that may serve (docs/operations.md).
POSTGRESQL: Final = "15"

sys.path.insert(0, str(ROOT))

from zavora.runner.embedded.servers import RunningServers  # noqa: E402
from zavora.runner.home import Home, owner_lock  # noqa: E402


def main() -> int:
    """Compare what squawk finds with what is known; print the difference."""
    known = tomllib.loads(EXCEPTIONS.read_text())
    with tempfile.TemporaryDirectory(prefix="zavora-migrations-") as folder:
        home, sql = Home(Path(folder) / "home"), Path(folder) / "sql"
        sql.mkdir()
        home.prepare()
        with owner_lock(home, wait_s=0):
            servers = RunningServers(home)
            servers.start()
            try:
                _write_sql(servers, home, sql)
            finally:
                servers.stop()
        findings = _squawk(Path(sys.argv[1]).resolve(), sql, known["not_asked"])
    problems = [*_unknown(findings, known["done"]), *_stale(findings, known["done"])]
    for problem in problems:
        print(problem)
    count = sum(findings.values())
    print(f"migrations: {count} findings, all known" if not problems else "migrations: see above")
    return 1 if problems else 0


def _write_sql(servers: RunningServers, home: Home, folder: Path) -> None:
    os.environ.update(
        ZAVORA_HOME=str(home.path),
        DATABASE_URL=servers.urls.owner_database_url,
        REDIS_URL=servers.urls.redis_url,
        DJANGO_SETTINGS_MODULE="zavora.settings",
    )
    import django  # noqa: PLC0415 - settings ask for the servers, which run only now

    django.setup()
    from django.db import connection  # noqa: PLC0415
    from django.db.migrations.loader import MigrationLoader  # noqa: PLC0415

    loader = MigrationLoader(connection, replace_migrations=False)
    for app, name in sorted(loader.graph.nodes):
        if app not in APPS:
            continue
        migration = loader.graph.nodes[app, name]
        statements = loader.collect_sql([(migration, False)])
        if migration.atomic:
            statements = ["BEGIN;", *statements, "COMMIT;"]
        (folder / f"{app}.{name}.sql").write_text("\n".join(statements))
    connection.close()


def _squawk(program: Path, folder: Path, not_asked: dict[str, str]) -> Counter[tuple[str, str]]:
    """Return how often each rule is broken by each migration."""
    done = subprocess.run(
        [
            *(str(program), "--reporter", "json", "--pg-version", POSTGRESQL),
            *(f"--exclude={rule}" for rule in not_asked),
            *(str(path) for path in sorted(folder.iterdir())),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 1):
        raise SystemExit(f"squawk: {done.stderr}")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return Counter((Path(one["file"]).stem, one["rule_name"]) for one in found)


def _unknown(findings: Counter[tuple[str, str]], done: dict[str, dict[str, int]]) -> Iterator[str]:
    for (migration, rule), count in sorted(findings.items()):
        allowed = done.get(rule, {}).get(migration, 0)
        if count > allowed:
            yield f"{migration}: {rule}, {count} times ({allowed} known)"


def _stale(findings: Counter[tuple[str, str]], done: dict[str, dict[str, int]]) -> Iterator[str]:
    for rule, migrations in done.items():
        for migration, count in migrations.items():
            if migration != "why" and findings[migration, rule] < count:
                yield f"migrations.toml: {rule} of {migration} is not needed {count} times"


if __name__ == "__main__":
    sys.exit(main())
