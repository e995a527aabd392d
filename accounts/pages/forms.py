"""The forms of the account pages: shape only; what is allowed is decided by the services."""

import re
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.http import HttpRequest

from accounts.access.callers import SCOPES
from accounts.models import Account, Asset, User
from accounts.services import KEY_LENGTH_MAX, LABEL_LENGTH_MAX
from zavora.foundation.errors import ValidationFailed, ZavoraError
from zavora.foundation.money import DECIMAL_LENGTH_MAX, NotExact, parse_decimal

EMAIL_WIDGET = forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True})


# Digits in a row, as limits are told: more than a year has, and not part of a decimal or a time.
_LONG_NUMBER = re.compile(r"(?<![\w.:-])\d{5,}(?![\w.:-])")
# Thousands as the pages write them; in any other place a comma may be meant as a point.
_GROUPED = re.compile(r"\d{1,3}(,\d{3})+(\.\d*)?")


def sentence(text: str) -> str:
    """Return a refusal for people: a capital first (the rest as it is) and a full stop."""
    parted = _LONG_NUMBER.sub(lambda found: f"{int(found[0]):,}", text)
    return parted[:1].upper() + parted[1:] + ("" if parted.endswith((".", "!", "?")) else ".")


def show_error(form: forms.Form, error: ZavoraError) -> None:
    """Put a service's refusal where a person sees it: at its fields, else on top of the form."""
    # Only there do details tell what each field should have been.
    details = error.details if isinstance(error, ValidationFailed) else {}
    fields = [name for name in details if name in form.fields]
    for name in fields:
        form.add_error(name, sentence(str(error.details[name])))
    if not fields:
        form.add_error(None, sentence(str(error)))


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


class DecimalTextField(forms.CharField):
    """An exact decimal: the text goes through the one parser, never through a float."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=DECIMAL_LENGTH_MAX, **kwargs)

    def clean(self, value: Any) -> Decimal | None:
        """Return the decimal that was typed."""
        text = super().clean(value)
        if not text:
            return None
        if _GROUPED.fullmatch(text):
            text = text.replace(",", "").removesuffix(".")
        elif "," in text:
            raise forms.ValidationError(
                "Write a point before decimals (12.5); a comma only parts thousands (1,000)."
            )
        try:
            return parse_decimal(text)
        except NotExact as error:
            raise forms.ValidationError(sentence(str(error))) from None


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
