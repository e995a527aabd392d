"""Operators' pages of deposits: money that an operator saw come in is credited here.

The service that credits it is asked again before it does.
"""

import uuid
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from accounts.access.actor import Permission
from accounts.access.page_actors import operator_of
from accounts.admin.approvals import told_of_request
from accounts.admin.ledger import facts_of, second_person
from accounts.admin.look_ups import ACCOUNT_WORDS, of_account, of_asset
from accounts.models import Deposit
from accounts.services import preview_credit, submit_credit
from zavora.foundation.admin.base import ReadOnlyAdmin
from zavora.foundation.admin.cells import unit_of_asset
from zavora.foundation.admin.forms import Facts, ServiceAddMixin
from zavora.foundation.admin.search import numbers, texts
from zavora.foundation.forms import DecimalTextField


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
    """Deposits. An operator's is credited at once, or once a second person has approved it."""

    add_service_form = NewDepositForm
    prefilled = ("account",)
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
        facts = [*facts_of(movement), *second_person(request, movement)]
        return [*facts, reference, ("Reason", data["reason"])]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may credit deposits."""
        return request.user.has_perm(Permission.CREDIT_DEPOSIT)

    def tell_added(self, row: Model) -> str:
        """Say what was credited, or that it waits for a second person."""
        return told_of_request(row) or super().tell_added(row)

    def add_by(self, request: HttpRequest, data: dict[str, Any]) -> Model:
        """Credit the deposit, or ask a second person where it takes one."""
        return submit_credit(
            by=operator_of(request),
            account_id=data["account"],
            asset=data["asset"],
            amount=data["amount"],
            external_reference=data["external_reference"],
            reason=data["reason"],
            key=f"admin:{data['key']}",
        )
