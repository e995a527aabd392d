"""Where people are logged in, and the end of it.

A session is Django's; allauth keeps beside it from where and with what it was begun. Ended is one
by deleting it: every process is told, so that REST and sockets know within a second.
"""

from importlib import import_module
from typing import Any, Final

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.db import transaction

from accounts.access.actor import Actor, ActorKind
from accounts.access.security_log import note
from accounts.notices import publish_credentials_on_commit
from zavora.foundation.errors import Forbidden, NotFound

# The oldest ends with one more: whoever lists them, or logs in, looks at each.
SESSIONS_OF_A_USER_MAX: Final = 50


def list_sessions(user_id: int) -> list[UserSession]:
    """Return a user's sessions that still are, newest first."""
    rows = UserSession.objects.filter(user_id=user_id).order_by("-pk")
    return [row for row in rows[:SESSIONS_OF_A_USER_MAX] if row.exists()]


@transaction.atomic(durable=True)
def forget_own_sessions(*, by: Actor, session_key: str = "") -> None:
    """Tell every process to read one's sessions anew, after a log-out of ``session_key``.

    Raises Forbidden for the exchange itself, which has none.
    """
    if by.user_id is None:
        raise Forbidden("only people have sessions")
    if session_key:
        UserSession.objects.filter(user_id=by.user_id, session_key=session_key).delete()
    publish_credentials_on_commit(by.user_id)


@transaction.atomic(durable=True)
def end_own_session(*, by: Actor, session_id: int) -> None:
    """End one of one's own sessions, by its number in the list.

    Raises Forbidden for whoever is at no session, NotFound for somebody else's, too.
    """
    user_id = _at_a_session(by)
    row = UserSession.objects.filter(user_id=user_id, pk=session_id).first()
    if row is None:
        raise NotFound("no such session")
    _end([row])
    publish_credentials_on_commit(user_id)
    note("session_ended", user_id=user_id)


@transaction.atomic(durable=True)
def end_other_sessions(*, by: Actor, kept: str | None) -> int:
    """End all of one's own sessions but the one of the key ``kept``; return how many that were.

    Raises Forbidden for whoever is at no session.
    """
    user_id = _at_a_session(by)
    rows = list(UserSession.objects.filter(user_id=user_id).exclude(session_key=kept or ""))
    _end(rows)
    publish_credentials_on_commit(user_id)
    note("sessions_ended", user_id=user_id, count=len(rows))
    return len(rows)


def end_all_sessions(user_id: int) -> None:
    """End every session of a user, in the present transaction."""
    _end(list(UserSession.objects.filter(user_id=user_id)))
    publish_credentials_on_commit(user_id)


def make_room(user_id: int) -> None:
    """End the oldest sessions of a user who is about to have one more."""
    rows = UserSession.objects.filter(user_id=user_id).order_by("-pk")
    _end(list(rows[SESSIONS_OF_A_USER_MAX - 1 :]))


def _at_a_session(by: Actor) -> int:
    if by.user_id is None or by.kind is not ActorKind.USER:
        raise Forbidden("only people at a session end sessions")
    return by.user_id


def _end(rows: list[UserSession]) -> None:
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore()
    for row in rows:
        store.delete(row.session_key)
        row.delete()
