"""Transfers between the user's accounts: the form of the account page, and the list of all."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.access.page_actors import customer_of, user_of
from accounts.money.selectors import TransfersAsked, list_assets, list_transfers
from accounts.pages.account import account_page, transfer_rows
from accounts.pages.forms import TransferForm
from accounts.people.selectors import list_accounts
from accounts.services import transfer
from zavora.foundation.digits import number_of
from zavora.foundation.errors import InsufficientBalance, ZavoraError
from zavora.foundation.forms import sentence, show_error

PAGE = 50


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def transfers(request: HttpRequest) -> HttpResponse:
    """Show a page of all transfers, newest first; or move money from one account to another."""
    return _transfer(request) if request.method == "POST" else _list(request)


def _transfer(request: HttpRequest) -> HttpResponse:
    accounts = list_accounts(user_of(request).pk)
    form = TransferForm(request.POST, accounts=accounts, assets=list_assets())
    if form.is_valid():
        data = form.cleaned_data
        try:
            transfer(
                by=customer_of(request),
                from_account=data["from_account"],
                to_account=data["to_account"],
                asset=data["asset"],
                amount=data["amount"],
                key=f"page:{data['key']}",
            )
        except InsufficientBalance as error:
            form.add_error("amount", sentence(str(error)))
        except ZavoraError as error:
            show_error(form, error)
        else:
            messages.success(request, f"{data['amount']:f} {data['asset']} transferred.")
            return redirect("account")
    return account_page(request, status=400, transfer_form=form)


def _list(request: HttpRequest) -> HttpResponse:
    before = request.GET.get("before", "")
    cursor = number_of(before)
    if before and cursor is None:
        raise Http404
    user_id = user_of(request).pk
    rows = list_transfers(TransfersAsked(owner_id=user_id), cursor=cursor, limit=PAGE + 1)
    context = {
        "transfers": transfer_rows(rows[:PAGE], list_accounts(user_id)),
        "next": rows[PAGE - 1].pk if len(rows) > PAGE else None,
    }
    return render(request, "accounts/transfers.html", context)
