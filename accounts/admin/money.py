"""Operators' pages of assets and money.

The ledger and balances are to look at; money moves by deposits and adjustments, which are services,
and which ask again before they do it.
"""

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django import forms
from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.access.actor import Permission
from accounts.access.page_actors import operator_of
from accounts.admin.look_ups import ACCOUNT_WORDS, of_account, of_asset, transactions_of
from accounts.audit import find_operators_act
from accounts.models import (
    Account,
    Asset,
    AuditRecord,
    Balance,
    Deposit,
    LedgerEntry,
    LedgerTransaction,
    User,
    Withdrawal,
)
from accounts.money.postings import total_of
from accounts.services import (
    Movement,
    adjust_balance,
    cancel_withdrawal,
    create_asset,
    credit_deposit,
    preview_adjustment,
    preview_credit,
    set_asset_active,
    settle_withdrawal,
)
from zavora.foundation.admin.base import ReadOnlyAdmin, Related, cell, cell_of
from zavora.foundation.admin.cells import (
    NOTHING,
    figure,
    figure_cell,
    in_a_row,
    lines,
    link,
    link_to,
    table,
    unit_of_asset,
)
from zavora.foundation.admin.forms import Facts, ServiceAddMixin, for_each
from zavora.foundation.admin.search import LookUp, numbers, parts, recent, texts
from zavora.foundation.forms import DecimalTextField
from zavora.foundation.money import SCALE_MAX

# --- assets --------------------------------------------------------------------------------------


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
    sortable_by = ("code",)
    look_ups = (parts("code", "name"),)
    searched_by = "code, name, or a part of one"
    related = (
        Related("accounts.balance", lambda asset: asset.code),
        Related("accounts.deposit", lambda asset: asset.code),
        Related("accounts.withdrawal", lambda asset: asset.code),
        Related("accounts.auditrecord", lambda asset: f"asset:{asset.code}"),
    )
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


# --- balances and the ledger ----------------------------------------------------------------------


@admin.register(Balance)
class BalanceAdmin(ReadOnlyAdmin):
    """What accounts have."""

    list_display = ("id", "account", "asset", "available", "locked", "total", "updated_at")
    list_filter = ("asset",)
    list_select_related = ("account__owner", "asset")
    sortable_by = ("id",)
    fields = ("account", "asset", "available", "locked", "total", "version", "updated_at")
    readonly_fields = ("total",)
    units = {"available": unit_of_asset, "locked": unit_of_asset}
    look_ups = (numbers("pk"), of_account("account"), of_asset("asset", is_recent=True))
    searched_by = f"{ACCOUNT_WORDS}; asset, among the newest balances"
    related = (Related("accounts.ledgerentry", lambda balance: str(balance.account.public_id)),)

    @admin.display(description="total")
    def total(self, balance: Balance) -> str:
        """Return available and locked together."""
        return figure_cell(total_of(balance), unit_of_asset(balance))


def _amount_of(row: Any) -> SafeString:
    return figure_cell(row.amount, unit_of_asset(row))


def _facts_of(movement: Movement) -> list[tuple[str, str]]:
    """Return whose money would move, and from what to what."""
    account, unit = movement.account, unit_of_asset(movement)
    return [
        ("Owner", str(account.owner)),
        ("Account", f"{account.label or account.get_kind_display()}, {account.public_id}"),
        ("Status", account.get_status_display()),
        ("Amount", figure(movement.amount, unit)),
        ("Available now", figure(movement.available, unit)),
        ("Available after it", figure(movement.available_after, unit)),
    ]


class AdjustmentForm(forms.Form):
    """A correction of a balance."""

    account = forms.UUIDField(label="Account id")
    asset = forms.CharField(max_length=16)
    amount = DecimalTextField(help_text="Negative takes, positive gives.")
    reason = forms.CharField(max_length=64, help_text="Stands in the ledger for good.")


# What a transaction is the movement of, by its kind; its reference is that row's number.
ABOUT: Final[Mapping[str, str]] = {
    LedgerTransaction.Kind.TRADE: "matching.trade",
    LedgerTransaction.Kind.DEPOSIT: "accounts.deposit",
    LedgerTransaction.Kind.WITHDRAWAL: "accounts.withdrawal",
}


def _act_of(row: LedgerTransaction) -> AuditRecord | None:
    """Return the record of the operator's act that the transaction is the effect of."""
    accounts = [entry.account for entry in row.entries.all() if entry.account.owner_id is not None]
    subjects = [f"account:{account.public_id}" for account in accounts]
    if row.kind == LedgerTransaction.Kind.ADJUSTMENT:
        return find_operators_act(subjects, "transaction", str(row.pk))
    if row.kind in (LedgerTransaction.Kind.DEPOSIT, LedgerTransaction.Kind.WITHDRAWAL):
        return find_operators_act(subjects, row.kind, row.reference)
    return None


