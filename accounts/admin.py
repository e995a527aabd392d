"""Operators' pages of people and money.

The ledger and balances are to look at; money moves by deposits and adjustments, which are services.
"""

import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts.access.actor import Permission
from accounts.access.operators import operator_of
from accounts.admin_rights import PermissionsField
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
from accounts.postings import total_of
from accounts.selectors import find_user
from accounts.services import (
    RESET_LINK_HOURS,
    adjust_balance,
    cancel_withdrawal,
    create_account,
    create_asset,
    create_user,
    credit_deposit,
    make_reset_link,
    revoke_key,
    set_asset_active,
    set_user_active,
    set_user_rights,
    settle_withdrawal,
)
from zavora.admin_base import ReadOnlyAdmin, ServiceAddMixin, ServiceChangeMixin, for_each
from zavora.errors import ValidationFailed, ZavoraError
from zavora.money import SCALE_MAX

admin.site.site_header = "Zavora"
admin.site.site_title = "Zavora"
admin.site.index_title = "Operations"


# --- people --------------------------------------------------------------------------------------


class NewUserForm(forms.Form):
    """A user made by an operator, who sets no password: a reset link lets the person do that."""

    email = forms.EmailField()
    is_staff = forms.BooleanField(required=False, help_text="May use these pages.")


class RightsForm(forms.Form):
    """What a user may do."""

    is_staff = forms.BooleanField(required=False, help_text="May use these pages.")
    is_superuser = forms.BooleanField(required=False, help_text="May do everything.")
    groups = forms.ModelMultipleChoiceField(Group.objects.order_by("name"), required=False)
    permissions = PermissionsField()


