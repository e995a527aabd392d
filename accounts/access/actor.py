"""Who acts, from where, and what they may do: the one shape in which a service knows its caller.

An edge makes the actor; the service asks it. Only the operators' pages give an actor the
permissions of its user: at every other door the same person is a customer like any other, so a
token or a session there carries no more rights than its scopes. Customers act on what is their own
(``accounts.access.rights``), operators by permission, the exchange itself as it must.
"""

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Final

import msgspec

from zavora.foundation.errors import Forbidden

NAME_LENGTH_MAX: Final = 100
ADDRESS_LENGTH_MAX: Final = 45  # an IPv6 address with an IPv4 one in it
REQUEST_ID_LENGTH_MAX: Final = 36


def require_scope(scopes: Collection[str], scope: str) -> None:
    """Raise Forbidden unless ``scope`` is among what a credential holds."""
    if scope not in scopes:
        raise Forbidden(f"this credential lacks the scope {scope}", scope=scope)


class Permission(StrEnum):
    """What an operator may be allowed: the names of Django's permissions."""

    ADD_USER = "accounts.add_user"
    CHANGE_USER = "accounts.change_user"
    MAKE_RESET_LINK = "accounts.make_reset_link"
    ADD_ACCOUNT = "accounts.add_account"
    CHANGE_ACCOUNT = "accounts.change_account"
    CHANGE_FEES = "accounts.change_fees"
    CANCEL_ORDERS = "accounts.cancel_orders"
    ADD_NOTE = "accounts.add_note"
    ADD_KEY = "accounts.add_apikey"
    REVOKE_KEY = "accounts.change_apikey"
    ADD_ASSET = "accounts.add_asset"
    CHANGE_ASSET = "accounts.change_asset"
    CREDIT_DEPOSIT = "accounts.add_deposit"
    DECIDE_WITHDRAWAL = "accounts.change_withdrawal"
    APPROVE_WITHDRAWAL = "accounts.approve_withdrawals"
    CHANGE_THRESHOLD = "accounts.change_threshold"
    CHANGE_LIMIT = "accounts.change_withdrawallimit"
    CHANGE_LEVEL = "accounts.change_level"
    EXPORT_PERSON = "accounts.export_person"
    ERASE_PERSON = "accounts.erase_person"
    RESET_FACTORS = "accounts.reset_factors"
    DECIDE_PERSON = "accounts.decide_person"
    ADJUST_BALANCE = "accounts.add_ledgertransaction"
    APPROVE_ADJUSTMENT = "accounts.approve_adjustments"
    EXPORT_REPORT = "accounts.export_reports"
    ADD_MARKET = "matching.add_market"
    CHANGE_MARKET = "matching.change_market"
    DELIST_MARKET = "matching.delist_market"


class ActorKind(StrEnum):
    """By which door somebody came."""

    USER = "user"  # a session on the customers' pages or API
    KEY = "key"  # a token or a signing key
    OPERATOR = "operator"  # the operators' pages
    SYSTEM = "system"  # a command, a task, the exchange itself


# The doors of customers, who act on what is their own and on nothing else.
CUSTOMER_KINDS: Final = (ActorKind.USER, ActorKind.KEY)


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts. ``name`` is for pages: an e-mail address, or a command's name.

    What is written for good knows people by number alone (``recorded_name``, ``text``).

    ``scopes`` are what a customer's credential allows; operators and the exchange have none and
    need none. ``only_account`` is set where the credential is limited to one account (its primary
    key). ``reason`` is why an operator acts, in their own words; records of acts have it.
    ``confirmed_at`` is when their session last showed a second factor, in seconds since 1970.
    """

    kind: ActorKind
    name: str
    user_id: int | None = None
    key_id: int | None = None
    address: str = ""
    request_id: str = ""
    scopes: frozenset[str] = frozenset()
    only_account: int | None = None
    confirmed_at: float = 0.0
    permissions: frozenset[str] = frozenset()
    may_everything: bool = False
    reason: str = ""

    @classmethod
    def system(cls, name: str) -> "Actor":
        """Return the exchange's own hand: whoever can run its commands may do everything."""
        return cls(kind=ActorKind.SYSTEM, name=name, may_everything=True)

    @classmethod
    def operator(
        cls,
        *,
        user_id: int,
        name: str,
        permissions: Iterable[str],
        is_superuser: bool,
        address: str = "",
        request_id: str = "",
        reason: str = "",
    ) -> "Actor":
        """Return somebody at the operators' pages, with the permissions that they have just now."""
        return cls(
            kind=ActorKind.OPERATOR,
            name=name,
            user_id=user_id,
            address=address,
            request_id=request_id,
            permissions=frozenset(permissions),
            may_everything=is_superuser,
            reason=reason,
        )

    @property
    def is_customer(self) -> bool:
        """Whether this is a customer, who acts on what is their own and on nothing else."""
        return self.kind in CUSTOMER_KINDS

    @property
    def recorded_name(self) -> str:
        """Return how records of acts call this one: a person ``user:12``, else by the name."""
        return self.name[:NAME_LENGTH_MAX] if self.user_id is None else f"user:{self.user_id}"

    @property
    def text(self) -> str:
        """Return who this is in short, for the journal: ``user:12`` or ``system:name``."""
        if self.user_id is not None:
            return f"user:{self.user_id}"
        name = "".join(letter for letter in self.name if letter.isprintable())
        return f"system:{name[:NAME_LENGTH_MAX]}"

    def may(self, permission: Permission) -> bool:
        """Return whether this actor has a permission."""
        return self.may_everything or permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Raise Forbidden unless this actor has a permission."""
        if not self.may(permission):
            raise Forbidden(
                f"this needs the permission {permission.value}", permission=permission.value
            )

    def require_scope(self, scope: str) -> None:
        """Raise Forbidden where this is a customer whose credential lacks a scope."""
        if self.is_customer:
            require_scope(self.scopes, scope)

    def require_everything(self, what: str) -> None:
        """Raise Forbidden unless this is a superuser or the exchange itself."""
        if not self.may_everything:
            raise Forbidden(f"only a superuser may {what}")

    def require_over(self, *, is_privileged: bool, what: str) -> None:
        """Raise Forbidden where ``what`` touches staff or superusers and this is no superuser.

        That holds for oneself, too: staff give themselves neither money nor rights.
        """
        if is_privileged:
            self.require_everything(f"{what} of staff")
