"""The forms of the account pages: shape only; what is allowed is decided by the services."""

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.http import HttpRequest

from accounts.access.actor import ADDRESS_LENGTH_MAX
from accounts.access.callers import SCOPES
from accounts.access.passwords import is_leaked
from accounts.models import Account, ApiKey, Asset, MemberRole, User
from accounts.services import (
    IPS_MAX,
    LABEL_LENGTH_MAX,
    MARKETS_MAX,
    PEM_LENGTH_MAX,
    SYMBOL_LENGTH_MAX,
    KeyTerms,
)
from zavora.foundation.forms import DecimalTextField
from zavora.foundation.idempotency import KEY_LENGTH_MAX

EMAIL_WIDGET = forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True})


LEAKED = (
    "This password is on lists of leaked ones, so it opens nothing any more. Set another one by"
    ' "Forgotten your password?" below.'
)


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
            elif is_leaked(cleaned["password"]):
                # Whoever has a list of leaked passwords comes as far as this, and no further.
                self.refused_as = "leaked_password"
                raise forms.ValidationError(LEAKED)
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


class _FormOfAccounts(forms.Form):
    """An amount of an asset, and which of the user's accounts it is about."""

    asset = forms.ChoiceField()
    amount = DecimalTextField()
    # Made with the form, so that one that is sent twice takes effect once.
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, accounts: Sequence[Account], assets: Sequence[Asset], **kwargs: Any
    ) -> None:
        # The account page holds several of these: ids are told apart by the class's name.
        kwargs.setdefault("auto_id", f"{type(self).__name__.lower()}_%s")
        super().__init__(*args, **kwargs)
        names = names_of(accounts)
        for name, field in self.fields.items():
            if name.endswith("account"):
                self._set_choices(field, [(str(a.public_id), names[a.pk]) for a in accounts])
        self._set_choices(self.fields["asset"], [(asset.code, asset.code) for asset in assets])
        self.fields["key"].initial = str(uuid.uuid4())

    def clean(self) -> dict[str, Any]:
        """Show what is wrong with a hidden field, too: a page that is out of date."""
        cleaned = super().clean() or {}
        if any(self.errors.get(field.name) for field in self.hidden_fields()):
            self.add_error(None, "This page was out of date. Please try again.")
        return cleaned

    @staticmethod
    def _set_choices(field: forms.Field, choices: list[tuple[str, str]]) -> None:
        if isinstance(field, forms.ChoiceField):
            field.choices = choices


def names_of(accounts: Sequence[Account]) -> dict[int, str]:
    """Return what accounts are called by primary key; of two of one name, with the id's beginning.

    Where each has a name of its own that is enough.
    """
    labels = {account.pk: account.label or "Account" for account in accounts}
    uses = Counter(labels.values())
    return {
        account.pk: label if uses[label] == 1 else f"{label} ({str(account.public_id)[:8]})"
        for account in accounts
        for label in (labels[account.pk],)
    }


class MoneyForm(_FormOfAccounts):
    """An amount of an asset on one of the user's accounts."""

    account = forms.TypedChoiceField(coerce=UUID)
    field_order: Sequence[str] = ("account", "asset", "amount", "key")

    def __init__(self, *args: Any, accounts: Sequence[Account], **kwargs: Any) -> None:
        super().__init__(*args, accounts=accounts, **kwargs)
        if len(accounts) == 1:
            self.fields["account"].widget = forms.HiddenInput()
            self.fields["account"].initial = str(accounts[0].public_id)


class DepositForm(MoneyForm):
    """Money from the faucet."""


class WithdrawForm(MoneyForm):
    """Money that leaves."""

    address = forms.CharField(
        required=False,
        max_length=KEY_LENGTH_MAX,
        help_text="Where it is to go.",
        # The page offers those of the book.
        widget=forms.TextInput({"list": "address-book", "autocomplete": "off"}),
    )
    field_order = ("account", "asset", "amount", "address", "key")


class TransferForm(_FormOfAccounts):
    """Money that goes from one of the user's accounts to another."""

    from_account = forms.TypedChoiceField(label="From", coerce=UUID)
    to_account = forms.TypedChoiceField(label="To", coerce=UUID)
    field_order = ("from_account", "to_account", "asset", "amount", "key")

    def __init__(self, *args: Any, accounts: Sequence[Account], **kwargs: Any) -> None:
        super().__init__(*args, accounts=accounts, **kwargs)
        if len(accounts) > 1:
            self.fields["to_account"].initial = str(accounts[1].public_id)


