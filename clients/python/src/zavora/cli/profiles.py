"""Where the command line finds the exchange and who asks: profiles in a file, and the environment.

The file holds credentials: it is its owner's alone (0600), and not read where others could.
"""

import contextlib
import os
import stat
import tempfile
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, structs

from zavora.client import BASE_URL
from zavora.core.credentials import Credential, SigningKey, Token

DEFAULT: Final = "default"
FILE: Final = "profiles.json"


class ProfileError(Exception):
    """The profiles cannot be used; the message says what to do."""


class Profile(Struct, frozen=True, omit_defaults=True):
    """An exchange, and who asks there."""

    url: str = BASE_URL
    token: str | None = None
    key: str | None = None
    secret: str | None = None
    account: str | None = None

    @property
    def credential(self) -> Credential | None:
        """What requests prove themselves with."""
        if self.token:
            return Token(self.token)
        return SigningKey(self.key, self.secret) if self.key and self.secret else None

    @property
    def kind(self) -> str:
        """How it asks, in a word that gives nothing away."""
        if self.token:
            return "token"
        return f"key {self.key[:8]}..." if self.key else "nobody"


class Profiles(Struct, frozen=True):
    """All of them, and which is meant where none is named."""

    current: str = DEFAULT
    profiles: dict[str, Profile] = {}


def folder() -> Path:
    """Return where configurations are kept."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "zavora"


def load() -> Profiles:
    """Return the profiles; none where there is no file. Raises ProfileError."""
    path = folder() / FILE
    try:
        mode = path.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO) and os.name == "posix":
            raise ProfileError(f"{path} holds credentials and others may read it: chmod 600 {path}")
        return msgspec.json.decode(path.read_bytes(), type=Profiles)
    except FileNotFoundError:
        return Profiles()
    except (msgspec.DecodeError, msgspec.ValidationError, OSError) as error:
        raise ProfileError(f"{path}: {error}") from error


def save(profiles: Profiles) -> Path:
    """Write the profiles, whole or not at all; return where to."""
    path = folder() / FILE
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Made for its owner alone from the beginning.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=FILE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(profiles)) + b"\n")
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise
    return path


def chosen(name: str | None, url: str | None) -> Profile:
    """Return the profile that is meant, with what the environment says instead.

    `ZAVORA_URL`, `ZAVORA_TOKEN` or `ZAVORA_KEY` and `ZAVORA_SECRET`, `ZAVORA_ACCOUNT`; a credential
    of the environment takes the place of the profile's, of whatever kind. Raises ProfileError.
    """
    profiles, environment = load(), os.environ
    name = name or environment.get("ZAVORA_PROFILE")
    if name and name not in profiles.profiles:
        known = ", ".join(profiles.profiles) or "none; `zavora login` makes one"
        raise ProfileError(f"There is no profile {name}; there are: {known}")
    profile = profiles.profiles.get(name or profiles.current, Profile())
    said = {
        field: value
        for field in ("url", "token", "key", "secret", "account")
        if (value := environment.get(f"ZAVORA_{field.upper()}"))
    }
    if said.keys() & {"token", "key"}:
        profile = structs.replace(profile, token=None, key=None, secret=None)
    if url:
        said["url"] = url
    return structs.replace(profile, **said)
