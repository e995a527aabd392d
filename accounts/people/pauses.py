"""After how somebody gets in was changed, nothing leaves their accounts for a while.

Whoever took a mailbox or talked an operator into something has to stay unnoticed for that long: the
person is told by mail at once.
"""

from datetime import datetime, timedelta
from typing import Final

from accounts.models import User
from zavora.foundation.errors import Forbidden
from zavora.foundation.setting_values import SettingValue

_HOURS: Final = SettingValue("ZAVORA_WITHDRAWAL_PAUSE_HOURS")


def pause_withdrawals(user: User, *, now: datetime) -> None:
    """Let nothing leave a locked user's accounts for ``ZAVORA_WITHDRAWAL_PAUSE_HOURS`` from now."""
    until = now + timedelta(hours=_HOURS.value)
    paused = user.withdrawals_paused_until
    if until > now and (paused is None or paused < until):
        user.withdrawals_paused_until = until
        user.save(update_fields=["withdrawals_paused_until"])


def require_not_paused(user_id: int | None, *, now: datetime) -> None:
    """Raise Forbidden while nothing leaves a user's accounts; the user is locked."""
    if user_id is None:
        return
    people = User.objects.filter(pk=user_id, withdrawals_paused_until__gt=now)
    until = people.values_list("withdrawals_paused_until", flat=True).first()
    if until is not None:
        raise Forbidden(
            "how you get in was changed a short time ago: withdrawals are possible again from"
            f" {until:%Y-%m-%d %H:%M} UTC on",
            paused_until=until.isoformat(),
        )
