"""Keys that sign requests: HMAC secrets, sealed at rest, and public keys, of which that is all.

A key has a name, which requests carry, and a secret. The secret is shown once, when it is made;
where the key's owner made the pair, the exchange never sees the private half.
"""

import secrets
import string
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)
from django.db import transaction

from accounts.access.actor import Actor, ActorKind
from accounts.access.callers import SIGNING_KINDS
from accounts.access.key_secrets import seal_secret
from accounts.keys.tokens import KeyTerms, add_key, add_token, lock_owner
from accounts.models import ApiKey, User
from zavora.foundation.errors import Forbidden, ValidationFailed

NAME_LENGTH: Final = 64
SECRET_LENGTH: Final = 64
RSA_BITS_MIN: Final = 2_048
RSA_BITS_MAX: Final = 8_192
RSA_EXPONENT: Final = 65_537
# Of these the exchange keeps the public half.
PAIR_KINDS: Final = (ApiKey.Kind.ED25519.value, ApiKey.Kind.RSA.value)
# Longer texts are no public key of ``RSA_BITS_MAX``.
PEM_LENGTH_MAX: Final = 4_000
_LETTERS: Final = string.ascii_letters + string.digits


class NewApiKey(msgspec.Struct, frozen=True):
    """A key just made, and for which account it speaks.

    ``secret`` is told this once; None where its owner made the pair.
    """

    key_id: int
    key: str
    secret: str | None
    account_id: UUID


@transaction.atomic(durable=True)
def create_api_key(
    *,
    by: Actor,
    user_id: int,
    kind: str,
    scopes: Sequence[str],
    account_id: UUID | None,
    label: str = "",
    ip_allowed: Sequence[str] = (),
    markets: Sequence[str] = (),
    expires_at: datetime | None = None,
    public_key_pem: str | None = None,
) -> NewApiKey:
    """Make a signing key that speaks for one account, and reaches no other.

    Without ``account_id`` it reaches all of its user's accounts, as transfers between them need it,
    and speaks for the oldest one wherever a call names none.

    ``kind``: "hmac", "ed25519" or "rsa"; with ``public_key_pem`` the pair is the owner's own, else
    one is made and its private half returned (PKCS8 PEM). ``ip_allowed``: from where it may be
    used; ``markets``: where its orders go; empty: everywhere. Raises Forbidden, NotFound,
    ValidationFailed or Conflict.
    """
    owner = lock_owner(by, user_id)
    terms = KeyTerms(
        scopes=scopes,
        label=label,
        account_id=account_id,
        ip_allowed=ip_allowed,
        markets=markets,
        expires_at=expires_at,
    )
    row, secret = add_signing_key(by, owner, terms, kind=kind, public_key_pem=public_key_pem)
    speaks_for = row.account or owner.accounts.order_by("pk").first()
    if speaks_for is None:
        raise ValidationFailed("no account", account="expected a user who has one")
    return NewApiKey(row.pk, row.lookup, secret, speaks_for.public_id)


@transaction.atomic(durable=True)
def create_key(
    *, by: Actor, kind: str, terms: KeyTerms, public_key_pem: str | None = None
) -> tuple[ApiKey, str | None]:
    """Make a key of one's own, at a browser session: a key may not make keys.

    ``kind``: "bearer", or as ``create_api_key``. Returns the row and what is told this once: the
    token, the HMAC secret, or None, as of a key pair (``public_key_pem``) the private half stays
    with its owner. A key that may withdraw needs addresses. Raises Forbidden, ValidationFailed,
    or Conflict where there are too many keys.
    """
    if by.kind is not ActorKind.USER or by.user_id is None:
        raise Forbidden("keys are made at a browser session alone")
    owner = lock_owner(by, by.user_id)
    if kind in PAIR_KINDS and public_key_pem is None:
        raise ValidationFailed("this makes no key", public_key="is required: the pair is yours")
    if kind != ApiKey.Kind.BEARER:
        return add_signing_key(by, owner, terms, kind=kind, public_key_pem=public_key_pem)
    if public_key_pem is not None:
        raise ValidationFailed("this makes no key", public_key="expected none for a token")
    return add_token(by, owner, terms)


def add_signing_key(
    by: Actor, owner: User, terms: KeyTerms, *, kind: str, public_key_pem: str | None
) -> tuple[ApiKey, str | None]:
    """Add a signing key of a locked user, in the present transaction; return it and its secret."""
    if kind not in SIGNING_KINDS:
        raise ValidationFailed("bad kind", kind="expected one of " + ", ".join(SIGNING_KINDS))
    name = _random_text(NAME_LENGTH)
    stored, secret = _make(kind, name, public_key_pem)
    return add_key(by, owner, terms, kind=kind, lookup=name, secret=stored), secret


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


# --- key material ---------------------------------------------------------------------------------


def _make(kind: str, name: str, public_key_pem: str | None) -> tuple[bytes, str | None]:
    """Return what is stored of a key, and what its owner is told."""
    if kind == ApiKey.Kind.HMAC:
        if public_key_pem is not None:
            raise ValidationFailed("bad key", public_key="expected none for an HMAC key")
        secret = _random_text(SECRET_LENGTH)
        return seal_secret(secret.encode(), name=name), secret
    if public_key_pem is not None:
        return _material(kind, _loaded(public_key_pem)), None
    private: Ed25519PrivateKey | RSAPrivateKey = (
        Ed25519PrivateKey.generate()
        if kind == ApiKey.Kind.ED25519
        else generate_private_key(public_exponent=RSA_EXPONENT, key_size=RSA_BITS_MIN)
    )
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return _material(kind, private.public_key()), pem.decode()


def _loaded(pem: str) -> object:
    try:
        # A text that is too long is none: what it is made of is not looked at.
        return load_pem_public_key(pem.encode() if len(pem) <= PEM_LENGTH_MAX else b"")
    except (ValueError, UnsupportedAlgorithm):
        raise ValidationFailed("bad key", public_key="expected a public key in PEM") from None


def _material(kind: str, key: object) -> bytes:
    """Return a public key as it is stored: Ed25519 raw, RSA in DER."""
    if kind == ApiKey.Kind.ED25519 and isinstance(key, Ed25519PublicKey):
        return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    if kind == ApiKey.Kind.RSA and isinstance(key, RSAPublicKey):
        if not RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
            expected = f"expected {RSA_BITS_MIN} to {RSA_BITS_MAX} bits"
            raise ValidationFailed("bad key", public_key=expected)
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    raise ValidationFailed("bad key", public_key=f"expected a public key of kind {kind}")
