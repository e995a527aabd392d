"""Bearer tokens: made once, shown once, kept hashed. And what holds for keys of every kind."""

import ipaddress
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import transaction
from django.utils import timezone

from accounts.access.actor import Actor, ActorKind, Permission
from accounts.access.callers import ROLE_SCOPES, SCOPE_WITHDRAW, SCOPES, Role
from accounts.access.confirmation import require_factor_to_withdraw
from accounts.access.key_secrets import token_digest
from accounts.access.rights import SHARED, is_privileged
from accounts.audit import record_act
from accounts.models import Account, ApiKey, Asset, Membership, User
from accounts.notices import publish_credentials_on_commit
from accounts.people.services import LABEL_LENGTH_MAX
from zavora.foundation.errors import Conflict, Forbidden, NotFound, ValidationFailed

TOKEN_PREFIX: Final = "zvr_"  # noqa: S105 - what tokens begin with is no secret
TOKEN_BYTES: Final = 32
TOKENS_OF_A_USER_MAX: Final = 1_000
# What people make themselves: as many at a time, and in a day, revoked ones included.
KEYS_OF_ONES_OWN_MAX: Final = 50
KEYS_MADE_A_DAY_MAX: Final = 100
IPS_MAX: Final = 30
MARKETS_MAX: Final = 50
SYMBOL_LENGTH_MAX: Final = 33
_DAY: Final = timedelta(days=1)


class KeyTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a key may do, from where and until when.

    ``account_id`` limits it to one account, ``ip_allowed`` to some addresses; without them it
    reaches all accounts of its owner, from everywhere. ``markets`` limits its orders to these
    symbols ("BTC/EUR"), and nothing else that it may.
    """

    scopes: Sequence[str]
    label: str = ""
    account_id: UUID | None = None
    ip_allowed: Sequence[str] = ()
    markets: Sequence[str] = ()
    expires_at: datetime | None = None


@transaction.atomic(durable=True)
def create_token(
    *,
    by: Actor,
    user_id: int,
    scopes: Sequence[str],
    label: str = "",
    expires_at: datetime | None = None,
    account_id: UUID | None = None,
) -> tuple[ApiKey, str]:
    """Make a bearer token; return its row and its text, which is never shown again.

    ``account_id`` limits it to one account. Raises Forbidden, NotFound, ValidationFailed.
    """
    owner = lock_owner(by, user_id)
    terms = KeyTerms(scopes=scopes, label=label, account_id=account_id, expires_at=expires_at)
    return add_token(by, owner, terms)


def add_token(by: Actor, owner: User, terms: KeyTerms) -> tuple[ApiKey, str]:
    """Add a bearer token of a locked user, in the present transaction."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    row = add_key(by, owner, terms, kind=ApiKey.Kind.BEARER, lookup=token_digest(token))
    return row, token


def lock_owner(by: Actor, user_id: int) -> User:
    """Lock and return whose key is about to be made.

    One makes keys for oneself, at a session; for somebody else only with the permission. Raises
    Forbidden, NotFound, or Conflict where the user has too many keys.
    """
    is_own = by.kind is ActorKind.USER and by.user_id == user_id
    if by.kind is ActorKind.KEY and by.user_id == user_id:
        raise Forbidden("a key may not make keys: log in with a browser")
    if not is_own:
        by.require(Permission.ADD_KEY)
    user = User.objects.select_for_update().filter(pk=user_id, is_active=True).first()
    if user is None:
        raise NotFound("no such user")
    if not by.is_customer:
        by.require_over(is_privileged=is_privileged(user), what="make keys")
    count_max = KEYS_OF_ONES_OWN_MAX if is_own else TOKENS_OF_A_USER_MAX
    if user.api_keys.filter(revoked_at__isnull=True).count() >= count_max:
        raise Conflict(f"a user has at most {count_max} keys")
    newest = user.api_keys.filter(created_at__gt=timezone.now() - _DAY)
    if is_own and newest.count() >= KEYS_MADE_A_DAY_MAX:
        raise Conflict(f"at most {KEYS_MADE_A_DAY_MAX} keys are made in a day")
    return user


def add_key(
    by: Actor, owner: User, terms: KeyTerms, *, kind: str, lookup: str, secret: bytes | None = None
) -> ApiKey:
    """Add a key of a locked user, in the present transaction.

    Raises ValidationFailed, or Forbidden where one that may withdraw asks for a second factor.
    """
    account, wrong = _checked_account(owner, terms.account_id, terms.scopes)
    addresses, wrong_addresses = _checked_addresses(terms.ip_allowed)
    wrong = _wrong_terms(terms) | _wrong_markets(terms.markets) | wrong_addresses | wrong
    if by.is_customer and SCOPE_WITHDRAW in terms.scopes and not terms.ip_allowed:
        wrong.setdefault("ip", f"expected addresses: a key that may {SCOPE_WITHDRAW} needs them")
    if wrong:
        raise ValidationFailed("this makes no key", **wrong)
    if SCOPE_WITHDRAW in terms.scopes:
        require_factor_to_withdraw(by)
    row = ApiKey.objects.create(
        owner=owner,
        kind=kind,
        lookup=lookup,
        secret=secret,
        label=terms.label,
        scopes=[scope for scope in SCOPES if scope in terms.scopes],
        ip_allowed=addresses,
        account=account,
        markets=sorted(set(terms.markets)) or None,
        expires_at=terms.expires_at,
    )
    record_key(by, "key.create", row)
    publish_credentials_on_commit(owner.pk)
    return row