class LabelForm(forms.Form):
    """What an account is called. ``about``: which one; empty for a new one."""

    label = forms.CharField(
        label="Account name",
        max_length=LABEL_LENGTH_MAX,
        widget=forms.TextInput({"autocomplete": "off"}),
    )

    def __init__(self, data: Any = None, *, about: str = "new", initial: Any = None) -> None:
        # The page holds one of these for each account.
        super().__init__(data, auto_id=f"label_{about}_%s", initial=initial)


class InviteForm(forms.Form):
    """Somebody to share an account with. ``about``: which account."""

    email = forms.EmailField(
        label="E-mail address", max_length=254, widget=forms.EmailInput({"autocomplete": "off"})
    )
    role = forms.ChoiceField(
        choices=[
            (MemberRole.VIEWER, "Viewer: sees balances, orders and reports"),
            (MemberRole.TRADER, "Trader: places and cancels orders, too"),
        ]
    )

    def __init__(self, data: Any = None, *, about: str) -> None:
        # The page holds one of these for each account.
        super().__init__(data, auto_id=f"invite_{about}_%s")


class AddressForm(forms.Form):
    """An address for the book of one of the user's accounts."""

    account = forms.TypedChoiceField(coerce=UUID)
    asset = forms.ChoiceField()
    address = forms.CharField(max_length=KEY_LENGTH_MAX)
    label = forms.CharField(label="Name", max_length=LABEL_LENGTH_MAX, required=False)

    def __init__(
        self, *args: Any, accounts: Sequence[Account], assets: Sequence[Asset], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        choices = {
            "account": [(str(one.public_id), one.label or "Account") for one in accounts],
            "asset": [(asset.code, asset.code) for asset in assets],
        }
        for name, found in choices.items():
            field = self.fields[name]
            if isinstance(field, forms.ChoiceField):
                field.choices = found


class KeyForm(forms.Form):
    """A new API key."""

    label = forms.CharField(label="Name", max_length=LABEL_LENGTH_MAX, required=False)
    kind = forms.ChoiceField(
        choices=[
            (ApiKey.Kind.BEARER, "Bearer token"),
            (ApiKey.Kind.HMAC, "HMAC secret"),
            (ApiKey.Kind.ED25519, "Ed25519, a key pair of your own"),
            (ApiKey.Kind.RSA, "RSA, a key pair of your own"),
        ],
        initial=ApiKey.Kind.BEARER,
        required=False,
        help_text="A bearer token is sent as it is; the others sign requests, for both APIs.",
    )
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES],
        initial=["read", "trade"],
        widget=forms.CheckboxSelectMultiple,
        help_text="A key that may withdraw needs addresses.",
    )
    account = forms.TypedChoiceField(coerce=UUID, empty_value=None, required=False)
    ip = forms.CharField(
        label="Only from these addresses",
        max_length=IPS_MAX * (ADDRESS_LENGTH_MAX + 2),
        required=False,
        help_text="IPv4 or IPv6, with spaces or commas between them. Empty: from everywhere.",
    )
    markets = forms.CharField(
        label="Orders only in these markets",
        max_length=MARKETS_MAX * (SYMBOL_LENGTH_MAX + 2),
        required=False,
        help_text="Such as BTC/EUR, with spaces or commas between them. Empty: in all.",
    )
    expires_at = forms.DateField(
        label="Valid until the end of (UTC)",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="Empty: until it is revoked.",
    )
    public_key = forms.CharField(
        max_length=PEM_LENGTH_MAX,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="For Ed25519 and RSA alone, in PEM. The private half stays with you.",
    )

    def __init__(self, *args: Any, accounts: Sequence[Account], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["account"]
        if isinstance(field, forms.ChoiceField):
            own = [(str(one.public_id), one.label or "Account") for one in accounts]
            field.choices = [("", "All accounts"), *own]

    def clean_kind(self) -> str:
        """Take a form without a kind, as there were, for that of a token."""
        return str(self.cleaned_data["kind"] or ApiKey.Kind.BEARER)

    def clean_ip(self) -> list[str]:
        """Part the addresses; whether they are some is for the service to say."""
        return _parted(self.cleaned_data["ip"])

    def clean_markets(self) -> list[str]:
        """Part the symbols; whether they are some is for the service to say."""
        return _parted(self.cleaned_data["markets"].upper())

    def terms(self) -> KeyTerms:
        """Return what the key is to be; the form must be valid."""
        cleaned = self.cleaned_data
        last_day: date | None = cleaned["expires_at"]
        # The whole of that day.
        until = None if last_day is None else datetime.combine(last_day, time.max, tzinfo=UTC)
        return KeyTerms(
            scopes=cleaned["scopes"],
            label=cleaned["label"],
            account_id=cleaned["account"],
            ip_allowed=cleaned["ip"],
            markets=cleaned["markets"],
            expires_at=until,
        )


def _parted(text: str) -> list[str]:
    return text.replace(",", " ").split()