@admin.register(LedgerTransaction)
class LedgerTransactionAdmin(ServiceAddMixin, ReadOnlyAdmin):
    """The ledger. What is added here is an adjustment against the outside."""

    add_service_form = AdjustmentForm
    add_title = "Adjust a balance"
    list_display = ("id", "kind", "reference", "moved", "created_at")
    list_filter = ("kind",)
    sortable_by = ("id",)
    is_named_by_id = True
    fields = (
        "id",
        "kind",
        "moved",
        "about",
        "operator",
        "reason",
        "reference",
        "created_at",
        "all_entries",
    )
    # Apps above add theirs, as with accounts.
    look_ups: ClassVar[tuple[LookUp, ...]] = (transactions_of, recent("reference"))
    searched_by = (
        f"{ACCOUNT_WORDS}, transaction id, a deposit's or withdrawal's id or external reference;"
        " reference or reason, among the newest transactions"
    )
    related = (Related("accounts.ledgerentry", lambda row: str(row.pk)),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerTransaction]:
        """Read the entries of all rows at once."""
        entries = LedgerEntry.objects.select_related("account__owner", "asset").order_by("pk")
        return super().get_queryset(request).prefetch_related(Prefetch("entries", entries))

    @cell("moved")
    def moved(self, request: HttpRequest, row: LedgerTransaction) -> str:
        """Return what went to and from customers; the other side is the exchange's own."""
        of_accounts: dict[Account, list[LedgerEntry]] = {}
        for entry in row.entries.all():
            if entry.account.owner_id is not None:
                of_accounts.setdefault(entry.account, []).append(entry)
        return lines(
            format_html(
                "{}{}", cell_of(request, account), in_a_row(_amount_of(entry) for entry in entries)
            )
            for account, entries in of_accounts.items()
        )

    @cell("about")
    def about(self, request: HttpRequest, row: LedgerTransaction) -> str:
        """Return a link to what the transaction is the movement of."""
        label = ABOUT.get(row.kind)
        return link_to(request, label, row.reference) if label else NOTHING

    @cell("operator")
    def operator(self, request: HttpRequest, row: LedgerTransaction) -> str:
        """Return who did it, where an operator did, and the record of it."""
        act = _act_of(row)
        if act is None:
            return NOTHING
        who = act.actor_name
        name = link(request, User, act.user_id, who) if act.user_id else format_html("{}", who)
        return format_html("{} ({})", name, link(request, AuditRecord, act.pk, "record"))

    @cell("reason")
    def reason(self, request: HttpRequest, row: LedgerTransaction) -> str:
        """Return the reason that an operator gave."""
        act = _act_of(row)
        return act.reason if act is not None and act.reason else NOTHING

    @cell("entries")
    def all_entries(self, request: HttpRequest, row: LedgerTransaction) -> str:
        """Return every entry of the transaction."""
        return table(
            ("Entry", "Account", "Kind", "Amount", "Balance after"),
            (
                (
                    link(request, LedgerEntry, entry.pk, str(entry.pk)),
                    cell_of(request, entry.account),
                    entry.get_kind_display(),
                    _amount_of(entry),
                    figure_cell(entry.balance_after, unit_of_asset(entry)),
                )
                for entry in row.entries.all()
            ),
        )

    def question(self, request: HttpRequest, data: dict[str, Any]) -> Facts:
        """Name account, owner and amount."""
        movement = preview_adjustment(
            by=operator_of(request),
            account_id=data["account"],
            asset=data["asset"],
            amount=data["amount"],
        )
        return [*_facts_of(movement), ("Reason", data["reason"])]

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
        "transaction",
        "account",
        "kind",
        "amount",
        "balance_after",
        "created_at",
    )
    list_filter = ("kind",)
    list_select_related = ("account__owner", "asset")
    sortable_by = ("id",)
    units = {"amount": unit_of_asset, "balance_after": unit_of_asset}
    look_ups = (
        numbers("pk", "transaction"),
        of_account("account"),
        of_asset("asset", is_recent=True),
    )
    searched_by = f"{ACCOUNT_WORDS}, entry or transaction id; asset, among the newest entries"


# --- in and out -----------------------------------------------------------------------------------


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
        "amount",
        "state",
        "source",
        "external_reference",
        "transaction",
        "created_at",
    )
    list_filter = ("state", "asset")
    list_select_related = ("account__owner", "asset")
    sortable_by = ("id",)
    units = {"amount": unit_of_asset}
    look_ups = (
        numbers("pk", "transaction"),
        of_account("account"),
        of_asset("asset", is_recent=False),
        texts("external_reference"),
    )
    searched_by = f"{ACCOUNT_WORDS}, deposit or transaction id, external reference, asset"

    def question(self, request: HttpRequest, data: dict[str, Any]) -> Facts:
        """Name account, owner and amount."""
        movement = preview_credit(
            by=operator_of(request),
            account_id=data["account"],
            asset=data["asset"],
            amount=data["amount"],
        )
        reference = ("External reference", data["external_reference"])
        return [*_facts_of(movement), reference, ("Reason", data["reason"])]

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

    list_display = (
        "id",
        "account",
        "amount",
        "state",
        "address",
        "external_reference",
        "transaction",
        "created_at",
    )
    list_filter = ("state", "asset")
    list_select_related = ("account__owner", "asset")
    sortable_by = ("id",)
    units = {"amount": unit_of_asset}
    look_ups = (
        numbers("pk", "transaction"),
        of_account("account"),
        of_asset("asset", is_recent=False),
        texts("external_reference"),
        recent("address"),
    )
    searched_by = (
        f"{ACCOUNT_WORDS}, withdrawal or transaction id, external reference, asset;"
        " address, among the newest withdrawals"
    )
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
