"""Operators' pages of balances and the ledger: to look at, and to correct by an adjustment.

An adjustment is a service, which is asked again before it moves anything.
"""

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db.models import Model, Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.access.actor import Permission
from accounts.access.page_actors import operator_of
from accounts.admin.approvals import told_of_request
from accounts.admin.look_ups import ACCOUNT_WORDS, of_account, of_asset, transactions_of
from accounts.audit import find_operators_act
from accounts.models import (
    Account,
    AuditRecord,
    Balance,
    LedgerEntry,
    LedgerTransaction,
    User,
)
from accounts.money.postings import total_of
from accounts.money.services import is_alone
from accounts.services import Movement, preview_adjustment, submit_adjustment
from zavora.foundation.admin.base import ReadOnlyAdmin, Related, cell, cell_of
from zavora.foundation.admin.cells import (
    NOTHING,
    figure,
    figure_cell,
    in_a_row,
    lines,
    link,
    link_to,
    search_link,
    table,
    unit_of_asset,
)
from zavora.foundation.admin.forms import Facts, ServiceAddMixin
from zavora.foundation.admin.search import numbers, recent
from zavora.foundation.forms import DecimalTextField


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


def facts_of(movement: Movement) -> list[tuple[str, str]]:
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


def second_person(request: HttpRequest, movement: Movement) -> list[tuple[str, str]]:
    """Return that a movement waits for a second person, where it does."""
    is_done = is_alone(operator_of(request), movement.amount)
    return [] if is_done else [("Second person", "needed: this only asks for it")]


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
    LedgerTransaction.Kind.PREVENTED: "matching.preventedmatch",
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
    prefilled = ("account",)
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
    look_ups = (transactions_of, recent("reference"))
    searched_by = (
        f"{ACCOUNT_WORDS}, transaction id, a deposit's or withdrawal's id or external reference,"
        " a transfer's id; reference or reason, among the newest transactions"
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
        if row.kind == LedgerTransaction.Kind.TRANSFER:  # which goes by a name, not by a number
            return search_link(request, "accounts.transfer", row.reference, "transfer") or NOTHING
        label = ABOUT.get(row.kind)
        return link_to(request, label, row.reference) if label else NOTHING

    @cell("operator")
    def operator(self, request: HttpRequest, row: LedgerTransaction) -> str:
        """Return who did it, where an operator did, and the record of it."""
        act = _act_of(row)
        if act is None:
            return NOTHING
        person = User.objects.filter(pk=act.user_id or 0).first()
        who = act.actor_name if person is None else str(person)
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
        return [*facts_of(movement), *second_person(request, movement), ("Reason", data["reason"])]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may correct balances."""
        return request.user.has_perm(Permission.ADJUST_BALANCE)

    def tell_added(self, row: Model) -> str:
        """Say what was corrected, or that it waits for a second person."""
        return told_of_request(row) or super().tell_added(row)

    def add_by(self, request: HttpRequest, data: dict[str, Any]) -> Model:
        """Correct the balance, or ask a second person where it takes one."""
        return submit_adjustment(
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
