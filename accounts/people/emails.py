"""E-mail addresses: whose are proved.

A person has one, which is the one they log in by; the row of allauth beside it says whether they
have shown that mail to it reaches them.
"""

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import F

from accounts.access.actor import Actor
from accounts.audit import record_act
from accounts.models import User
from accounts.people.locks import lock_user
from zavora.foundation.errors import Forbidden, NotFound


def add_email(user: User, *, is_proved: bool) -> EmailAddress:
    """Write down a new user's address in the present transaction."""
    return EmailAddress.objects.create(
        user=user, email=user.email, primary=True, verified=is_proved
    )


def has_proved_email(user_id: int) -> bool:
    """Tell whether somebody who is let in has proved the address that they log in by."""
    rows = EmailAddress.objects.filter(user_id=user_id, user__is_active=True, verified=True)
    return rows.filter(email=F("user__email")).exists()


@transaction.atomic(durable=True)
def confirm_own_email(*, by: Actor, email: str) -> None:
    """Take an address as proved, by the link that was mailed there; again is fine.

    Raises Forbidden for the exchange itself, which has none, and NotFound for an address that is
    not theirs, or no longer.
    """
    if by.user_id is None:
        raise Forbidden("only people have e-mail addresses")
    user = lock_user(by.user_id)
    row = EmailAddress.objects.filter(user=user, email=email).first()
    if row is None or user.email != email or not user.is_active:
        raise NotFound("no such e-mail address")
    if not row.verified:
        row.verified = True
        row.save(update_fields=["verified"])
        record_act(by, "user.confirm_email", f"user:{user.pk}")