@admin.register(User)
class UserAdmin(ServiceAddMixin, ServiceChangeMixin, ReadOnlyAdmin):
    """People: superusers give rights here; nobody sets another person's password or deletes one."""

    add_service_form = NewUserForm
    add_title = "Add user"
    list_display = ("email", "is_active", "is_staff", "is_superuser", "created_at")
    list_filter = ("is_active", "is_staff", "is_superuser")
    text_search = ("email",)
    fieldsets = (
        (None, {"fields": ("email", "is_active", "created_at", "last_login")}),
        ("Rights", {"fields": ("is_staff", "is_superuser", "groups", "user_permissions")}),
    )
    actions = ("let_in", "shut_out", "make_link")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may make users."""
        return request.user.has_perm(Permission.ADD_USER)

    def has_admit_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may let users in and shut them out."""
        return request.user.has_perm(Permission.CHANGE_USER)

    def has_link_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may make links to new passwords."""
        return request.user.has_perm(Permission.MAKE_RESET_LINK)

    def add_by(self, request: HttpRequest, data: dict[str, Any]) -> User:
        """Make the user; only a superuser makes staff."""
        return create_user(by=operator_of(request), **data)

    def may_change(self, request: HttpRequest) -> bool:
        """Only superusers give rights: whoever could give some could give them to themselves."""
        return operator_of(request).may_everything

    def change_form(self, data: Any, row: User) -> forms.Form:
        """Return the form of a user's rights."""
        rights = {
            "is_staff": row.is_staff,
            "is_superuser": row.is_superuser,
            "groups": row.groups.all(),
            "permissions": row.user_permissions.all(),
        }
        return RightsForm(data, initial=rights)

    def change_by(self, request: HttpRequest, row: User, data: dict[str, Any]) -> str:
        """Give the rights, and make every process forget the old ones."""
        set_user_rights(by=operator_of(request), user_id=row.pk, **data)
        return f"{row}: rights saved"

    @admin.action(description="Let the selected users in", permissions=["admit"])
    def let_in(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        """Activate users."""
        self._set_active(request, rows, is_active=True, done="let in")

    @admin.action(
        description="Shut the selected users out (tokens and sessions, too)", permissions=["admit"]
    )
    def shut_out(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        """Deactivate users."""
        self._set_active(request, rows, is_active=False, done="shut out")

    def _set_active(
        self, request: HttpRequest, rows: QuerySet[User], *, is_active: bool, done: str
    ) -> None:
        by = operator_of(request)
        for_each(
            self,
            request,
            rows,
            lambda user: set_user_active(by=by, user_id=user.pk, is_active=is_active),
            done=done,
        )

    @admin.action(
        description="Make a link by which the selected user sets a new password",
        permissions=["link"],
    )
    def make_link(self, request: HttpRequest, rows: QuerySet[User]) -> HttpResponse | None:
        """Show a link, this once, for the operator to hand over to its one user."""
        users = list(rows[:2])
        if len(users) != 1:
            messages.error(request, "Select one user: each gets a link of their own.")
            return None
        try:
            reference, token = make_reset_link(by=operator_of(request), user_id=users[0].pk)
        except ZavoraError as error:
            messages.error(request, f"{users[0]}: {error}")
            return None
        path = reverse("set_password", args=(reference, token))
        context = {
            **self.admin_site.each_context(request),
            "title": f"A new password for {users[0]}",
            "opts": self.opts,
            "link": request.build_absolute_uri(path),
            "hours": RESET_LINK_HOURS,
        }
        self.log_change(request, users[0], "link to a new password made")
        return TemplateResponse(request, "admin/reset_link.html", context)


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
        return request.user.has_perm(Permission.REVOKE_KEY)

    @admin.action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> None:
        """Make keys worthless."""
        by = operator_of(request)
        for_each(self, request, rows, lambda key: revoke_key(by=by, key_id=key.pk), done="revoked")


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
        return request.user.has_perm(Permission.CHANGE_ACCOUNT)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may open accounts."""
        return request.user.has_perm(Permission.ADD_ACCOUNT)

    def add_by(self, request: HttpRequest, data: dict[str, Any]) -> Account:
        """Open the account."""
        user = find_user(data["email"])
        if user is None:
            raise ValidationFailed("no such user", email="expected a user's address")
        return create_account(by=operator_of(request), owner_id=user.pk, label=data["label"])


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

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may open and close assets."""
        return request.user.has_perm(Permission.CHANGE_ASSET)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may add assets."""
        return request.user.has_perm(Permission.ADD_ASSET)

    def add_by(self, request: HttpRequest, data: dict[str, Any]) -> Asset:
        """Add the asset."""
        return create_asset(by=operator_of(request), **data)

    @admin.action(description="Open for deposits and withdrawals", permissions=["run"])
    def open_asset(self, request: HttpRequest, rows: QuerySet[Asset]) -> None:
        """Let money of the assets in and out."""
        self._set_active(request, rows, is_active=True, done="opened")

    @admin.action(description="Close for deposits and withdrawals", permissions=["run"])
    def close_asset(self, request: HttpRequest, rows: QuerySet[Asset]) -> None:
        """Let no money of the assets in or out."""
        self._set_active(request, rows, is_active=False, done="closed")

    def _set_active(
        self, request: HttpRequest, rows: QuerySet[Asset], *, is_active: bool, done: str
    ) -> None:
        by = operator_of(request)
        for_each(
            self,
            request,
            rows,
            lambda asset: set_asset_active(by=by, code=asset.code, is_active=is_active),
            done=done,
        )


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
        return request.user.has_perm(Permission.ADJUST_BALANCE)

    def add_by(self, request: HttpRequest, data: dict[str, Any]) -> LedgerTransaction:
        """Correct the balance."""
        return adjust_balance(
            by=operator_of(request),
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
        max_length=128,
        help_text="What it is called outside. Credited once, however often it is entered.",
    )
    reason = forms.CharField(max_length=200, help_text="Stands in the record of this for good.")
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
        return request.user.has_perm(Permission.CREDIT_DEPOSIT)

    def add_by(self, request: HttpRequest, data: dict[str, Any]) -> Deposit:
        """Credit the deposit."""
        return credit_deposit(
            by=operator_of(request),
            account_id=data["account"],
            asset=data["asset"],
            amount=data["amount"],
            external_reference=data["external_reference"],
            reason=data["reason"],
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
        return request.user.has_perm(Permission.DECIDE_WITHDRAWAL)

    @admin.action(description="Pay out the selected withdrawals", permissions=["settle"])
    def settle(self, request: HttpRequest, rows: QuerySet[Withdrawal]) -> None:
        """Settle pending withdrawals."""
        by = operator_of(request)
        for_each(
            self,
            request,
            rows,
            lambda record: settle_withdrawal(by=by, withdrawal_id=record.pk),
            done="paid out",
        )

    @admin.action(description="Cancel the selected withdrawals", permissions=["settle"])
    def cancel(self, request: HttpRequest, rows: QuerySet[Withdrawal]) -> None:
        """Give back what pending withdrawals hold."""
        by = operator_of(request)
        for_each(
            self,
            request,
            rows,
            lambda record: cancel_withdrawal(by=by, withdrawal_id=record.pk),
            done="cancelled",
        )
