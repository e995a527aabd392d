"""The account page: balances, withdrawals, and the forms about them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.access.page_actors import user_of
from accounts.models import Account, Balance, Withdrawal
from accounts.money.postings import total_of
from accounts.money.selectors import list_assets, list_withdrawals_of_owner
from accounts.pages.forms import DepositForm, WithdrawForm
from accounts.people.selectors import list_accounts
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
    """Show accounts, balances and the forms."""
    return account_page(request)


def account_page(request: HttpRequest, *, status: int = 200, **changed: Any) -> HttpResponse:
    """Return the page; ``changed`` takes the place of what it shows by itself: a refused form."""
    user_id = user_of(request).pk
    accounts = list_accounts(user_id)
    assets = list_assets()
    context = {
        "accounts": [_account_row(account) for account in accounts],
        "withdrawals": _withdrawal_rows(accounts),
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
