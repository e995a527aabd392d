"""Second factors of people: codes of an app, passkeys, recovery codes.

allauth has the tables and the arithmetic. The services say who may, and that a code works once:
which one was used last stands in the row, so that no other process and no restart takes it again.
"""

from datetime import datetime
from typing import Any, Final

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.db import transaction
from django.utils import timezone

from accounts.access.actor import Actor, ActorKind
from accounts.access.confirmation import SECOND_FACTORS
from accounts.access.factor_secrets import open_factor, seal_factor
from accounts.audit import record_act
from accounts.models import User
from accounts.notices import publish_credentials_on_commit
from accounts.people.locks import lock_user
from accounts.people.mails import mail_on_commit
from accounts.people.pauses import pause_withdrawals
from accounts.people.sessions import end_all_sessions
from zavora.foundation.errors import Conflict, Forbidden, NotFound, ValidationFailed

PASSKEYS_OF_A_USER_MAX: Final = 20
NAME_LENGTH_MAX: Final = 64
CODE_LENGTH_MAX: Final = 32
RESET_TOLD: Final = (
    "The exchange took all second factors off your account, as somebody who asked for it in your"
    " name had lost them. You are logged out everywhere, and withdrawals pause for a while.\n\n"
    "If that was not you, write to the exchange at once."
)
WRONG_CODE: Final = "This code is not right, or it was used already."
_TOTP: Final = Authenticator.Type.TOTP
_PASSKEY: Final = Authenticator.Type.WEBAUTHN
_RECOVERY: Final = Authenticator.Type.RECOVERY_CODES


@transaction.atomic(durable=True)
def add_totp(*, by: Actor, secret: str, code: str) -> Authenticator:
    """Take an authenticator app that shows by its code that it has ``secret`` (base32).

    Makes recovery codes where there are none. Raises Forbidden, Conflict where there is an app
    already, ValidationFailed for a wrong code.
    """
    user = _lock_self(by)
    if Authenticator.objects.filter(user=user, type=_TOTP).exists():
        raise Conflict("there is an authenticator app already")
    step = _step_of(secret, code, after=-1)
    if step is None:
        raise ValidationFailed("wrong code", code=WRONG_CODE)
    row = Authenticator.objects.create(
        user=user, type=_TOTP, data={"secret": seal_factor(secret), "used_step": step}
    )
    _added(by, user, row)
    return row


@transaction.atomic(durable=True)
def add_passkey(*, by: Actor, name: str, credential: dict[str, Any]) -> Authenticator:
    """Take a passkey whose registration was verified. Raises as ``add_totp``."""
    user = _lock_self(by)
    name = name.strip()
    if not 0 < len(name) <= NAME_LENGTH_MAX or not name.isprintable():
        raise ValidationFailed(
            "bad name", name=f"expected 1 to {NAME_LENGTH_MAX} printable characters"
        )
    if Authenticator.objects.filter(user=user, type=_PASSKEY).count() >= PASSKEYS_OF_A_USER_MAX:
        raise Conflict(f"a person has at most {PASSKEYS_OF_A_USER_MAX} passkeys")
    row = Authenticator.objects.create(
        user=user, type=_PASSKEY, data={"name": name, "credential": credential}
    )
    _added(by, user, row)
    return row


@transaction.atomic(durable=True)
def remove_factor(*, by: Actor, factor_id: int) -> None:
    """Take away an app or a passkey of one's own; recovery codes go with the last of them.

    Raises Forbidden, or NotFound, for somebody else's, too.
    """
    user = _lock_self(by)
    row = Authenticator.objects.filter(user=user, pk=factor_id, type__in=SECOND_FACTORS).first()
    if row is None:
        raise NotFound("no such second factor")
    details = _details(row)
    row.delete()
    if not Authenticator.objects.filter(user=user, type__in=SECOND_FACTORS).exists():
        Authenticator.objects.filter(user=user).delete()
    record_act(by, "user.remove_factor", f"user:{user.pk}", **details)
    publish_credentials_on_commit(user.pk)


@transaction.atomic(durable=True)
def renew_recovery_codes(*, by: Actor) -> None:
    """Make new recovery codes; the old ones are worthless from now on.

    Raises Forbidden, or Conflict for somebody without a second factor.
    """
    user = _lock_self(by)
    if not Authenticator.objects.filter(user=user, type__in=SECOND_FACTORS).exists():
        raise Conflict("recovery codes stand in for a second factor, and there is none")
    Authenticator.objects.filter(user=user, type=_RECOVERY).delete()
    RecoveryCodes.activate(user)
    record_act(by, "user.renew_recovery_codes", f"user:{user.pk}")


