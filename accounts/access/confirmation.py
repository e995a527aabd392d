"""Whether whoever sits at a session has shown just now that they are who they are.

allauth keeps in the session by what somebody got in, and by what they confirmed it later. A session
that was left open, or a stolen one, is not enough for what is dangerous; nor is a password alone
for somebody who has a second factor.
"""

import time
from typing import Final

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from accounts.access.actor import Actor, ActorKind
from zavora.foundation.errors import Forbidden

# For how long it counts.
CONFIRMED_S: Final = 300
SECOND_FACTORS: Final = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def has_second_factor(user_id: int) -> bool:
    """Return whether a user is asked for more than a password."""
    return Authenticator.objects.filter(user_id=user_id, type__in=SECOND_FACTORS).exists()


def shown_at(request: HttpRequest, user: AbstractBaseUser, *, by_factor: bool) -> float:
    """Return when this session last showed that it is the user's, in seconds since 1970; 0: never.

    With ``by_factor`` only a passkey, an app's code or a recovery code counts.
    """
    records = get_authentication_records(request, user)
    times = [
        float(record["at"]) for record in records if not by_factor or record.get("method") == "mfa"
    ]
    return max(times, default=0.0)


def is_confirmed(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether this session has just shown it, by the strongest that the user has."""
    by_factor = has_second_factor(int(user.pk))
    return time.time() - shown_at(request, user, by_factor=by_factor) < CONFIRMED_S


def require_factor_to_withdraw(by: Actor) -> None:
    """Raise Forbidden where somebody at a session must show a second factor first, and has not.

    That is asked where money leaves, and of keys that may take it out (``ZAVORA_WITHDRAWAL_MFA``).
    What comes by such a key later is bound by the key's own scope, addresses and account.
    """
    if not settings.ZAVORA_WITHDRAWAL_MFA or by.kind is not ActorKind.USER:
        return
    if time.time() - by.confirmed_at >= CONFIRMED_S:
        raise Forbidden(
            "withdrawing at a session asks for a second factor, shown within the last"
            f" {CONFIRMED_S // 60} minutes",
            confirm="/account/confirm",
        )
