"""Operators' pages of people and money.

The ledger and balances are to look at; money moves by deposits and adjustments, which are services.
"""

import uuid
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.forms import DecimalTextField
from accounts.models import (
    Account,
    ApiKey,
    Asset,
    Balance,
    Deposit,
    LedgerEntry,
    LedgerTransaction,
    User,
    Withdrawal,
)
from accounts.notices import publish_credentials_on_commit
from accounts.postings import total_of
from accounts.selectors import find_user, get_account
from accounts.services import (
    SOURCE_OPERATOR,
    adjust_balance,
    cancel_withdrawal,
    create_account,
    create_asset,
    create_user,
    deposit,
    revoke_key,
    set_asset_active,
    set_user_active,
    settle_withdrawal,
)
from zavora.admin_base import BoundedAdmin, ReadOnlyAdmin, ServiceAddMixin, for_each
from zavora.errors import ValidationFailed
from zavora.money import SCALE_MAX

admin.site.site_header = "Zavora"
admin.site.site_title = "Zavora"
admin.site.index_title = "Operations"


# --- people --------------------------------------------------------------------------------------


class NewUserForm(forms.Form):
    """A user made by an operator."""

    email = forms.EmailField()
    password = forms.CharField(
        strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )
    is_staff = forms.BooleanField(required=False, help_text="May use these pages.")


