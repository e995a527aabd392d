"""Operators' pages of assets."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.access.actor import Permission
from accounts.access.page_actors import operator_of
from accounts.admin.approvals import told_of_request
from accounts.models import Asset
from accounts.money.reconcile import plain
from accounts.services import create_asset, set_asset_active, submit_threshold
from zavora.foundation.admin.base import ReadOnlyAdmin, Related
from zavora.foundation.admin.cells import Unit
from zavora.foundation.admin.forms import (
    ReasonForm,
    ServiceAddMixin,
    ServiceChangeMixin,
    for_each,
)
from zavora.foundation.admin.search import parts
from zavora.foundation.forms import DecimalTextField
from zavora.foundation.money import SCALE_MAX


class NewAssetForm(ReasonForm):
    """A new asset; its scale can never change."""

    code = forms.CharField(max_length=16, help_text="Capital letters and digits.")
    name = forms.CharField(max_length=64)
    scale = forms.IntegerField(
        min_value=0, max_value=SCALE_MAX, help_text="Decimals of its smallest unit; for good."
    )


class ThresholdForm(forms.Form):
    """Up to what withdrawals need nobody's approval."""

    amount = DecimalTextField(
        label="No approval up to",
        help_text="0: two persons approve each withdrawal. A higher one takes a second person.",
    )
    reason = forms.CharField(max_length=200, help_text="Stands in the record of this for good.")


@admin.register(Asset)
class AssetAdmin(ServiceAddMixin, ServiceChangeMixin, ReadOnlyAdmin):
    """Assets. A lower threshold holds at once, a higher one takes a second person."""

    add_service_form = NewAssetForm
    add_title = "Add asset"
    list_display = ("code", "name", "scale", "is_active", "withdrawal_auto_max", "created_at")
    units = {"withdrawal_auto_max": lambda asset: Unit(asset.scale, asset.code)}
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

    def may_change(self, request: HttpRequest) -> bool:
        """Return whether the operator may change thresholds."""
        return request.user.has_perm(Permission.CHANGE_THRESHOLD)

    def change_form(self, data: Any, row: Asset) -> forms.Form:
        """Return the form of the threshold."""
        return ThresholdForm(data, initial={"amount": plain(row.withdrawal_auto_max)})

    def change_by(self, request: HttpRequest, row: Asset, data: dict[str, Any]) -> str:
        """Set the threshold, or ask a second person for a higher one."""
        changed = submit_threshold(by=operator_of(request), code=row.code, **data)
        return told_of_request(changed) or f"{row}: saved"

    @admin.action(description="Open for deposits and withdrawals", permissions=["run"])
    def open_asset(self, request: HttpRequest, rows: QuerySet[Asset]) -> HttpResponse | None:
        """Let money of the assets in and out."""
        return self._set_active(request, rows, is_active=True, done="opened")

    @admin.action(description="Close for deposits and withdrawals", permissions=["run"])
    def close_asset(self, request: HttpRequest, rows: QuerySet[Asset]) -> HttpResponse | None:
        """Let no money of the assets in or out."""
        return self._set_active(request, rows, is_active=False, done="closed")

    def _set_active(
        self, request: HttpRequest, rows: QuerySet[Asset], *, is_active: bool, done: str
    ) -> HttpResponse | None:
        by = operator_of(request)
        return for_each(
            self,
            request,
            rows,
            lambda asset: set_asset_active(by=by, code=asset.code, is_active=is_active),
            done=done,
        )
