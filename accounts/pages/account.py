"""The account page: accounts with their balances, names and members; money is in the wallet."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.access.page_actors import user_of
from accounts.models import Account, Balance, MemberRole, Membership
from accounts.money.postings import total_of
from accounts.pages.forms import InviteForm, LabelForm
from accounts.pages.sharing import Sharing, sharing_of
from accounts.people.selectors import list_accounts, list_memberships
from zavora.foundation.digits import number_of
from zavora.foundation.money import text_for_people

# Accounts with their balances on one page.
ACCOUNTS_PAGE = 50
PAGE_DIGITS_MAX = 4


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
    rename_form: LabelForm
    sharing: Sharing

    @property
    def name(self) -> str:
        """What it is called, in some way."""
        return self.label or str(self.id)


class SharedAccountRow(msgspec.Struct, frozen=True):
    """An account of somebody else's, as the page shows it to a member."""

    id: UUID
    label: str
    status: str
    owner: str
    role: str
    balances: list[BalanceRow]

    @property
    def name(self) -> str:
        """What it is called beside one's own, which may have the same label."""
        return f"{self.label or 'Account'} of {self.owner}"


# --- the account page ----------------------------------------------------------------------------


@never_cache
@login_required
@require_GET
def account(request: HttpRequest) -> HttpResponse:
    """Show accounts, balances and the forms."""
    return account_page(request)


def account_page(
    request: HttpRequest,
    *,
    status: int = 200,
    rename_form: tuple[UUID, LabelForm] | None = None,
    invite_form: tuple[UUID, InviteForm] | None = None,
    **changed: Any,
) -> HttpResponse:
    """Return the page; ``changed`` takes the place of what it shows by itself: a refused form.

    ``rename_form`` and ``invite_form`` are those of one account.
    """
    user_id = user_of(request).pk
    accounts = list_accounts(user_id)
    refused = dict([rename_form] if rename_form else [])
    invites = dict([invite_form] if invite_form else [])
    unfolded = request.GET.get("members", "")
    page = _page_of(request, accounts, *map(str, (*refused, *invites)), unfolded)
    shown = accounts[(page - 1) * ACCOUNTS_PAGE : page * ACCOUNTS_PAGE]
    sharing = sharing_of(shown, invites, unfolded=unfolded)
    context = {
        "accounts": [
            _account_row(account, refused.get(account.public_id), sharing[account.pk])
            for account in shown
        ],
        "shared": [_shared_row(one) for one in list_memberships(user_id)],
        "roles": MemberRole.choices,
        "next_page": page + 1 if len(accounts) > page * ACCOUNTS_PAGE else None,
        "new_account_form": LabelForm(),
    }
    return render(request, "accounts/account.html", context | changed, status=status)


def _page_of(request: HttpRequest, accounts: Sequence[Account], *about: str) -> int:
    """Return which page of accounts to show: that of one account, or the one asked for."""
    for index, account in enumerate(accounts):
        if str(account.public_id) in about:
            return index // ACCOUNTS_PAGE + 1
    last = max(1, -(-len(accounts) // ACCOUNTS_PAGE))
    asked = number_of(request.GET.get("page", ""), digits_max=PAGE_DIGITS_MAX)
    return min(max(asked or 1, 1), last)


def _account_row(account: Account, refused: LabelForm | None, sharing: Sharing) -> AccountRow:
    return AccountRow(
        id=account.public_id,
        label=account.label,
        status=_status_of(account),
        balances=_balance_rows(account),
        rename_form=refused
        or LabelForm(about=str(account.public_id), initial={"label": account.label}),
        sharing=sharing,
    )


def _shared_row(member: Membership) -> SharedAccountRow:
    account = member.account
    return SharedAccountRow(
        id=account.public_id,
        label=account.label,
        status=_status_of(account),
        owner=str(account.owner),
        role=member.role,
        balances=_balance_rows(account),
    )


def _status_of(account: Account) -> str:
    return "" if account.status == Account.Status.ACTIVE else account.get_status_display()


def _balance_rows(account: Account) -> list[BalanceRow]:
    balances = sorted(account.balances.all(), key=lambda balance: balance.asset.code)
    return [_balance_row(balance) for balance in balances]


def _balance_row(balance: Balance) -> BalanceRow:
    scale = balance.asset.scale
    return BalanceRow(
        asset=balance.asset.code,
        total=text_for_people(total_of(balance), scale),
        available=text_for_people(balance.available, scale),
        locked=text_for_people(balance.locked, scale),
    )
