"""Notes of operators about people."""

from typing import Final

from django.db import transaction

from accounts.access.actor import Actor, Permission
from accounts.access.rights import is_privileged
from accounts.audit import record_act
from accounts.models import Note
from accounts.people.locks import lock_user
from zavora.foundation.errors import Forbidden, ValidationFailed

NOTE_LENGTH_MAX: Final = 1_000


@transaction.atomic(durable=True)
def add_note(*, by: Actor, user_id: int, text: str) -> Note:
    """Write a note about a person, for good: 1 to ``NOTE_LENGTH_MAX`` characters.

    Raises Forbidden (without the permission, about staff for who is no superuser, and for the
    exchange itself, which is no author), NotFound, or ValidationFailed.
    """
    by.require(Permission.ADD_NOTE)
    if by.user_id is None:
        raise Forbidden("only people write notes")
    text = text.strip()
    if not 0 < len(text) <= NOTE_LENGTH_MAX:
        expected = f"expected 1 to {NOTE_LENGTH_MAX:,} characters"
        raise ValidationFailed("bad note", text=expected)
    user = lock_user(user_id)
    by.require_over(is_privileged=is_privileged(user), what="write notes")
    note = Note.objects.create(user=user, author_id=by.user_id, text=text)
    # The note says itself why it was written; the record has its beginning.
    record_act(by, "note.add", f"user:{user.pk}", note=note.pk)
    return note
