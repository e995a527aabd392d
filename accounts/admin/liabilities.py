"""Operators' pages of published liabilities, all to look at."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.look_ups import ACCOUNT_WORDS, of_account, of_asset
from accounts.models import LiabilityLeaf, LiabilitySnapshot, LiabilityTree
from zavora.foundation.admin.base import ReadOnlyAdmin, Related
from zavora.foundation.admin.cells import Unit, unit_of_asset
from zavora.foundation.admin.search import numbers


@admin.register(LiabilitySnapshot)
class LiabilitySnapshotAdmin(ReadOnlyAdmin):
    """When all balances were published. What the nonces come of is shown nowhere."""

    list_display = ("id", "taken_at")
    sortable_by = ("id",)
    is_named_by_id = True
    fields = ("id", "taken_at")
    look_ups = (numbers("pk"),)
    searched_by = "snapshot id"
    related = (Related("accounts.liabilitytree", lambda snapshot: str(snapshot.pk)),)


@admin.register(LiabilityTree)
class LiabilityTreeAdmin(ReadOnlyAdmin):
    """The root and the total of each asset."""

    list_display = ("id", "snapshot", "asset", "total", "leaves", "root")
    list_select_related = ("asset",)
    sortable_by = ("id",)
    is_named_by_id = True
    fields = ("id", "snapshot", "asset", "total", "leaves", "root")
    units = {"total": unit_of_asset}
    look_ups = (numbers("pk", "snapshot"), of_asset("asset", is_recent=True))
    searched_by = "tree or snapshot id; asset, among the newest trees"

    def get_queryset(self, request: HttpRequest) -> QuerySet[LiabilityTree]:
        """Leave what only paths need where it is."""
        return super().get_queryset(request).defer("blocks")


def _unit_of_leaf(row: LiabilityLeaf) -> Unit:
    return unit_of_asset(row.tree)


@admin.register(LiabilityLeaf)
class LiabilityLeafAdmin(ReadOnlyAdmin):
    """Every balance that was counted."""

    list_display = ("id", "tree", "position", "account", "amount")
    list_select_related = ("account__owner", "tree__asset")
    sortable_by = ("id",)
    units = {"amount": _unit_of_leaf}
    look_ups = (of_account("account"), numbers("tree"))
    searched_by = f"{ACCOUNT_WORDS}, tree id"
