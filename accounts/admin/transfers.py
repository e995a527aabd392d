"""Operators' page of transfers between accounts of one owner: to look at."""

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin.look_ups import ACCOUNT_WORDS, of_account, of_asset
from accounts.models import Transfer
from zavora.foundation.admin.base import ReadOnlyAdmin, cell, cell_of
from zavora.foundation.admin.cells import unit_of_asset
from zavora.foundation.admin.search import numbers, recent, uuids


@admin.register(Transfer)
class TransferAdmin(ReadOnlyAdmin):
    """Transfers, which are done as soon as they are there; nobody changes one."""

    list_display = (
        "public_id",
        "from_account",
        "to_account",
        "amount",
        "transaction",
        "actor",
        "created_at",
    )
    list_filter = ("asset",)
    list_select_related = ("from_account__owner", "to_account__owner", "asset", "created_by")
    fields = (
        "public_id",
        "owner",
        "from_account",
        "to_account",
        "amount",
        "transaction",
        "idempotency_key",
        "actor",
        "created_at",
    )
    readonly_fields = ("public_id",)
    units = {"amount": unit_of_asset}
    look_ups = (
        numbers("pk", "transaction"),
        uuids("public_id"),
        of_account("from_account", "to_account"),
        of_asset("asset", is_recent=True),
        recent("idempotency_key"),
    )
    searched_by = (
        f"{ACCOUNT_WORDS}, transfer or transaction id; asset or idempotency key, among the newest"
        " transfers"
    )

    @cell("by")
    def actor(self, request: HttpRequest, row: Transfer) -> str:
        """Return who did it."""
        return cell_of(request, row.created_by) if row.created_by else "the exchange itself"
