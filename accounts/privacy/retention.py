"""What has served its time goes, some at once: docs/privacy.md lists all tables and their times."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from allauth.usersessions.models import UserSession
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from accounts.access.actor import Actor
from accounts.approval_rows import moment
from accounts.models import (
    ENDED_OUTCOMES,
    ApiKey,
    Invitation,
    ProviderEvent,
    StatusSpan,
    WithdrawalAddress,
)
from zavora.foundation.errors import ValidationFailed
from zavora.foundation.setting_values import SettingValue

BATCH_MAX: Final = 1_000
# The page of the exchange's status shows 90 of them.
STATUS_DAYS: Final = 92
_REVOKED_KEYS_DAYS: Final = SettingValue("ZAVORA_KEEP_REVOKED_KEYS_DAYS")
_REMOVED_ADDRESSES_DAYS: Final = SettingValue("ZAVORA_KEEP_REMOVED_ADDRESSES_DAYS")
_INVITATIONS_DAYS: Final = SettingValue("ZAVORA_KEEP_INVITATIONS_DAYS")
_PROVIDER_BODIES_DAYS: Final = SettingValue("ZAVORA_KEEP_PROVIDER_BODIES_DAYS")
_DESK_LOG_DAYS: Final = SettingValue("ZAVORA_KEEP_DESK_LOG_DAYS")


@transaction.atomic(durable=True)
def purge_kept(*, by: Actor, kind: str, now: datetime | None = None) -> int:
    """Take away what of a kind (``KINDS``) is past its time, at most ``BATCH_MAX`` rows.

    Return how many those were: fewer than that, and nothing is left for now. May run twice, and
    beside itself. Raises Forbidden for all but the exchange itself and superusers, or
    ValidationFailed for an unknown kind.
    """
    by.require_everything("take away what is kept")
    purge = KINDS.get(kind)
    if purge is None:
        raise ValidationFailed("no such kind", kind="expected one of " + ", ".join(KINDS))
    return purge(moment(now))


def _sessions(now: datetime) -> int:
    """Delete sessions that are past their time."""
    return _delete(Session.objects.filter(expire_date__lte=now).order_by("expire_date"))


def _log_ins(now: datetime) -> int:
    """Delete from where and with what sessions were begun that are no more."""
    living = Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=now)
    return _delete(UserSession.objects.filter(~Exists(living)).order_by("pk"))


def _keys(now: datetime) -> int:
    """Delete keys that let nobody in for a long time; the records of them stay."""
    before = now - timedelta(days=_REVOKED_KEYS_DAYS.value)
    ended = Q(revoked_at__lt=before) | Q(expires_at__lt=before)
    return _delete(ApiKey.objects.filter(ended).order_by("pk"))


def _addresses(now: datetime) -> int:
    """Delete addresses that were taken out of their book."""
    before = now - timedelta(days=_REMOVED_ADDRESSES_DAYS.value)
    return _delete(WithdrawalAddress.objects.filter(removed_at__lt=before).order_by("pk"))


def _invitations(now: datetime) -> int:
    """Delete invitations whose time is over, however they ended."""
    before = now - timedelta(days=_INVITATIONS_DAYS.value)
    # Those who came by one are members: what is deleted here is where the mail went.
    return _delete(Invitation.objects.filter(expires_at__lt=before).order_by("pk"))


def _provider_bodies(now: datetime) -> int:
    """Empty what providers told, where nobody has anything to do about it any more."""
    before = now - timedelta(days=_PROVIDER_BODIES_DAYS.value)
    ended = ProviderEvent.objects.filter(outcome__in=ENDED_OUTCOMES, applied_at__lt=before)
    rows = ended.exclude(body={}).order_by("applied_at")
    keys = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH_MAX])
    return ProviderEvent.objects.filter(pk__in=keys).update(body={})


def _desk_log(now: datetime) -> int:
    """Delete what the operators' pages log beside the records of acts, which stay."""
    before = now - timedelta(days=_DESK_LOG_DAYS.value)
    # Primary keys grow with time, so the oldest rows come first: no index on time is needed.
    oldest = LogEntry.objects.order_by("pk").values_list("pk", "action_time")[:BATCH_MAX]
    old = [pk for pk, made_at in oldest if made_at < before]
    return _delete(LogEntry.objects.filter(pk__in=old).order_by("pk"))


def _status(now: datetime) -> int:
    """Delete what the page of the exchange's status shows no more."""
    before = now - timedelta(days=STATUS_DAYS)
    return _delete(StatusSpan.objects.filter(seen_at__lt=before).order_by("seen_at"))


def _delete(rows: QuerySet[Model]) -> int:
    """Delete the first of some rows that nobody else is deleting; return how many."""
    found = rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH_MAX]
    keys = list(found)
    rows.model._default_manager.filter(pk__in=keys).delete()
    return len(keys)


KINDS: Final[dict[str, Callable[[datetime], int]]] = {
    "sessions": _sessions,
    "log_ins": _log_ins,
    "keys": _keys,
    "addresses": _addresses,
    "invitations": _invitations,
    "provider_bodies": _provider_bodies,
    "desk_log": _desk_log,
    "status": _status,
}
