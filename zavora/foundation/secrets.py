"""Secrets that an installation makes for itself, once, readable by its owner only."""

import os
import secrets
from pathlib import Path


def get_or_create_secret(home: Path, name: str) -> str:
    """Return ``home/secrets/name``, made at random the first time; safe when two start at once."""
    folder = home / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / name
    if not path.exists():
        fresh = folder / f"{name}.{os.getpid()}.new"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(fresh, path)  # atomic; the first of two racing starters wins
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text().strip()
