"""Another e-mail address for somebody: a link mailed to the new one makes it theirs.

The old one gets a link by which it is undone for a while, by whoever reads it: then it was not the
person who changed it. Both links are signed and kept nowhere: what they say is in them.
"""

from datetime import datetime
from typing import Any, Final

import msgspec
from allauth.account.models import EmailAddress
from django.core import signing
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.access.actor import Actor, ActorKind
from accounts.audit import record_act
from accounts.models import ApiKey, User
from accounts.notices import publish_credentials_on_commit
from accounts.people.locks import lock_user
from accounts.people.pauses import pause_withdrawals
from accounts.people.services import lock_address, normalized
from accounts.people.sessions import end_all_sessions
from zavora.foundation.errors import Conflict, Forbidden, ValidationFailed

CHANGE_HOURS: Final = 24
UNDO_HOURS: Final = 72
LINK_LENGTH_MAX: Final = 1_500
_CHANGE_SALT: Final = "zavora.accounts.new_email"
_UNDO_SALT: Final = "zavora.accounts.old_email"
NOT_VALID: Final = "this link is not valid any more"


class EmailLink(msgspec.Struct, frozen=True):
    """What a link says: whose addresses these are, and what held when it was made."""

    user_id: int
    old: str
    new: str
    state: str = ""


def change_link(user: User, email: str) -> str:
    """Return the token of a link that makes an address a user's; another password ends it."""
    link = EmailLink(user.pk, user.email, normalized(email), _state_of(user))
    return signing.dumps(msgspec.structs.astuple(link), salt=_CHANGE_SALT)


def undo_link(link: EmailLink) -> str:
    """Return the token of a link that gives the old address back."""
    return signing.dumps((link.user_id, link.old, link.new), salt=_UNDO_SALT)


def read_change_link(token: str) -> EmailLink | None:
    """Return what a link to a new address says; None where it is forged, or its time is over."""
    return _read(token, _CHANGE_SALT, CHANGE_HOURS)


def read_undo_link(token: str) -> EmailLink | None:
    """Return what a link back to the old address says; None as for the other."""
    return _read(token, _UNDO_SALT, UNDO_HOURS)


@transaction.atomic(durable=True)
def change_email(*, by: Actor, token: str, now: datetime | None = None) -> EmailLink:
    """Make an address one's own, by the link that was mailed there; withdrawals pause.

    Return what the link said. Raises Forbidden where it is not, or no longer, good, and for keys
    and the exchange itself; Conflict where the address is somebody's by now.
    """
    link, user = _lock(by, read_change_link(token))
    if user.email != link.old or _state_of(user) != link.state:
        raise Forbidden(NOT_VALID)
    _give(user, link.new)
    pause_withdrawals(user, now=now or timezone.now())
    record_act(by, "user.change_email", f"user:{user.pk}", is_undone=False)
    publish_credentials_on_commit(user.pk)
    return link


@transaction.atomic(durable=True)
def undo_email_change(*, by: Actor, token: str, now: datetime | None = None) -> EmailLink:
    """Give somebody their old address back, by the link that was mailed there.

    It was not they who changed it: every session and every key ends, nobody has the password any
    more, and withdrawals pause; a mailed link leads to a new password. Raises as ``change_email``.
    """
    link, user = _lock(by, read_undo_link(token))
    if user.email == link.old:
        raise Forbidden(NOT_VALID)
    now = now or timezone.now()
    _give(user, link.old)
    user.set_unusable_password()
    user.save(update_fields=["password"])
    keys = ApiKey.objects.filter(owner=user, revoked_at=None).update(revoked_at=now)
    end_all_sessions(user.pk)
    pause_withdrawals(user, now=now)
    record_act(by, "user.change_email", f"user:{user.pk}", is_undone=True, revoked_keys=keys)
    return link


def _lock(by: Actor, link: EmailLink | None) -> tuple[EmailLink, User]:
    """Return what a link says and whose it is, locked; raise Forbidden."""
    if link is None or by.kind is not ActorKind.USER or by.user_id != link.user_id:
        raise Forbidden(NOT_VALID)
    user = lock_user(link.user_id)
    if not user.is_active:
        raise Forbidden(NOT_VALID)
    return link, user


def _give(user: User, email: str) -> None:
    lock_address(email)
    if User.objects.filter(email=email).exists():
        raise Conflict("this e-mail address has an account already", email="taken")
    user.email = email
    user.save(update_fields=["email"])
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)


def _state_of(user: User) -> str:
    return salted_hmac(_CHANGE_SALT, user.password, algorithm="sha256").hexdigest()[:16]


def _read(token: str, salt: str, hours: int) -> EmailLink | None:
    if len(token) > LINK_LENGTH_MAX:
        return None
    try:
        said: Any = signing.loads(token, salt=salt, max_age=hours * 3_600)
        return EmailLink(*said)
    except (signing.BadSignature, TypeError, ValueError):
        return None


def checked_new_email(user: User, email: str) -> str:
    """Return an address as it is kept; raise ValidationFailed for the one that the user has."""
    email = normalized(email)
    if email == user.email:
        raise ValidationFailed("it is your address already", email="expected another address")
    return email
