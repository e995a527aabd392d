"""What services refuse about keys and tokens."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils import timezone

from accounts import services as accounts
from accounts.access.actor import Actor, Permission
from tests.actors import SYSTEM, customer, operator
from tests.rules.refusing import NOT_SUPERUSER, Call, Things, all_but, key


def _token(by: Actor, things: Things, **more: Any) -> object:
    asked = {"user_id": things.user.pk, "scopes": ["read"], **more}
    return accounts.create_token(by=by, **asked)


def _api_key(by: Actor, things: Things, **more: Any) -> object:
    asked = {
        "user_id": things.user.pk, "account_id": things.account, "kind": "hmac",
        "scopes": ["read"], **more,
    }  # fmt: skip
    return accounts.create_api_key(by=by, **asked)


def _own_key(by: Actor, **more: Any) -> object:
    kind, pem = more.pop("kind", "hmac"), more.pop("pem", None)
    terms = accounts.KeyTerms(**{"scopes": ["read"], **more})
    return accounts.create_key(by=by, kind=kind, terms=terms, public_key_pem=pem)


def _rename_key(by: Actor, things: Things, label: str = "new") -> object:
    return accounts.rename_key(by=by, key_id=things.key, label=label)


REFUSED_KEYS: Final[Mapping[str, tuple[Call, ...]]] = {
    "create_token": (
        lambda ann, bob: _token(customer(bob.user), ann),
        lambda ann, bob: _token(key(ann, "read", "trade", "withdraw"), ann),
        lambda ann, bob: _token(all_but(Permission.ADD_KEY), ann),
        lambda ann, bob: _token(customer(ann.user), ann, scopes=["everything"]),
        lambda ann, bob: _token(customer(ann.user), ann, account_id=bob.account),
        lambda ann, bob: _token(customer(ann.user), ann, expires_at=timezone.now()),
    ),
    "create_api_key": (
        lambda ann, bob: _api_key(customer(bob.user), ann),
        lambda ann, bob: _api_key(key(ann, "read", "trade", "withdraw"), ann),
        lambda ann, bob: _api_key(all_but(Permission.ADD_KEY), ann),
        lambda ann, bob: _api_key(customer(ann.user), ann, account_id=bob.account),
        lambda ann, bob: _api_key(customer(ann.user), ann, ip_allowed=["here"]),
        lambda ann, bob: _api_key(customer(ann.user), ann, kind="bearer"),
    ),
    "create_key": (
        lambda ann, bob: _own_key(SYSTEM),
        lambda ann, bob: _own_key(NOT_SUPERUSER),
        lambda ann, bob: _own_key(key(ann, "read", "trade", "withdraw")),
        lambda ann, bob: _own_key(customer(ann.user), scopes=["withdraw"]),
        lambda ann, bob: _own_key(customer(ann.user), scopes=[]),
        lambda ann, bob: _own_key(customer(ann.user), account_id=bob.account),
        lambda ann, bob: _own_key(customer(ann.user), ip_allowed=["fe80::1%eth0"]),
        lambda ann, bob: _own_key(customer(ann.user), kind="ed25519"),
        lambda ann, bob: _own_key(customer(ann.user), kind="rsa", pem="none"),
        lambda ann, bob: _own_key(customer(ann.user), kind="bearer", pem="none"),
        lambda ann, bob: _own_key(customer(ann.user), kind="dsa"),
    ),
    "rename_key": (
        lambda ann, bob: _rename_key(customer(bob.user), ann),
        lambda ann, bob: _rename_key(key(ann, "read", "trade", "withdraw"), ann),
        lambda ann, bob: _rename_key(all_but(Permission.REVOKE_KEY), ann),
        lambda ann, bob: _rename_key(customer(ann.user), ann, "x" * 65),
        lambda ann, bob: _rename_key(customer(ann.user), ann, "a\0b"),
    ),
    "reseal_factors": (
        lambda ann, bob: accounts.reseal_factors(by=customer(ann.user), after_id=0, size=1),
        lambda ann, bob: accounts.reseal_factors(by=operator(), after_id=0, size=1),
        lambda ann, bob: accounts.reseal_factors(by=SYSTEM, after_id=0, size=0),
        lambda ann, bob: accounts.reseal_factors(by=SYSTEM, after_id=0, size=5_001),
    ),
    "reseal_secrets": (
        lambda ann, bob: accounts.reseal_secrets(by=customer(ann.user), after_id=0, size=1),
        lambda ann, bob: accounts.reseal_secrets(by=operator(), after_id=0, size=1),
        lambda ann, bob: accounts.reseal_secrets(by=SYSTEM, after_id=0, size=0),
        lambda ann, bob: accounts.reseal_secrets(by=SYSTEM, after_id=0, size=5_001),
    ),
    "revoke_key": (
        lambda ann, bob: accounts.revoke_key(by=customer(bob.user), key_id=ann.key),
        lambda ann, bob: accounts.revoke_key(by=key(ann, "read", "trade"), key_id=ann.key),
        lambda ann, bob: accounts.revoke_key(by=all_but(Permission.REVOKE_KEY), key_id=ann.key),
        lambda ann, bob: accounts.revoke_key(by=SYSTEM, key_id=0),
    ),
}
