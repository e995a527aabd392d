"""What people keep with us of the trading page, from one browser to the next."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction
from django.utils import timezone

from accounts.access.actor import Actor, ActorKind
from accounts.models import Preferences
from accounts.people.locks import lock_user
from accounts.people.page_preferences import (
    PageChoices,
    known_choices,
    plain,
    read_choices,
)
from zavora.foundation.errors import Conflict, Forbidden, NotFound


class Kept(msgspec.Struct, frozen=True):
    """What is kept of somebody; version 0: nothing yet."""

    version: int
    choices: PageChoices
    updated_at: datetime | None = None


def get_preferences(user_id: int) -> Kept:
    """Return what somebody chose of the page."""
    row = Preferences.objects.filter(pk=user_id).first()
    if row is None:
        return Kept(0, PageChoices())
    return Kept(row.version, known_choices(row.document), row.updated_at)


@transaction.atomic(durable=True)
def save_preferences(*, by: Actor, document: Mapping[str, Any], version: int | None = None) -> Kept:
    """Keep what somebody chose of the page, in place of what they chose before.

    ``version`` is the one that was read: Conflict, with the present one, where another browser has
    written since. Without it whatever is there is replaced. Raises Forbidden for all who are at no
    session, or ValidationFailed, which names the field; then nothing was written.
    """
    if by.user_id is None or by.kind is not ActorKind.USER:
        raise Forbidden("only people at a session keep what they chose of the page")
    choices = read_choices(document)
    # Two first writes would both find no row to lock.
    user = lock_user(by.user_id)
    if not user.is_active:
        raise NotFound("the user is shut out")
    row = Preferences.objects.filter(pk=user.pk).first() or Preferences(user=user, version=0)
    if version not in (None, row.version):
        raise Conflict("the preferences were changed elsewhere", version=row.version)
    row.version, row.document, row.updated_at = row.version + 1, plain(choices), timezone.now()
    row.save()
    return Kept(row.version, choices, row.updated_at)
