"""Who is asking: the one shape in which every edge knows the owner of a request.

A caller comes from a bearer token or from a browser session; what it may do is in its scopes and
its accounts, wherever it came from.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from accounts.access.actor import Actor, ActorKind, require_scope
from accounts.models import ApiKey
from zavora.foundation.errors import AccountNotFound

SCOPE_READ: Final = "read"
SCOPE_TRADE: Final = "trade"
SCOPE_WITHDRAW: Final = "withdraw"
SCOPES: Final = (SCOPE_READ, SCOPE_TRADE, SCOPE_WITHDRAW)


KIND_BEARER: Final = ApiKey.Kind.BEARER.value
# Keys that sign requests, unlike bearer tokens.
KIND_HMAC: Final = ApiKey.Kind.HMAC.value
KIND_ED25519: Final = ApiKey.Kind.ED25519.value
KINDS: Final = tuple(kind.value for kind in ApiKey.Kind)
SIGNING_KINDS: Final = tuple(kind.value for kind in ApiKey.Kind if kind is not ApiKey.Kind.BEARER)


class Caller(msgspec.Struct, frozen=True):
    """A user and what this credential of theirs allows.

    ``accounts`` maps public ids to primary keys of the accounts that the credential reaches.
    ``key_id`` is None for a browser session. An empty ``ip_allowed`` allows every address.
    """

    user_id: int
    email: str
    key_id: int | None
    scopes: frozenset[str]
    accounts: dict[UUID, int]
    ip_allowed: tuple[str, ...] = ()
    expires_at: datetime | None = None
    # The one account that the credential is limited to, if it is.
    only_account: int | None = None
    # Of a session: when it last showed a second factor, in seconds since 1970.
    confirmed_at: float = 0.0

    def actor(self, *, address: str = "", request_id: str = "") -> Actor:
        """Return this caller as an actor: a customer, whatever else the person may be."""
        return Actor(
            kind=ActorKind.USER if self.key_id is None else ActorKind.KEY,
            name=self.email,
            user_id=self.user_id,
            key_id=self.key_id,
            address=address,
            request_id=request_id,
            scopes=self.scopes,
            only_account=self.only_account,
            confirmed_at=self.confirmed_at,
        )

    def require(self, scope: str) -> None:
        """Raise Forbidden unless the credential has ``scope``."""
        require_scope(self.scopes, scope)

    def account_pk(self, public_id: UUID) -> int:
        """Return the primary key of one of the caller's accounts, else raise AccountNotFound."""
        pk = self.accounts.get(public_id)
        if pk is None:
            raise AccountNotFound("no such account")
        return pk


class SigningKey(msgspec.Struct, frozen=True):
    """A key that signs requests, and the account that it speaks for where a call names none.

    ``material`` is what verifies a signature: the HMAC secret, the 32 bytes of an Ed25519 public
    key, or an RSA public key in DER.
    """

    kind: str
    caller: Caller
    account_pk: int
    account_id: UUID
    material: bytes

    @property
    def user_id(self) -> int:
        """Return whose key it is."""
        return self.caller.user_id
