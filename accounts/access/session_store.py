"""Sessions that end: after a time without use, and after a time altogether, whatever is done.

A session is Django's, in the database, where every process reads it: pages, REST and sockets. The
row says until when it lives; reading it is its use, and moves that on, at most once a minute and
never beyond the whole time. Operators' sessions are shorter.
"""

import time
from datetime import datetime, timedelta
from typing import Any, Final, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.models import Session
from django.utils import timezone

from zavora.foundation.setting_values import SettingValue

# In the session: when somebody got in, in seconds since 1970, and whether they are an operator.
BEGUN: Final = "zavora_begun_at"
OF_OPERATOR: Final = "zavora_operator"
# A use is written down when the last one that was is so old, or older than a tenth of the limit.
NOTED_EVERY: Final = timedelta(minutes=1)
_EVERYBODYS: Final = (
    SettingValue("ZAVORA_SESSION_IDLE_MINUTES"),
    SettingValue("ZAVORA_SESSION_MINUTES"),
)
_OPERATORS: Final = (
    SettingValue("ZAVORA_OPERATORS_SESSION_IDLE_MINUTES"),
    SettingValue("ZAVORA_OPERATORS_SESSION_MINUTES"),
)


class SessionStore(DatabaseStore):
    """Django's sessions in the database, with both limits for those of people who are in."""

    def load(self) -> dict[str, Any]:
        """Return what the session holds, and note its use."""
        living = Session.objects.filter(expire_date__gt=timezone.now())
        row = living.filter(session_key=self.session_key).first()
        if row is None:
            self._session_key = None  # as Django does: the next one gets another key
            return {}
        data: dict[str, Any] = self.decode(row.session_data)
        if data.get(SESSION_KEY) is not None:
            self._note_use(row, data)
        return data

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """Return the row to be saved, which ends when the limits say so."""
        if data.get(SESSION_KEY) is not None:
            data.setdefault(BEGUN, time.time())
        row = cast("Session", super().create_model_instance(data))
        if data.get(SESSION_KEY) is not None:
            row.expire_date = min(row.expire_date, _end_of(data, timezone.now()))
        return row

    def exists(self, session_key: str) -> bool:
        """Return whether a session lives: a row that is past its time is none."""
        rows = Session.objects.filter(session_key=session_key, expire_date__gt=timezone.now())
        return rows.exists()

    def _note_use(self, row: Session, data: dict[str, Any]) -> None:
        now = timezone.now()
        ends = _end_of(data, now)
        every = min(NOTED_EVERY, _limits_of(data)[0] / 10)
        # Also where the settings became stricter meanwhile.
        if abs(ends - row.expire_date) >= every or ends < row.expire_date:
            Session.objects.filter(pk=row.pk).update(expire_date=ends)


def begin_anew(session: Any, *, is_operator: bool) -> None:
    """Let the limits of a session count from now: somebody gets in."""
    session[BEGUN] = time.time()
    session[OF_OPERATOR] = is_operator


def _limits_of(data: dict[str, Any]) -> tuple[timedelta, timedelta]:
    """Return how long a session lives without use, and altogether."""
    idle, whole = _OPERATORS if data.get(OF_OPERATOR) else _EVERYBODYS
    return timedelta(minutes=idle.value), timedelta(minutes=whole.value)


def _end_of(data: dict[str, Any], now: datetime) -> datetime:
    """Return when a session ends that is used now. One without a begin is of before: it has one."""
    idle, whole = _limits_of(data)
    begun = data.get(BEGUN)
    if begun is None:
        return now + idle
    return min(now + idle, datetime.fromtimestamp(begun, tz=now.tzinfo) + whole)
