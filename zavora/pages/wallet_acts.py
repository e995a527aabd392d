"""Forms of the wallet: the faucet, withdrawals and their cancel, transfers."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access.page_actors import customer_of, user_of
from accounts.access.rates import take_withdrawal
from accounts.money.selectors import list_assets
from accounts.pages.confirm import factor_asked
from accounts.pages.forms import DepositForm, MoneyForm, TransferForm, WithdrawForm
from accounts.people.selectors import list_accounts
from accounts.services import (
    SOURCE_FAUCET,
    cancel_own_withdrawal,
    deposit,
    request_withdrawal,
    transfer,
)
from zavora.foundation.errors import InsufficientBalance, ZavoraError
from zavora.foundation.forms import sentence, show_error
from zavora.pages.wallet import wallet_page


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
    return redirect("wallet")


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
            return redirect("wallet")
    changed: dict[str, Any] = {name: form}
    return wallet_page(request, status=400, **changed)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def transfers(request: HttpRequest) -> HttpResponse:
    """Move money from one of the user's accounts to another; where the list was, lead to it."""
    if request.method == "GET":
        return redirect(f"{reverse('wallet')}?kind=transfer#movements")
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
            return redirect("wallet")
    return wallet_page(request, status=400, transfer_form=form)
