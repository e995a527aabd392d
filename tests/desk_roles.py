"""Who may be at the desk: somebody with permissions, and the roles that the migration makes."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final, NamedTuple

# Who may: the name of a permission, or one of these.
NOBODY: Final = "nobody"
SUPERUSER: Final = "superusers"
STAFF: Final = "staff"
ANYBODY: Final = "anybody"


class Role(NamedTuple):
    """Somebody at the door. ``permissions`` are what they were given by name."""

    name: str
    is_staff: bool = True
    is_superuser: bool = False
    permissions: frozenset[str] = frozenset()

    @property
    def is_known(self) -> bool:
        """Return whether somebody of this role is logged in."""
        return self.name != "anonymous"

    def has(self, who: str) -> bool:
        """Return whether this role is among ``who`` of the tables."""
        if who == ANYBODY:
            return True
        if who == NOBODY or not self.is_staff:
            return False
        if who == STAFF or self.is_superuser:
            return True
        return who in self.permissions


_ROLES: Final[Any] = import_module("accounts.migrations.0014_approvals")
_MORE: Final[Any] = import_module("accounts.migrations.0018_notes")
_PERSONS: Final[Any] = import_module("accounts.migrations.0021_privacy")
_ENDS: Final[Any] = import_module("matching.migrations.0014_calendars")
# What later migrations let them look at.
_LOOKS: Final[Any] = [
    model
    for name in ("0019_providers", "0020_members")
    for model in import_module(f"accounts.migrations.{name}").LOOK
]


def granted(role: str) -> frozenset[str]:
    """Return the permissions of one of the roles that the migrations make."""
    looks = [("accounts", model, f"view_{model}") for model in (*_ROLES.LOOK, *_LOOKS)]
    looks += [("matching", model, f"view_{model}") for model in _ROLES.LOOK_AT_MARKETS]
    if role in _PERSONS.ROLES:
        looks += [(app, model, f"view_{model}") for app, model, _ in _PERSONS.LOOK_AT_SIGN_IN]
    looks += [("matching", model, name) for model, name, _ in _ENDS.ROLES.get(role, ())]
    return frozenset(f"{app}.{codename}" for app, _, codename in (*looks, *_ROLES.ROLES[role])) | {
        f"accounts.{codename}"
        for _, codename, _ in (*_MORE.ROLES[role], *_PERSONS.ROLES.get(role, ()))
    }


DESK_ROLES: Final[Mapping[str, frozenset[str]]] = {name: granted(name) for name in _ROLES.ROLES}
