"""Who is asking: the one shape in which every edge knows the owner of a request.

A caller comes from a bearer token or from a browser session; what it may do is in its scopes and
its accounts, wherever it came from. What a role in an account allows is said here, once, for edges
(``Caller``) and for services (``accounts.access.rights``).
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from accounts.access.actor import Actor, ActorKind, require_scope
from accounts.models import ApiKey, MemberRole
from zavora.foundation.errors import AccountNotFound, Forbidden

SCOPE_READ: Final = "read"
SCOPE_TRADE: Final = "trade"
SCOPE_WITHDRAW: Final = "withdraw"
SCOPES: Final = (SCOPE_READ, SCOPE_TRADE, SCOPE_WITHDRAW)


class Role(StrEnum):
    """What somebody is to an account: its owner, or a member by the owner's invitation."""

    OWNER = "owner"
    TRADER = MemberRole.TRADER.value
    VIEWER = MemberRole.VIEWER.value


# What each may do with the account, in the words of scopes; a credential never reaches beyond.
# Whatever changes the account itself or takes money out of it is the owner's alone.
ROLE_SCOPES: Final[Mapping[Role, frozenset[str]]] = {
    Role.OWNER: frozenset(SCOPES),
    Role.TRADER: frozenset((SCOPE_READ, SCOPE_TRADE)),
    Role.VIEWER: frozenset((SCOPE_READ,)),
}


def require_in_role(role: Role, scope: str) -> None:
    """Raise Forbidden unless a role allows what a scope does."""
    if scope not in ROLE_SCOPES[role]:
        raise Forbidden(f"a {role} of this account may not {scope}", role=role.value)


def require_owner(role: Role) -> None:
    """Raise Forbidden where somebody is but a member of an account."""
    if role is not Role.OWNER:
        raise Forbidden("only the account's owner may do this", role=role.value)


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
    # The markets, by their symbols, that its orders are limited to, if they are.
    only_markets: frozenset[str] | None = None
    # Of a session: when it last showed a second factor, in seconds since 1970.
    confirmed_at: float = 0.0
    # Roles in accounts of others, by primary key; the caller owns all the rest of ``accounts``.
    roles: Mapping[int, Role] = {}

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

    def require_market(self, symbol: str) -> None:
        """Raise Forbidden unless the credential may change orders in a market."""
        if self.only_markets is not None and symbol not in self.only_markets:
            raise Forbidden("this key is limited to other markets", market=symbol)

    def require_all_markets(self) -> None:
        """Raise Forbidden unless the credential may change orders in whatever market."""
        if self.only_markets is not None:
            raise Forbidden("this key is limited to some markets")

    def account_pk(self, public_id: UUID, scope: str = SCOPE_READ) -> int:
        """Return the primary key of an account in which the caller may do what a scope says.

        Raises AccountNotFound for one that is out of reach, Forbidden where the role is too low.
        """
        pk = self.accounts.get(public_id)
        if pk is None:
            raise AccountNotFound("no such account")
        self.require_in(pk, scope)
        return pk

    def own_account_pk(self, public_id: UUID) -> int:
        """Return the primary key of an account that the caller owns; raises as ``account_pk``."""
        pk = self.account_pk(public_id)
        require_owner(self.role_in(pk))
        return pk

    def role_in(self, account_pk: int) -> Role:
        """Return what the caller is to an account that is within reach."""
        return self.roles.get(account_pk, Role.OWNER)

    def require_in(self, account_pk: int, scope: str) -> None:
        """Raise Forbidden unless the caller's role in an account allows what a scope says."""
        if account_pk in self.roles:
            require_in_role(self.roles[account_pk], scope)

    @property
    def meant_by_all(self) -> Mapping[UUID, int]:
        """Return which accounts are meant where none is named: one's own, or the credential's one.

        A trader who leaves the page must not cancel what is in an account of somebody else's.
        """
        if not self.roles or self.only_account is not None:
            return self.accounts
        return {public: pk for public, pk in self.accounts.items() if pk not in self.roles}


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