def _wrong_terms(terms: KeyTerms) -> dict[str, str]:
    """Return what was expected of each term that is not as it must be."""
    wrong = _wrong_label(terms.label)
    if not terms.scopes or any(scope not in SCOPES for scope in terms.scopes):
        wrong["scopes"] = "expected one or more of " + ", ".join(SCOPES)
    if terms.expires_at is not None and terms.expires_at <= timezone.now():
        wrong["expires_at"] = "expected a time in the future"
    return wrong


def _wrong_label(label: str) -> dict[str, str]:
    if len(label) <= LABEL_LENGTH_MAX and label.isprintable():
        return {}
    return {"label": f"expected at most {LABEL_LENGTH_MAX} printable characters"}


def _checked_account(
    owner: User, account_id: UUID | None, scopes: Sequence[str]
) -> tuple[Account | None, dict[str, str]]:
    """Return the account that a key is limited to: the user's own, or one shared with them."""
    if account_id is None:
        return None, {}
    account = owner.accounts.filter(public_id=account_id).first()
    if account is not None:
        return account, {}
    # Locked: a membership that ends takes the keys along that it made possible.
    members = Membership.objects.select_for_update(of=("self",)).select_related("account")
    shared = members.filter(SHARED, user=owner, account__public_id=account_id).first()
    if shared is None:
        return None, {"account": "expected one of the user's"}
    allowed = [scope for scope in SCOPES if scope in ROLE_SCOPES[Role(shared.role)]]
    if set(scopes) <= set(allowed):
        return shared.account, {}
    expected = " and ".join(allowed)
    return None, {"scopes": f"expected no more than a {shared.role} may: {expected}"}


def _checked_addresses(ip_allowed: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return addresses in their plain form, each once."""
    if len(ip_allowed) > IPS_MAX:
        return [], {"ip": f"expected at most {IPS_MAX}"}
    try:
        plain = [str(ipaddress.ip_address(one)) for one in ip_allowed]
    except ValueError:
        return [], {"ip": "expected IPv4 or IPv6 addresses"}
    if any("%" in one for one in plain):
        return [], {"ip": "expected addresses without a zone"}
    return list(dict.fromkeys(plain)), {}


def _wrong_markets(markets: Sequence[str]) -> dict[str, str]:
    """Return what was expected of symbols that are none: each is of two assets that there are."""
    parts = [symbol.partition("/") for symbol in markets[:MARKETS_MAX]]
    codes = {code for base, _, quote in parts for code in (base, quote)}
    # All of them are read: what somebody sends may be text that no database takes.
    known = set(Asset.objects.values_list("code", flat=True))
    if len(markets) <= MARKETS_MAX and codes <= known:
        return {}
    return {"markets": f"expected at most {MARKETS_MAX}, by symbols such as BTC/EUR"}


# --- what becomes of a key ------------------------------------------------------------------------


@transaction.atomic(durable=True)
def revoke_key(*, by: Actor, key_id: int) -> ApiKey:
    """Make a key worthless from now on; again is fine.

    Its owner may at a session, an operator with the permission. Raises Forbidden, or NotFound, for
    somebody else's key, too, where a customer asks.
    """
    found = _lock_key(by, key_id, what="revoke keys")
    if found.revoked_at is None:
        found.revoked_at = timezone.now()
        found.save(update_fields=["revoked_at"])
        ended = found.revoked_at.isoformat()
        record_key(by, "key.revoke", found, was={"revoked_at": None}, now={"revoked_at": ended})
        publish_credentials_on_commit(found.owner_id)
    return found


@transaction.atomic(durable=True)
def rename_key(*, by: Actor, key_id: int, label: str) -> ApiKey:
    """Give a key another name for people; the same once more is fine.

    Raises as ``revoke_key``, ValidationFailed for a bad name, Conflict for a revoked key.
    """
    found = _lock_key(by, key_id, what="rename keys")
    if wrong := _wrong_label(label):
        raise ValidationFailed("bad label", **wrong)
    if found.revoked_at is not None:
        raise Conflict("the key is revoked")
    if found.label != label:
        was, found.label = found.label, label
        found.save(update_fields=["label"])
        record_key(by, "key.change", found, was={"label": was}, now={"label": label})
    return found


def _lock_key(by: Actor, key_id: int, *, what: str) -> ApiKey:
    """Lock and return a key that ``by`` may change. Raises Forbidden, NotFound."""
    keys = ApiKey.objects.select_for_update(of=("self",)).select_related("owner")
    found = keys.filter(pk=key_id).first()
    if by.is_customer:
        if found is None or by.kind is not ActorKind.USER or found.owner_id != by.user_id:
            raise NotFound("no such key")
        return found
    by.require(Permission.REVOKE_KEY)
    if found is None:
        raise NotFound("no such key")
    by.require_over(is_privileged=is_privileged(found.owner), what=what)
    return found


def record_key(by: Actor, act: str, key: ApiKey, **more: Any) -> None:
    """Write down what was done to a key: which, and what it may, but never its secret."""
    limits: dict[str, Any] = {
        "kind": str(key.kind),
        "scopes": key.scopes,
        "account": key.account_id,
        "markets": key.markets,
        "ip_allowed": key.ip_allowed,
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
    }
    record_act(by, act, f"user:{key.owner_id}", key=key.pk, label=key.label, **limits, **more)
