"""Operators' pages of providers: what they are asked to pay, and what they told.

Two lists are there to be worked off: payouts that are dead, and events that nobody could apply.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.timesince import timesince

from accounts.access.actor import Permission
from accounts.access.page_actors import operator_of
from accounts.admin.look_ups import ACCOUNT_WORDS, of_account
from accounts.models import Payout, ProviderEvent
from accounts.services import give_up_payout, handle_event, retry_payout
from zavora.foundation.admin.base import ReadOnlyAdmin, Related, cell
from zavora.foundation.admin.cells import NOTHING, figure, figure_cell, unit_of_asset
from zavora.foundation.admin.forms import Facts, ReasonForm, ask_before, for_each
from zavora.foundation.admin.search import numbers, texts, uuids


class GiveUpForm(ReasonForm):
    """Why a payout is given up, and what the provider says of it."""

    is_void = forms.BooleanField(
        label="The provider has not paid it and never will",
        required=False,
        help_text="Ask there, and have it made void: what is in doubt takes this.",
    )

    def clean(self) -> dict[str, Any]:
        """Return the data for the service, which is given the reason as well."""
        return {**super().clean(), "reason": self.cleaned_data.get("reason", "")}


def _facts_of(payout: Payout) -> Facts:
    record = payout.withdrawal
    return [
        ("Owner", str(record.account.owner)),
        ("Amount", figure(record.amount, unit_of_asset(record))),
        ("To", record.address or NOTHING),
        ("Reference", str(payout.public_id)),
        ("State", f"{payout.get_state_display()}, for {timesince(payout.updated_at)}"),
        ("In doubt", "yes: the provider may have it" if payout.is_in_doubt else "no"),
        ("Attempts", str(payout.attempts)),
        ("What came of it", payout.note or NOTHING),
    ]


@admin.register(Payout)
class PayoutAdmin(ReadOnlyAdmin):
    """Withdrawals that a provider is asked to pay. Dead ones are sent again, or given up."""

    list_display = (
        "public_id",
        "account",
        "withdrawal",
        "amount",
        "state",
        "is_in_doubt",
        "attempts",
        "note",
        "due_at",
        "updated_at",
    )
    list_filter = ("state", "is_in_doubt")
    list_select_related = ("account__owner", "withdrawal__asset", "withdrawal__account__owner")
    sortable_by = ("id",)
    fields = (
        "public_id",
        "withdrawal",
        "account",
        "amount",
        "provider",
        "provider_reference",
        "state",
        "is_in_doubt",
        "attempts",
        "failures",
        "note",
        "due_at",
        "accepted_at",
        "created_at",
        "updated_at",
    )
    look_ups = (
        numbers("pk", "withdrawal"),
        uuids("public_id"),
        of_account("account"),
        texts("provider_reference"),
    )
    searched_by = f"{ACCOUNT_WORDS}, reference, withdrawal id, the provider's reference"
    related = (Related("accounts.providerevent", lambda row: str(row.public_id)),)
    actions = ("retry", "give_up")

    @cell("amount")
    def amount(self, request: HttpRequest, row: Payout) -> str:
        """Return how much is to be paid."""
        return figure_cell(row.withdrawal.amount, unit_of_asset(row.withdrawal))

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may let it be sent again, and give it up."""
        return request.user.has_perm(Permission.DECIDE_WITHDRAWAL)

    @admin.action(description="Send again, or ask about it, now", permissions=["decide"])
    def retry(self, request: HttpRequest, rows: QuerySet[Payout]) -> HttpResponse | None:
        """Let payouts be sent again."""
        by = operator_of(request)
        return for_each(
            self,
            request,
            rows,
            lambda payout: retry_payout(by=by, payout_id=payout.pk),
            done="is sent again within seconds",
        )

    @admin.action(description="Give up…", permissions=["decide"])
    def give_up(self, request: HttpRequest, rows: QuerySet[Payout]) -> HttpResponse | None:
        """Give dead payouts up: their withdrawals fail, what they hold is given back."""
        by = operator_of(request)

        def act(payout: Payout, data: dict[str, Any]) -> str:
            give_up_payout(by=by, payout_id=payout.pk, **data)
            return "given up, what the withdrawal held is given back"

        return ask_before(
            self, request, list(rows), GiveUpForm, title="Give up", facts=_facts_of, act=act
        )


@admin.register(ProviderEvent)
class ProviderEventAdmin(ReadOnlyAdmin):
    """What providers told. What could not be applied is an operator's to decide about."""

    list_display = (
        "id",
        "kind",
        "reference",
        "account",
        "outcome",
        "note",
        "provider",
        "received_at",
    )
    list_filter = ("outcome",)
    list_select_related = ("account__owner",)
    sortable_by = ("id",)
    look_ups = (
        numbers("pk"),
        of_account("account"),
        texts("reference"),
    )
    searched_by = f"{ACCOUNT_WORDS}, event's number, reference"
    actions = ("handle",)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may say what was done about it."""
        return request.user.has_perm(Permission.DECIDE_WITHDRAWAL)

    @admin.action(description="Mark as handled…", permissions=["decide"])
    def handle(self, request: HttpRequest, rows: QuerySet[ProviderEvent]) -> HttpResponse | None:
        """Say what was done about events that could not be applied."""
        by = operator_of(request)
        return for_each(
            self,
            request,
            rows,
            lambda event: handle_event(by=by, event_id=event.pk, reason=by.reason),
            done="handled",
        )