@transaction.atomic(durable=True)
def use_factor_code(*, by: Actor, code: str) -> Authenticator:
    """Take a code of one's app, or a recovery code, this once.

    Raises Forbidden, or ValidationFailed for a wrong or used code; then nothing was written.
    """
    user = _lock_self(by)
    rows = Authenticator.objects.filter(user=user, type__in=(_TOTP, _RECOVERY))
    for row in rows.select_for_update():
        takes = _takes_step if row.type == _TOTP else _takes_recovery_code
        if len(code) <= CODE_LENGTH_MAX and takes(row, code):
            row.last_used_at = timezone.now()
            row.save(update_fields=["data", "last_used_at"])
            return row
    raise ValidationFailed("wrong code", code=WRONG_CODE)


def reset_factors_now(by: Actor, *, user_id: int, now: datetime, **more: Any) -> User:
    """Take all second factors of somebody who lost them, in the present transaction.

    That ``by`` may, with a second person, is known; ``more`` goes on record. Every session ends,
    withdrawals pause, and the person is told by mail. Raises NotFound, for a user shut out, too, or
    Conflict where there is none.
    """
    user = lock_user(user_id)
    if not user.is_active:
        raise NotFound("the user is shut out")
    rows = Authenticator.objects.filter(user=user).order_by("pk")
    types = [str(one.type) for one in rows]
    if not types:
        raise Conflict("the person has no second factor")
    rows.delete()
    pause_withdrawals(user, now=now)
    end_all_sessions(user.pk)
    record_act(
        by, "user.reset_factors", f"user:{user.pk}",
        was={"factors": types}, now={"factors": []}, **more,
    )  # fmt: skip
    mail_on_commit(user.email, "Your second factors were reset", RESET_TOLD)
    return user


def list_factors(user_id: int) -> list[Authenticator]:
    """Return a user's apps and passkeys, oldest first."""
    rows = Authenticator.objects.filter(user_id=user_id, type__in=SECOND_FACTORS)
    return list(rows.order_by("pk"))


def list_recovery_codes(user_id: int) -> list[str]:
    """Return the recovery codes that are left."""
    row = Authenticator.objects.filter(user_id=user_id, type=_RECOVERY).first()
    return [] if row is None else list(RecoveryCodes(row).get_unused_codes())


def is_used_code(user_id: int, code: str) -> bool:
    """Return whether a code is of the user's app and of now, and was used already."""
    row = Authenticator.objects.filter(user_id=user_id, type=_TOTP).first()
    secret = None if row is None else open_factor(row.data["secret"])
    step = None if secret is None else _step_of(secret, code, after=-1)
    return row is not None and step is not None and step <= row.data.get("used_step", -1)


def _lock_self(by: Actor) -> User:
    """Lock and return who acts, at a session: keys have no second factors, nor has the exchange."""
    if by.user_id is None or by.kind is not ActorKind.USER:
        raise Forbidden("only people at a session have second factors")
    user = lock_user(by.user_id)
    if not user.is_active:
        raise NotFound("the user is shut out")
    return user


def _added(by: Actor, user: User, row: Authenticator) -> None:
    RecoveryCodes.activate(user)  # leaves those alone that are there
    record_act(by, "user.add_factor", f"user:{user.pk}", **_details(row))
    publish_credentials_on_commit(user.pk)


def _details(row: Authenticator) -> dict[str, Any]:
    """Return what the record of an act says of a factor, and nothing of its secret."""
    return {"factor": row.pk, "type": str(row.type), "name": row.data.get("name", "")}


def _step_of(secret: str, code: str, *, after: int) -> int | None:
    """Return the time step, later than ``after``, whose code this is; None: of no step of now."""
    for step in yield_hotp_counters_from_time():
        expected = format_hotp_value(hotp_value(secret, step))
        if step > after and compare_user_code(actual=code, expected=expected):
            return step
    return None


def _takes_step(row: Authenticator, code: str) -> bool:
    secret = open_factor(row.data["secret"])
    step = None if secret is None else _step_of(secret, code, after=row.data.get("used_step", -1))
    if step is None:
        return False
    row.data["used_step"] = step
    return True


def _takes_recovery_code(row: Authenticator, code: str) -> bool:
    used = RecoveryCodes(row)
    if not used.validate_code(code):
        return False
    row.data = used.instance.data
    return True
