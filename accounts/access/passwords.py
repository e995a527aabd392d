"""Which passwords are taken: not short, not common, not easily guessed. And a note of each change.

Django calls these (AUTH_PASSWORD_VALIDATORS) wherever a person chooses a password.
"""

from functools import lru_cache
from typing import Any, Final

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.db import transaction
from zxcvbn import zxcvbn
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from accounts.access.hashing import hashing_place
from accounts.access.security_log import note

# An attacker who has the hash needs as many guesses: a season and a year take 10^8.4.
GUESSES_LOG10_MIN: Final = 9.0
# What is looked at of a password. The estimate of 16 crafted characters takes 0.2 s, of 32 a
# second, of 72 more than four; what is easily guessed begins so.
LENGTH_LOOKED_AT_MAX: Final = 16
# More is refused, not cut off: the door reads no more either.
LENGTH_MAX: Final = 128
OWN_WORDS: Final = ("zavora",)
# Leaked ones that are longer than what is looked at; Django's validator knows others.
_LEAKED: Final = frozenset(
    password for password in FREQUENCY_LISTS["passwords"] if len(password) > LENGTH_LOOKED_AT_MAX
)


@lru_cache(1)
def _leaked() -> frozenset[str]:
    return frozenset(FREQUENCY_LISTS["passwords"]) | frozenset(CommonPasswordValidator().passwords)


def is_leaked(password: str) -> bool:
    """Tell whether a password is on the lists of leaked ones, in whatever letter case.

    None such is taken any more; this is for those that were chosen before.
    """
    return password.lower().strip() in _leaked()


class GuessablePasswordValidator:
    """Refuses words with a year, keyboard runs and the like, however long."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError for a password that few guesses find."""
        email = str(getattr(user, "email", "") or "")
        words = [word for word in (email, *email.replace(".", "@").split("@")) if word]
        with hashing_place():
            found = zxcvbn(password[:LENGTH_LOOKED_AT_MAX], user_inputs=[*words, *OWN_WORDS])
        is_leaked = password.lower() in _LEAKED
        if is_leaked or float(found["guesses_log10"]) < GUESSES_LOG10_MIN:
            raise ValidationError(
                "This password is easily guessed: a few unrelated words make a good one.",
                code="password_guessable",
            )

    def get_help_text(self) -> str:
        """Say what is expected."""
        return "A few unrelated words make a good password."


class MaximumLengthValidator:
    """Refuses what is longer than the forms by which people come back take."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError for a password that is too long."""
        if len(password) > LENGTH_MAX:
            raise ValidationError(
                f"This password is too long: at most {LENGTH_MAX} characters.",
                code="password_too_long",
            )

    def get_help_text(self) -> str:
        """Say what is expected."""
        return f"At most {LENGTH_MAX} characters."


class PasswordNote:
    """Takes every password, and notes that one was set once that is committed."""

    def validate(self, password: str, user: Any = None) -> None:
        """Take it."""

    def password_changed(self, password: str, user: Any = None) -> None:
        """Write the line; Django calls this whenever a user with a new password is saved."""
        user_id = getattr(user, "pk", None)
        transaction.on_commit(lambda: note("password_set", user_id=user_id), robust=True)

    def get_help_text(self) -> str:
        """Ask nothing of anybody."""
        return ""
