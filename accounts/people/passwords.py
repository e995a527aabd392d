"""A person's new password, chosen by nobody but them: checked, set, and told to every process."""

from typing import Final

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.access.actor import Actor, ActorKind
from accounts.audit import record_act
from accounts.models import User
from accounts.notices import publish_credentials_on_commit
from accounts.people.locks import lock_user
from zavora.foundation.errors import Forbidden, NotFound, ValidationFailed

# Django's own words.
WRONG_OLD: Final = "Your old password was entered incorrectly. Please enter it again."


@transaction.atomic(durable=True)
def change_own_password(*, by: Actor, old_password: str, new_password: str) -> User:
    """Give oneself another password, by the old one; every other session ends with it.

    Raises Forbidden for a key and the exchange itself, NotFound for a user who was shut out, and
    ValidationFailed where the old password is wrong or the new one weak; then nothing was written.
    """
    if by.user_id is None or by.kind is ActorKind.KEY:
        raise Forbidden("only people have passwords")
    user = lock_user(by.user_id)
    if not user.is_active:
        raise NotFound("the user is shut out")
    if not user.check_password(old_password):
        raise ValidationFailed(
            "wrong password",
            old_password=WRONG_OLD,
        )
    set_password(user, new_password)
    record_act(by, "user.change_password", f"user:{user.pk}")
    return user


def set_password(user: User, password: str) -> None:
    """Give a locked user a password in the present transaction.

    Raises ValidationFailed for a weak one.
    """
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationFailed(
            "the password is too weak", new_password1=" ".join(error.messages)
        ) from None
    user.set_password(password)
    user.save(update_fields=["password"])
    publish_credentials_on_commit(user.pk)
