"""Operators' pages of what leaves: withdrawals by age, address books, and limits of a day."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.timesince import timesince

from accounts.access.actor import Permission
from accounts.access.page_actors import operator_of
from accounts.admin.approvals import (
    DecisionForm,
    approvals_text,
    ask_to_decide,
    facts_of_approval,
)
from accounts.admin.look_ups import ACCOUNT_WORDS, of_account, of_asset
from accounts.models import HELD_STATES, Withdrawal, WithdrawalAddress, WithdrawalLimit
from accounts.money.reconcile import plain
from accounts.services import (
    LEVEL_MAX,
    cancel_withdrawal,
    fail_withdrawal,
    set_withdrawal_limit,
    settle_withdrawal,
)
from zavora.foundation.admin.base import ReadOnlyAdmin, Related
from zavora.foundation.admin.cells import NOTHING, figure, unit_of_asset
from zavora.foundation.admin.forms import (
    Facts,
    ServiceAddMixin,
    ServiceChangeMixin,
    ask_before,
    for_each,
)
from zavora.foundation.admin.search import numbers, recent, texts
from zavora.foundation.errors import Conflict
from zavora.foundation.forms import DecimalTextField


def _facts_of(record: Withdrawal) -> Facts:
    account = record.account
    facts = [
        ("Owner", str(account.owner)),
        ("Account", f"{account.label or account.get_kind_display()}, {account.public_id}"),
        ("Amount", figure(record.amount, unit_of_asset(record))),
        ("To", record.address or NOTHING),
        ("State", f"{record.get_state_display()}, for {timesince(record.updated_at)}"),
    ]
    return facts if record.approval is None else [*facts, *facts_of_approval(record.approval)[4:]]


def _approval_of(record: Withdrawal) -> int:
    if record.approval_id is None:
        raise Conflict("it takes nobody's approval")
    return record.approval_id


@admin.register(Withdrawal)
class WithdrawalAdmin(ReadOnlyAdmin):
    """Withdrawals. Two persons approve those above the threshold; approved ones are paid out."""

    list_display = (
        "id",
        "account",
        "amount",
        "state",
        "approvals",
        "age",
        "address",
        "external_reference",
        "transaction",
        "created_at",
    )
    list_filter = ("state", "asset")
    list_select_related = ("account__owner", "asset", "approval")
    sortable_by = ("id",)
    fields = (
        "id",
        "account",
        "asset",
        "amount",
        "state",
        "approvals",
        "approval",
        "decided_by",
        "why",
        "address",
        "external_reference",
        "idempotency_key",
        "transaction",
        "created_at",
        "updated_at",
    )
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
    related = (
        Related("accounts.payout", lambda row: str(row.pk)),
        Related("accounts.withdrawaladdress", lambda row: str(row.account.public_id)),
    )
    actions = ("approve", "refuse", "settle", "cancel", "fail")

    def get_ordering(self, request: HttpRequest) -> Any:
        """Show those that wait by age, the oldest first."""
        return ("pk",) if request.GET.get("state__exact") in HELD_STATES else ("-pk",)

    @admin.display(description="approvals")
    def approvals(self, row: Withdrawal) -> str:
        """Return how many of those who are needed have approved it."""
        return approvals_text(row.approval)

    @admin.display(description="waits for")
    def age(self, row: Withdrawal) -> str:
        """Return how long it waits by now."""
        return timesince(row.created_at, timezone.now()) if row.is_held else NOTHING

    def has_approve_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may be one of the two who approve."""
        return request.user.has_perm(Permission.APPROVE_WITHDRAWAL)

    def has_settle_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may pay out, cancel, and say that it failed."""
        return request.user.has_perm(Permission.DECIDE_WITHDRAWAL)

    @admin.action(description="Approve…", permissions=["approve"])
    def approve(self, request: HttpRequest, rows: QuerySet[Withdrawal]) -> HttpResponse | None:
        """Be one of the two who approve, with a reason."""
        return self._decide(request, rows, is_approved=True)

    @admin.action(description="Refuse…", permissions=["approve"])
    def refuse(self, request: HttpRequest, rows: QuerySet[Withdrawal]) -> HttpResponse | None:
        """Give back what withdrawals hold that wait for approval, with a reason."""
        return self._decide(request, rows, is_approved=False)

    def _decide(
        self, request: HttpRequest, rows: QuerySet[Withdrawal], *, is_approved: bool
    ) -> HttpResponse | None:
        return ask_to_decide(
            self, request, list(rows), facts=_facts_of, is_approved=is_approved,
            approval_of=_approval_of,
        )  # fmt: skip

    @admin.action(description="Pay out the selected withdrawals", permissions=["settle"])
    def settle(self, request: HttpRequest, rows: QuerySet[Withdrawal]) -> HttpResponse | None:
        """Settle approved withdrawals."""
        by = operator_of(request)
        return for_each(
            self,
            request,
            rows,
            lambda record: settle_withdrawal(by=by, withdrawal_id=record.pk),
            done="paid out",
        )

    @admin.action(description="Cancel the selected withdrawals", permissions=["settle"])
    def cancel(self, request: HttpRequest, rows: QuerySet[Withdrawal]) -> HttpResponse | None:
        """Give back what withdrawals hold that have not left."""
        by = operator_of(request)
        return for_each(
            self,
            request,
            rows,
            lambda record: cancel_withdrawal(by=by, withdrawal_id=record.pk),
            done="cancelled",
        )

    @admin.action(description="Could not be paid out…", permissions=["settle"])
    def fail(self, request: HttpRequest, rows: QuerySet[Withdrawal]) -> HttpResponse | None:
        """Give back what approved withdrawals hold that cannot be paid out, with a reason."""
        by = operator_of(request)

        def act(record: Withdrawal, data: dict[str, Any]) -> str:
            fail_withdrawal(by=by, withdrawal_id=record.pk, reason=data["reason"])
            return "failed, what it held is given back"

        return ask_before(
            self, request, list(rows), DecisionForm, title="Give back", facts=_facts_of, act=act
        )


@admin.register(WithdrawalAddress)
class WithdrawalAddressAdmin(ReadOnlyAdmin):
    """Address books; their owners keep them."""

    list_display = (
        "id", "account", "asset", "address", "label", "usable_at", "created_at", "removed_at",
    )  # fmt: skip
    list_filter = ("asset",)
    list_select_related = ("account__owner", "asset")
    sortable_by = ("id",)
    look_ups = (numbers("pk"), of_account("account"), recent("address", "label"))
    searched_by = f"{ACCOUNT_WORDS}, id; address or label, among the newest entries"


class LimitForm(forms.Form):
    """How much of an asset may leave a day."""

    account = forms.UUIDField(label="Account id", required=False, help_text="Or a level; not both.")
    level = forms.IntegerField(
        label="Verification level", required=False, min_value=0, max_value=LEVEL_MAX
    )
    asset = forms.CharField(max_length=16)
    per_day = DecimalTextField(label="Per day, in UTC")
    reason = forms.CharField(max_length=200, help_text="Stands in the record of this for good.")


class ChangedLimitForm(forms.Form):
    """A limit that is changed, or taken away."""

    per_day = DecimalTextField(
        label="Per day, in UTC", required=False, help_text="Empty: no limit any more."
    )
    reason = forms.CharField(max_length=200, help_text="Stands in the record of this for good.")


@admin.register(WithdrawalLimit)
class WithdrawalLimitAdmin(ServiceAddMixin, ServiceChangeMixin, ReadOnlyAdmin):
    """How much may leave a day. Where there is no row there is no limit."""

    add_service_form = LimitForm
    add_title = "Set a limit"
    list_display = ("id", "account", "level", "asset", "per_day", "updated_at")
    list_filter = ("asset",)
    list_select_related = ("account__owner", "asset")
    sortable_by = ("id",)
    units = {"per_day": unit_of_asset}
    look_ups = (numbers("pk"), of_account("account"), of_asset("asset", is_recent=False))
    searched_by = f"{ACCOUNT_WORDS}, id, asset"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may set limits."""
        return request.user.has_perm(Permission.CHANGE_LIMIT)

    def add_by(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Set the limit."""
        return set_withdrawal_limit(
            by=operator_of(request), account_id=data["account"], level=data["level"],
            asset=data["asset"], per_day=data["per_day"], reason=data["reason"],
        )  # fmt: skip

    def may_change(self, request: HttpRequest) -> bool:
        """Return whether the operator may set limits."""
        return request.user.has_perm(Permission.CHANGE_LIMIT)

    def change_form(self, data: Any, row: WithdrawalLimit) -> forms.Form:
        """Return the form of a limit."""
        return ChangedLimitForm(data, initial={"per_day": plain(row.per_day)})

    def change_by(self, request: HttpRequest, row: WithdrawalLimit, data: dict[str, Any]) -> str:
        """Change the limit, or take it away."""
        set_withdrawal_limit(
            by=operator_of(request),
            account_id=None if row.account is None else row.account.public_id,
            level=row.level, asset=row.asset.code, **data,
        )  # fmt: skip
        return f"{row}: saved"
