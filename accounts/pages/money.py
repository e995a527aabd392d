"""Forms of the account page about money: the faucet, withdrawals."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.access.page_actors import customer_of, user_of
from accounts.access.rates import take_withdrawal
from accounts.money.selectors import list_assets
from accounts.pages.account import account_page
from accounts.pages.confirm import factor_asked
from accounts.pages.forms import DepositForm, MoneyForm, WithdrawForm
from accounts.people.selectors import list_accounts
from accounts.services import SOURCE_FAUCET, cancel_own_withdrawal, deposit, request_withdrawal
from zavora.foundation.errors import ZavoraError
from zavora.foundation.forms import sentence, show_error


@never_cache
@login_required
@require_POST
def faucet_deposit(request: HttpRequest) -> HttpResponse:
    """Give one of the user's accounts play money."""

    def move(form: MoneyForm) -> str:
        data = form.cleaned_data
        deposit(
            by=customer_of(request),
            account_id=data["account"],
            asset=data["asset"],
            amount=data["amount"],
            source=SOURCE_FAUCET,
            key=f"page:{data['key']}",
        )
        return f"{data['amount']:f} {data['asset']} deposited."

    return _move_money(request, DepositForm, "deposit_form", move)


@never_cache
@login_required
@require_POST
@factor_asked("ZAVORA_WITHDRAWAL_MFA")
def withdraw(request: HttpRequest) -> HttpResponse:
    """Pay out from one of the user's accounts."""

    def move(form: MoneyForm) -> str:
        data = form.cleaned_data
        record = request_withdrawal(
            by=customer_of(request),
            account_id=data["account"],
            asset=data["asset"],
            amount=data["amount"],
            address=data["address"],
            key=f"page:{data['key']}",
        )
        amount = f"{data['amount']:f} {data['asset']}"
        if record.is_held:
            return f"The withdrawal of {amount} is waiting to be paid out."
        return f"{amount} withdrawn."

    take_withdrawal(user_of(request).pk)
    return _move_money(request, WithdrawForm, "withdraw_form", move)


@login_required
@require_POST
def cancel_withdrawal(request: HttpRequest, account_id: UUID, withdrawal_id: int) -> HttpResponse:
    """Cancel a pending withdrawal of one of the user's accounts."""
    try:
        cancel_own_withdrawal(
            by=customer_of(request), account_id=account_id, withdrawal_id=withdrawal_id
        )
    except ZavoraError as error:
        messages.error(request, sentence(str(error)))
    else:
        messages.success(request, "The withdrawal is cancelled.")
    return redirect("account")


def _move_money(
    request: HttpRequest,
    form_class: type[MoneyForm],
    name: str,
    move: Callable[[MoneyForm], str],
) -> HttpResponse:
    """Read the form, call ``move``, and say how it went."""
    accounts = list_accounts(user_of(request).pk)
    form = form_class(request.POST, accounts=accounts, assets=list_assets())
    if form.is_valid():
        try:
            done = move(form)
        except ZavoraError as error:
            show_error(form, error)
        else:
            messages.success(request, done)
            return redirect("account")
    changed: dict[str, Any] = {name: form}
    return account_page(request, status=400, **changed)
