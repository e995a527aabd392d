"""A new password for somebody who lost theirs: a link that works once, and only they set it.

It is mailed to the person, or an operator makes it and hands it over; no operator chooses or learns
a password. The link carries a signature over the user's present password, last log-in and rights,
so a new one of any of them, or a day's time, ends it. What it leads to ends every session of the
user.
"""

from typing import Any, Final

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import transaction
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from accounts.access.actor import Actor, ActorKind, Permission
from accounts.access.rights import is_privileged
from accounts.audit import record_act
from accounts.models import User
from accounts.people.locks import lock_user
from accounts.people.passwords import set_password
from accounts.people.pauses import pause_withdrawals
from zavora.foundation.errors import Forbidden, NotFound

RESET_LINK_HOURS: Final = settings.PASSWORD_RESET_TIMEOUT // 3600
USER_REFERENCE_LENGTH_MAX: Final = 32


class _ResetTokens(PasswordResetTokenGenerator):
    """Django's tokens, which a change of rights ends as well."""

    key_salt = "accounts.people.password_links"

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        rights = (user.is_active, user.is_staff, user.is_superuser)
        return f"{super()._make_hash_value(user, timestamp)}{rights}"


reset_tokens: Final = _ResetTokens()


@transaction.atomic(durable=True)
def make_reset_link(*, by: Actor, user_id: int) -> tuple[str, str]:
    """Return what the address of a reset page is made of: the user's reference and the token.

    Raises Forbidden (for staff to all but superusers), or NotFound, for a user shut out, too.
    """
    by.require(Permission.MAKE_RESET_LINK)
    user = lock_user(user_id)
    by.require_over(is_privileged=is_privileged(user), what="make reset links")
    if not user.is_active:
        raise NotFound("the user is shut out")
    record_act(by, "user.reset_link", f"user:{user.pk}")
    return link_parts(user)


def link_parts(user: User) -> tuple[str, str]:
    """Return what the address of a user's reset page is made of, for whoever may have it."""
    return urlsafe_base64_encode(force_bytes(user.pk)), reset_tokens.make_token(user)


def find_user_of_link(reference: str) -> User | None:
    """Return the user that a reset page's address names; whether the token fits is not asked."""
    if len(reference) > USER_REFERENCE_LENGTH_MAX:
        return None
    try:
        return User.objects.filter(pk=int(urlsafe_base64_decode(reference))).first()
    except (ValueError, OverflowError):
        return None


@transaction.atomic(durable=True)
def reset_password(
    *, user_id: int, token: str, password: str, address: str = "", request_id: str = ""
) -> User:
    """Give a user the password that they chose, by a link's token, which works this once.

    Withdrawals pause for a while. Raises Forbidden where the token is not, or no longer, good, and
    ValidationFailed for a weak password; then nothing was written.
    """
    user = lock_user(user_id)
    if not user.is_active or not reset_tokens.check_token(user, token):
        raise Forbidden("this link is not valid any more")
    set_password(user, password)
    pause_withdrawals(user, now=timezone.now())
    actor = Actor(
        kind=ActorKind.USER, name=user.email, user_id=user.pk,
        address=address, request_id=request_id,
    )  # fmt: skip
    record_act(actor, "user.reset_password", f"user:{user.pk}")
    return user
