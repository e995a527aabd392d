"""The account page: balances, tokens, faucet, withdrawals."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.access.actor import Actor
from accounts.access.callers import Caller
from accounts.access.selectors import get_caller_of_user, list_tokens
from accounts.models import Account, Balance, Withdrawal
from accounts.money.postings import total_of
from accounts.money.selectors import list_assets, list_withdrawals_of_owner
from accounts.pages.forms import DepositForm, MoneyForm, TokenForm, WithdrawForm
from accounts.pages.new_tokens import keep_new_token, take_new_token
from accounts.people.selectors import list_accounts
from accounts.services import (
    SOURCE_FAUCET,
    cancel_own_withdrawal,
    create_token,
    deposit,
    request_withdrawal,
    revoke_key,
)
from zavora.foundation.errors import Unauthorized, ZavoraError
from zavora.foundation.forms import sentence, show_error
from zavora.foundation.money import text_for_people

WITHDRAWALS_SHOWN_MAX = 50


class BalanceRow(msgspec.Struct, frozen=True):
    """A balance as the page shows it."""

    asset: str
    total: str
    available: str
    locked: str


class AccountRow(msgspec.Struct, frozen=True):
    """An account as the page shows it; ``status`` is empty for one that may do everything."""

    id: UUID
    label: str
    status: str
    balances: list[BalanceRow]


class WithdrawalRow(msgspec.Struct, frozen=True):
    """A withdrawal as the page shows it."""

    id: int
    account_id: UUID
    asset: str
    amount: str
    address: str
    state: str
    created_at: datetime

    @property
    def is_pending(self) -> bool:
        """Whether it can still be cancelled."""
        return self.state == Withdrawal.State.PENDING


# --- the account page ----------------------------------------------------------------------------


@never_cache
@login_required
@require_GET
def account(request: HttpRequest) -> HttpResponse:
    """Show accounts, balances, tokens and the forms; a token that was just made, this once."""
    return _account_page(request, new_token=take_new_token(request))


def _user_id(request: HttpRequest) -> int:
    if request.user.pk is None:
        raise Unauthorized("not logged in")
    return request.user.pk


def _actor(request: HttpRequest) -> Actor:
    """Return the logged-in user as the customer that everybody is on these pages."""
    caller = get_caller_of_user(_user_id(request))
    return caller.actor(
        address=str(request.META.get("REMOTE_ADDR", "")),
        request_id=str(getattr(request, "request_id", "")),
    )


def _account_page(request: HttpRequest, *, status: int = 200, **changed: Any) -> HttpResponse:
    accounts = list_accounts(_user_id(request))
    assets = list_assets()
    context = {
        "accounts": [_account_row(account) for account in accounts],
        "withdrawals": _withdrawal_rows(accounts),
        "tokens": list_tokens(_user_id(request)),
        "new_token": None,
        "token_form": TokenForm(),
        "deposit_form": (
            DepositForm(accounts=accounts, assets=assets) if settings.ZAVORA_FAUCET else None
        ),
        "withdraw_form": WithdrawForm(accounts=accounts, assets=assets),
    }
    return render(request, "accounts/account.html", context | changed, status=status)


def _account_row(account: Account) -> AccountRow:
    balances = sorted(account.balances.all(), key=lambda balance: balance.asset.code)
    return AccountRow(
        id=account.public_id,
        label=account.label,
        status="" if account.status == Account.Status.ACTIVE else account.get_status_display(),
        balances=[_balance_row(balance) for balance in balances],
    )


def _withdrawal_rows(accounts: Sequence[Account]) -> list[WithdrawalRow]:
    """Return the withdrawals of all the accounts: those that are pending, then the newest."""
    return [
        WithdrawalRow(
            id=row.pk,
            account_id=row.account.public_id,
            asset=row.asset.code,
            amount=text_for_people(row.amount, row.asset.scale),
            address=row.address,
            state=row.state,
            created_at=row.created_at,
        )
        for row in list_withdrawals_of_owner(
            [account.pk for account in accounts], limit=WITHDRAWALS_SHOWN_MAX
        )
    ]


def _balance_row(balance: Balance) -> BalanceRow:
    scale = balance.asset.scale
    return BalanceRow(
        asset=balance.asset.code,
        total=text_for_people(total_of(balance), scale),
        available=text_for_people(balance.available, scale),
        locked=text_for_people(balance.locked, scale),
    )


@never_cache
@login_required
@require_POST
def new_token(request: HttpRequest) -> HttpResponse:
    """Make a token and lead to the page that shows it, so that a reload makes no other."""
    form = TokenForm(request.POST)
    if form.is_valid():
        try:
            _, token = create_token(
                by=_actor(request),
                user_id=_user_id(request),
                scopes=form.cleaned_data["scopes"],
                label=form.cleaned_data["label"],
            )
        except ZavoraError as error:
            show_error(form, error)
        else:
            keep_new_token(request, token)
            return redirect(reverse("account") + "#tokens")
    return _account_page(request, status=400, token_form=form)


@login_required
@require_POST
def revoke_token(request: HttpRequest, key_id: int) -> HttpResponse:
    """Make one of the user's tokens worthless."""
    try:
        revoke_key(by=_actor(request), key_id=key_id)
    except ZavoraError as error:
        messages.error(request, sentence(str(error)))
    else:
        messages.success(request, "The token is revoked.")
    return redirect("account")


@never_cache
@login_required
@require_POST
def faucet_deposit(request: HttpRequest) -> HttpResponse:
    """Give one of the user's accounts play money."""

    def move(caller: Caller, form: MoneyForm) -> str:
        data = form.cleaned_data
        caller.account_pk(data["account"])
        deposit(
            by=_actor(request),
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
def withdraw(request: HttpRequest) -> HttpResponse:
    """Pay out from one of the user's accounts."""

    def move(caller: Caller, form: MoneyForm) -> str:
        data = form.cleaned_data
        caller.account_pk(data["account"])
        record = request_withdrawal(
            account_id=data["account"],
            asset=data["asset"],
            amount=data["amount"],
            address=data["address"],
            key=f"page:{data['key']}",
        )
        amount = f"{data['amount']:f} {data['asset']}"
        if record.state == Withdrawal.State.PENDING:
            return f"The withdrawal of {amount} is waiting to be paid out."
        return f"{amount} withdrawn."

    return _move_money(request, WithdrawForm, "withdraw_form", move)


@login_required
@require_POST
def cancel_withdrawal(request: HttpRequest, account_id: UUID, withdrawal_id: int) -> HttpResponse:
    """Cancel a pending withdrawal of one of the user's accounts."""
    try:
        get_caller_of_user(_user_id(request)).account_pk(account_id)
        cancel_own_withdrawal(account_id=account_id, withdrawal_id=withdrawal_id)
    except ZavoraError as error:
        messages.error(request, sentence(str(error)))
    else:
        messages.success(request, "The withdrawal is cancelled.")
    return redirect("account")


def _move_money(
    request: HttpRequest,
    form_class: type[MoneyForm],
    name: str,
    move: Callable[[Caller, MoneyForm], str],
) -> HttpResponse:
    """Read the form, call ``move``, and say how it went."""
    form = form_class(request.POST, accounts=list_accounts(_user_id(request)), assets=list_assets())
    if form.is_valid():
        try:
            done = move(get_caller_of_user(_user_id(request)), form)
        except ZavoraError as error:
            show_error(form, error)
        else:
            messages.success(request, done)
            return redirect("account")
    return _account_page(request, status=400, **{name: form})