@admin.register(User)
class UserAdmin(ServiceAddMixin, BoundedAdmin, DjangoUserAdmin):
    """People: rights and passwords change here; they are shut out, never deleted."""

    add_service_form = NewUserForm
    add_title = "Add user"
    list_display = ("email", "is_active", "is_staff", "is_superuser", "created_at")
    list_filter = ("is_active", "is_staff", "is_superuser")
    text_search = ("email",)
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("email", "password", "is_active", "created_at", "last_login")}),
        ("Rights", {"fields": ("is_staff", "is_superuser", "groups", "user_permissions")}),
    )
    readonly_fields = ("email", "is_active", "created_at", "last_login")
    filter_horizontal = ("groups", "user_permissions")
    actions = ("let_in", "shut_out")

    def add_by(self, request: HttpRequest, data: dict[str, Any]) -> User:
        """Make the user; only a superuser makes staff."""
        if data["is_staff"] and not request.user.is_superuser:
            raise ValidationFailed("not allowed", is_staff="only a superuser may make staff")
        return create_user(**data)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Only superusers give rights, else one could give them to oneself."""
        rights = () if request.user.is_superuser else self.fieldsets[1][1]["fields"]
        return (*self.readonly_fields, *rights)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save rights, and make every process forget the old ones."""
        super().save_model(request, obj, form, change)
        publish_credentials_on_commit(obj.pk)

    @admin.action(description="Let the selected users in", permissions=["change"])
    def let_in(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        """Activate users."""
        for_each(
            self, request, rows, lambda u: set_user_active(user_id=u.pk, is_active=True),
            done="let in",
        )  # fmt: skip

    @admin.action(
        description="Shut the selected users out (tokens and sessions, too)", permissions=["change"]
    )
    def shut_out(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        """Deactivate users."""
        for_each(
            self, request, rows, lambda u: set_user_active(user_id=u.pk, is_active=False),
            done="shut out",
        )  # fmt: skip


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Credentials; their owners make them, an operator can revoke them."""

    list_display = (
        "id",
        "owner",
        "label",
        "kind",
        "scopes",
        "account",
        "expires_at",
        "revoked_at",
        "created_at",
    )
    list_filter = ("kind",)
    list_select_related = ("owner", "account")
    exclude = ("secret", "lookup")
    integer_search = ("pk",)
    text_search = ("owner__email",)
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may revoke keys."""
        return request.user.has_perm("accounts.change_apikey")

    @admin.action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> None:
        """Make keys worthless."""
        for_each(self, request, rows, lambda key: revoke_key(key_id=key.pk), done="revoked")


class NewAccountForm(forms.Form):
    """An account opened by an operator."""

    email = forms.EmailField(label="Owner's e-mail address")
    label = forms.CharField(required=False, max_length=64)


@admin.register(Account)
class AccountAdmin(ServiceAddMixin, ReadOnlyAdmin):
    """Accounts. Freezing comes from matching, as it cancels the open orders."""

    add_service_form = NewAccountForm
    add_title = "Add account"
    list_display = ("public_id", "owner", "label", "kind", "status", "is_demo", "created_at")
    list_filter = ("kind", "status", "is_demo")
    list_select_related = ("owner",)
    integer_search = ("pk",)
    uuid_search = ("public_id",)
    text_search = ("owner__email", "label")
    actions: Any = ()

    def has_freeze_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may freeze accounts."""
        return request.user.has_perm("accounts.change_account")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may open accounts."""
        return request.user.has_perm("accounts.add_account")

    def add_by(self, request: HttpRequest, data: dict[str, Any]) -> Account:
        """Open the account."""
        user = find_user(data["email"])
        if user is None:
            raise ValidationFailed("no such user", email="expected a user's address")
        return create_account(owner_id=user.pk, label=data["label"])


# --- assets and money ----------------------------------------------------------------------------


class NewAssetForm(forms.Form):
    """A new asset; its scale can never change."""

    code = forms.CharField(max_length=16, help_text="Capital letters and digits.")
    name = forms.CharField(max_length=64)
    scale = forms.IntegerField(
        min_value=0, max_value=SCALE_MAX, help_text="Decimals of its smallest unit; for good."
    )


@admin.register(Asset)
class AssetAdmin(ServiceAddMixin, ReadOnlyAdmin):
    """Assets."""

    add_service_form = NewAssetForm
    add_title = "Add asset"
    list_display = ("code", "name", "scale", "is_active", "created_at")
    list_filter = ("is_active",)
    text_search = ("code", "name")
    ordering = ("code",)
    actions = ("open_asset", "close_asset")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may add assets."""
        return request.user.has_perm("accounts.add_asset")

    def add_by(self, request: HttpRequest, data: dict[str, Any]) -> Asset:
        """Add the asset."""
        return create_asset(**data)

    @admin.action(description="Open for deposits and withdrawals", permissions=["add"])
    def open_asset(self, request: HttpRequest, rows: QuerySet[Asset]) -> None:
        """Let money of the assets in and out."""
        for_each(
            self, request, rows, lambda a: set_asset_active(code=a.code, is_active=True),
            done="opened",
        )  # fmt: skip

    @admin.action(description="Close for deposits and withdrawals", permissions=["add"])
    def close_asset(self, request: HttpRequest, rows: QuerySet[Asset]) -> None:
        """Let no money of the assets in or out."""
        for_each(
            self, request, rows, lambda a: set_asset_active(code=a.code, is_active=False),
            done="closed",
        )  # fmt: skip


@admin.register(Balance)
class BalanceAdmin(ReadOnlyAdmin):
    """What accounts have."""

    list_display = ("account", "asset", "available", "locked", "total", "version", "updated_at")
    list_filter = ("asset",)
    list_select_related = ("account", "asset")
    uuid_search = ("account__public_id",)
    text_search = ("account__owner__email",)

    @admin.display(description="total")
    def total(self, balance: Balance) -> Decimal:
        """Return available and locked together."""
        return total_of(balance)


class AdjustmentForm(forms.Form):
    """A correction of a balance."""

    account = forms.UUIDField(label="Account id")
    asset = forms.CharField(max_length=16)
    amount = DecimalTextField(help_text="Negative takes, positive gives.")
    reason = forms.CharField(max_length=64, help_text="Stands in the ledger for good.")


@admin.register(LedgerTransaction)
class LedgerTransactionAdmin(ServiceAddMixin, ReadOnlyAdmin):
    """The ledger. What is added here is an adjustment against the outside."""

    add_service_form = AdjustmentForm
    add_title = "Adjust a balance"
    list_display = ("id", "kind", "reference", "created_at")
    list_filter = ("kind",)
    integer_search = ("pk",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may correct balances."""
        return request.user.has_perm("accounts.add_ledgertransaction")

    def add_by(self, request: HttpRequest, data: dict[str, Any]) -> LedgerTransaction:
        """Correct the balance."""
        return adjust_balance(
            account_id=data["account"],
            asset=data["asset"],
            amount=data["amount"],
            reason=data["reason"],
        )


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    """The movements of the ledger."""

    list_display = (
        "id",
        "transaction_id",
        "account",
        "asset",
        "kind",
        "amount",
        "balance_after",
        "created_at",
    )
    list_filter = ("kind",)
    list_select_related = ("account", "asset")
    integer_search = ("pk", "transaction_id")
    uuid_search = ("account__public_id",)


class NewDepositForm(forms.Form):
    """Money that an operator saw come in."""

    account = forms.UUIDField(label="Account id")
    asset = forms.CharField(max_length=16)
    amount = DecimalTextField()
    external_reference = forms.CharField(
        required=False, max_length=128, help_text="Credited once, however often it is entered."
    )
    # Made with the form, so that one that is sent twice takes effect once.
    key = forms.CharField(
        max_length=64, widget=forms.HiddenInput, initial=lambda: str(uuid.uuid4())
    )


@admin.register(Deposit)
class DepositAdmin(ServiceAddMixin, ReadOnlyAdmin):
    """Deposits. An operator's deposit is credited at once."""

    add_service_form = NewDepositForm
    add_title = "Credit a deposit"
    list_display = (
        "id",
        "account",
        "asset",
        "amount",
        "state",
        "source",
        "external_reference",
        "created_at",
    )
    list_filter = ("state", "asset")
    list_select_related = ("account", "asset")
    integer_search = ("pk",)
    uuid_search = ("account__public_id",)
    text_search = ("external_reference",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may credit deposits."""
        return request.user.has_perm("accounts.add_deposit")

    def add_by(self, request: HttpRequest, data: dict[str, Any]) -> Deposit:
        """Credit the deposit."""
        account_id: UUID = data["account"]
        return deposit(
            account_id=get_account(account_id).public_id,
            asset=data["asset"],
            amount=data["amount"],
            source=SOURCE_OPERATOR,
            external_reference=data["external_reference"] or None,
            key=f"admin:{data['key']}",
        )


@admin.register(Withdrawal)
class WithdrawalAdmin(ReadOnlyAdmin):
    """Withdrawals; pending ones are settled or cancelled here."""

    list_display = ("id", "account", "asset", "amount", "state", "address", "created_at")
    list_filter = ("state", "asset")
    list_select_related = ("account", "asset")
    integer_search = ("pk",)
    uuid_search = ("account__public_id",)
    text_search = ("external_reference",)
    actions = ("settle", "cancel")

    def has_settle_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may decide about withdrawals."""
        return request.user.has_perm("accounts.change_withdrawal")

    @admin.action(description="Pay out the selected withdrawals", permissions=["settle"])
    def settle(self, request: HttpRequest, rows: QuerySet[Withdrawal]) -> None:
        """Settle pending withdrawals."""
        for_each(
            self, request, rows, lambda w: settle_withdrawal(withdrawal_id=w.pk), done="paid out"
        )

    @admin.action(description="Cancel the selected withdrawals", permissions=["settle"])
    def cancel(self, request: HttpRequest, rows: QuerySet[Withdrawal]) -> None:
        """Give back what pending withdrawals hold."""
        for_each(
            self, request, rows, lambda w: cancel_withdrawal(withdrawal_id=w.pk), done="cancelled"
        )
