"""Operators' pages of withdrawals: those that wait are paid out or cancelled here."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.access.actor import Permission
from accounts.access.page_actors import operator_of
from accounts.admin.look_ups import ACCOUNT_WORDS, of_account, of_asset
from accounts.models import Withdrawal
from accounts.services import cancel_withdrawal, settle_withdrawal
from zavora.foundation.admin.base import ReadOnlyAdmin
from zavora.foundation.admin.cells import unit_of_asset
from zavora.foundation.admin.forms import for_each
from zavora.foundation.admin.search import numbers, recent, texts


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
    def settle(self, request: HttpRequest, rows: QuerySet[Withdrawal]) -> HttpResponse | None:
        """Settle pending withdrawals."""
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
        """Give back what pending withdrawals hold."""
        by = operator_of(request)
        return for_each(
            self,
            request,
            rows,
            lambda record: cancel_withdrawal(by=by, withdrawal_id=record.pk),
            done="cancelled",
        )
