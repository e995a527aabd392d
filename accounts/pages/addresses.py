"""The page of address books: where withdrawals may go, and whether anywhere else."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access.page_actors import customer_of, user_of
from accounts.models import Account
from accounts.money.addresses import cooling_time, is_allow_list_on
from accounts.money.selectors import list_addresses, list_assets
from accounts.pages.confirm import confirmed
from accounts.pages.forms import AddressForm
from accounts.people.selectors import list_accounts
from accounts.services import add_address, remove_address, set_allow_list
from zavora.foundation.errors import ZavoraError
from zavora.foundation.forms import sentence, show_error

ADDRESSES_SHOWN_MAX = 200


class ModeRow(msgspec.Struct, frozen=True):
    """Whether an account's withdrawals go to its book alone, and until when."""

    id: UUID
    label: str
    is_on: bool
    ends_at: datetime | None


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def addresses(request: HttpRequest) -> HttpResponseBase:
    """Show the books of the user's accounts, and take a new address."""
    if request.method == "POST":
        return _add(request)
    accounts = list_accounts(user_of(request).pk)
    return _page(request, accounts, AddressForm(accounts=accounts, assets=list_assets()))


@confirmed(resumes=True)
def _add(request: HttpRequest) -> HttpResponse:
    accounts = list_accounts(user_of(request).pk)
    form = AddressForm(request.POST, accounts=accounts, assets=list_assets())
    if form.is_valid():
        try:
            record = add_address(
                by=customer_of(request),
                account_id=form.cleaned_data["account"],
                asset=form.cleaned_data["asset"],
                address=form.cleaned_data["address"],
                label=form.cleaned_data["label"],
            )
        except ZavoraError as error:
            show_error(form, error)
        else:
            from_then_on = f"{record.usable_at:%Y-%m-%d %H:%M} UTC"
            messages.success(request, f"The address can be used from {from_then_on} on.")
            return redirect("addresses")
    return _page(request, accounts, form)


def _page(request: HttpRequest, accounts: list[Account], form: AddressForm) -> HttpResponse:
    now = timezone.now()
    context = {
        "form": form,
        "modes": [_mode_of(account, now) for account in accounts],
        "rows": list_addresses([account.pk for account in accounts], limit=ADDRESSES_SHOWN_MAX),
        "now": now,
        "cooling_hours": int(cooling_time().total_seconds() // 3600),
    }
    status = 400 if form.is_bound and form.errors else 200
    return render(request, "accounts/addresses.html", context, status=status)


@login_required
@require_POST
def remove(request: HttpRequest, account_id: UUID, address_id: int) -> HttpResponse:
    """Take an address out of the book of one of the user's accounts."""

    def act() -> str:
        remove_address(by=customer_of(request), account_id=account_id, address_id=address_id)
        return "The address is removed."

    return _told(request, act)


@login_required
@require_POST
@confirmed(resumes=True)
def allow_list(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Switch the allow-list of one of the user's accounts on, or off after a while."""
    is_on = request.POST.get("is_on") == "yes"

    def act() -> str:
        account = set_allow_list(by=customer_of(request), account_id=account_id, is_on=is_on)
        if account.allow_list_ends_at is None:
            return "Withdrawals go to addresses of the book alone."
        return f"The allow-list ends at {account.allow_list_ends_at:%Y-%m-%d %H:%M} UTC."

    return _told(request, act)


def _told(request: HttpRequest, act: Callable[[], str]) -> HttpResponse:
    """Act, say how it went, and show the page."""
    try:
        done = act()
    except ZavoraError as error:
        messages.error(request, sentence(str(error)))
    else:
        messages.success(request, done)
    return redirect("addresses")


def _mode_of(account: Account, now: datetime) -> ModeRow:
    is_on = is_allow_list_on(account, now=now)
    return ModeRow(
        id=account.public_id,
        label=account.label,
        is_on=is_on,
        ends_at=account.allow_list_ends_at if is_on else None,
    )
