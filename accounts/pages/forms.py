"""The forms of the account pages: shape only; what is allowed is decided by the services."""

import uuid
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.http import HttpRequest

from accounts.access.callers import SCOPES
from accounts.models import Account, Asset, User
from accounts.services import LABEL_LENGTH_MAX
from zavora.foundation.forms import DecimalTextField
from zavora.foundation.idempotency import KEY_LENGTH_MAX

EMAIL_WIDGET = forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True})


class SignUpForm(forms.Form):
    """A new user."""

    email = forms.EmailField(label="E-mail address", max_length=254, widget=EMAIL_WIDGET)
    password = forms.CharField(
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters; a few unrelated words are good.",
    )

    def clean_password(self) -> str:
        """Check the password here, too, so that all faults of the form are told at once."""
        password: str = self.cleaned_data["password"]
        email = self.cleaned_data.get("email") or str(self.data.get("email", ""))
        validate_password(password, User(email=email))
        return password


class LoginForm(forms.Form):
    """A user who comes back, with ``staff_only`` an operator. Made for Django's LoginView."""

    email = forms.EmailField(label="E-mail address", max_length=254, widget=EMAIL_WIDGET)
    password = forms.CharField(
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(
        self,
        request: HttpRequest | None = None,
        *args: Any,
        staff_only: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.user: User | None = None
        # Why, for the log; the person reads one text.
        self.refused_as = "bad_form"
        self._staff_only = staff_only

    def clean(self) -> dict[str, Any]:
        """Check the password; the answer does not tell what was wrong."""
        cleaned = super().clean() or {}
        if not self.errors:
            user = authenticate(
                self.request, username=cleaned["email"].lower(), password=cleaned["password"]
            )
            if not isinstance(user, User):
                self.refused_as = "wrong_credentials"
            elif self._staff_only and not user.is_staff:
                self.refused_as = "not_staff"
            else:
                self.user = user
            if self.user is None:
                raise forms.ValidationError("Wrong e-mail address or password.")
        return cleaned

    def get_user(self) -> User | None:
        """Return who proved to be who they say."""
        return self.user


class ForgottenForm(forms.Form):
    """Where the link to a new password is to go."""

    email = forms.EmailField(label="E-mail address", max_length=254, widget=EMAIL_WIDGET)


class MoneyForm(forms.Form):
    """An amount of an asset on one of the user's accounts."""

    account = forms.TypedChoiceField(coerce=UUID)
    asset = forms.ChoiceField()
    amount = DecimalTextField()
    # Made with the form, so that one that is sent twice takes effect once.
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, accounts: Sequence[Account], assets: Sequence[Asset], **kwargs: Any
    ) -> None:
        # The account page holds two of these: ids are told apart by the class's name.
        kwargs.setdefault("auto_id", f"{type(self).__name__.lower()}_%s")
        super().__init__(*args, **kwargs)
        self._set_choices("account", [(str(a.public_id), a.label or "Account") for a in accounts])
        self._set_choices("asset", [(asset.code, asset.code) for asset in assets])
        if len(accounts) == 1:
            self.fields["account"].widget = forms.HiddenInput()
            self.fields["account"].initial = str(accounts[0].public_id)
        self.fields["key"].initial = str(uuid.uuid4())

    def clean(self) -> dict[str, Any]:
        """Show what is wrong with a hidden field, too: a page that is out of date."""
        cleaned = super().clean() or {}
        if any(self.errors.get(field.name) for field in self.hidden_fields()):
            self.add_error(None, "This page was out of date. Please try again.")
        return cleaned

    def _set_choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = choices


class DepositForm(MoneyForm):
    """Money from the faucet."""


class WithdrawForm(MoneyForm):
    """Money that leaves."""

    address = forms.CharField(
        required=False, max_length=KEY_LENGTH_MAX, help_text="Where it is to go."
    )
    field_order = ("account", "asset", "amount", "address", "key")


class TokenForm(forms.Form):
    """A new bearer token."""

    label = forms.CharField(label="Name", max_length=LABEL_LENGTH_MAX, required=False)
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES],
        initial=["read", "trade"],
        widget=forms.CheckboxSelectMultiple,
    )
