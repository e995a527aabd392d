"""Secrets that are given as files, as containers get them: ``NAME_FILE`` says where ``NAME`` is."""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

SECRET_NAMES: Final = (
    "DATABASE_URL",
    "EMAIL_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "SENTRY_DSN",
    "ZAVORA_OWNER_DATABASE_URL",
    "ZAVORA_PROVIDER_SECRET",
    "ZAVORA_PROVIDER_WEBHOOK_SECRETS",
    "ZAVORA_SEALING_KEYS",
)
# A list of keys fits many times; a folder of logs that was named by mistake does not.
FILE_BYTES_MAX: Final = 65_536


class SecretFileUnusable(ValueError):
    """A secret cannot be had from the file that was named; the message says which and why."""


def read_secret_files(environment: MutableMapping[str, str]) -> None:
    """Put what the named files hold into ``environment``, without the line's end.

    ``NAME_FILE`` goes, so that reading again finds nothing to do, in this process and in its
    children. Raises SecretFileUnusable; then nothing was changed.
    """
    found = {name: file for name in SECRET_NAMES if (file := environment.get(f"{name}_FILE"))}
    values = {name: _read(name, file, environment) for name, file in found.items()}
    for name, value in values.items():
        environment[name] = value
        del environment[f"{name}_FILE"]


def _read(name: str, file: str, environment: MutableMapping[str, str]) -> str:
    if environment.get(name):
        raise SecretFileUnusable(f"{name} and {name}_FILE are both set; expected one of them")
    try:
        with Path(file).open("rb") as opened:
            content = opened.read(FILE_BYTES_MAX + 1)
        if len(content) > FILE_BYTES_MAX:
            raise SecretFileUnusable(f"{name}_FILE: {file} has more than {FILE_BYTES_MAX} bytes")
        value = content.decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretFileUnusable(f"{name}_FILE: {file} cannot be read: {error}") from None
    if not value or "\n" in value:
        raise SecretFileUnusable(f"{name}_FILE: {file} holds no value of one line")
    return value
