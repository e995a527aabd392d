"""Forms by which people show a second factor: a code, or a passkey. Guesses count."""

from collections.abc import Callable
from typing import Any

from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
)
from django import forms
from django.http import HttpRequest

from accounts.access.attempts import Attempt, count_attempt, may_mail
from accounts.access.page_actors import address_of, person_at
from accounts.access.security_log import note
from accounts.models import User
from accounts.pages.door import TOO_MANY_ATTEMPTS, waiting
from accounts.pages.notices import mail_notice
from accounts.people.factors import (
    CODE_LENGTH_MAX,
    NAME_LENGTH_MAX,
    WRONG_CODE,
    is_used_code,
)
from accounts.services import use_factor_code
from zavora.foundation.errors import ValidationFailed

WRONG_PASSKEY = "This passkey could not be used. Try again, or another way."
TRIED_TWICE = "A code of your authenticator app came a second time, and was refused."
# What allauth and the library of WebAuthn throw at JSON that is no credential.
_BAD_CREDENTIAL = (AttributeError, KeyError, TypeError, ValueError)


def count_guess(request: HttpRequest, user: User) -> Attempt:
    """Count a guess at somebody's second factor, apart from those at the password."""
    return count_attempt(address=address_of(request), email=f"second factor of {user.pk}")


class CodeForm(AuthenticateForm):
    """A code of an app, or a recovery code."""

    reauthenticated = False
    code = forms.CharField(
        label="Code",
        max_length=CODE_LENGTH_MAX,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autofocus": True}),
        help_text="Of your authenticator app, or one of your recovery codes.",
    )

    authenticator: Authenticator
    retry_after_s = 0

    def clean_code(self) -> str:
        """Take the code, or count a guess."""
        request, code = context.request, str(self.cleaned_data["code"])
        attempt = count_guess(request, self.user)
        if attempt.refused_by:
            self.retry_after_s = attempt.retry_after_s
            note("second_factor_limited", user_id=self.user.pk, reason=attempt.refused_by)
            raise forms.ValidationError(
                TOO_MANY_ATTEMPTS.format(wait=waiting(attempt.retry_after_s))
            )
        try:
            self.authenticator = use_factor_code(by=person_at(request, self.user), code=code)
        except ValidationFailed:
            self._note_refused(request, code)
            raise forms.ValidationError(WRONG_CODE) from None
        attempt.forget()
        note("second_factor_used", user_id=self.user.pk, type=self.authenticator.type)
        return code

    def _note_refused(self, request: HttpRequest, code: str) -> None:
        """Write the line; whose app it is hears of a code that was seen by somebody else."""
        is_used = is_used_code(self.user.pk, code)
        reason = "used_code" if is_used else "wrong_code"
        note("second_factor_refused", user_id=self.user.pk, reason=reason)
        if is_used and may_mail(self.user.email):
            mail_notice(request, self.user, "A code was tried twice", TRIED_TWICE)

    def save(self) -> None:
        """Write down in the session that it was shown."""
        post_authentication(
            context.request, self.authenticator, reauthenticated=self.reauthenticated
        )


class ConfirmCodeForm(CodeForm):
    """The same of somebody who is in."""

    reauthenticated = True


def _passkey_of(clean: Callable[[], Any]) -> Authenticator:
    """Return the passkey that a form found; whatever is no credential is one that is not known."""
    try:
        found: Authenticator = clean()
    except (forms.ValidationError, *_BAD_CREDENTIAL):
        note("second_factor_refused", reason="wrong_passkey")
        raise forms.ValidationError(WRONG_PASSKEY) from None
    return found


class PasskeyForm(AuthenticateWebAuthnForm):
    """A passkey after the password."""

    def clean_credential(self) -> Authenticator:
        """Return whose passkey it is."""
        return _passkey_of(super().clean_credential)


class ConfirmPasskeyForm(PasskeyForm):
    """The same of somebody who is in."""

    reauthenticated = True


class PasskeyLoginForm(LoginWebAuthnForm):
    """A passkey instead of address and password: it says itself whose it is."""

    def clean_credential(self) -> Authenticator:
        """Return whose passkey it is."""
        return _passkey_of(super().clean_credential)


class NewPasskeyForm(AddWebAuthnForm):
    """A passkey to be added."""

    name = forms.CharField(
        required=False, max_length=NAME_LENGTH_MAX, help_text="By which you will know it again."
    )
    passwordless = forms.BooleanField(
        label="Log in with it alone, too",
        required=False,
        initial=True,
        help_text="Then it asks for your finger, face or PIN.",
    )
    field_order = ("name", "passwordless", "credential")

    def clean(self) -> dict[str, Any]:
        """Check what the browser made; where that is missing, no field of the page could say so."""
        if "credential" in self.errors:
            raise forms.ValidationError(WRONG_PASSKEY)
        try:
            return super().clean()
        except (forms.ValidationError, *_BAD_CREDENTIAL):
            raise forms.ValidationError(WRONG_PASSKEY) from None
