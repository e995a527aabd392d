"""The wallet: balances with their value, how money comes, leaves and moves, and all that did."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.access.page_actors import user_of
from accounts.money.limits import left_of_day
from accounts.money.movements import (
    KINDS,
    STATES,
    Asked,
    Movement,
    every_movement,
    list_movements,
)
from accounts.money.selectors import list_addresses, list_assets
from accounts.pages.forms import DepositForm, TransferForm, WithdrawForm, names_of
from accounts.people.preferences import get_preferences
from accounts.people.selectors import list_accounts
from accounts.providers.config import kind_of_provider
from api.v1.csv_parts import csv_file
from zavora.foundation.digits import number_of
from zavora.foundation.money import EXACT, format_decimal, text_for_people, units_to_decimal
from zavora.portfolio.reading import Currency, own_currency, value_now

MOVEMENTS_SHOWN: Final = 50
# A file of more is asked for in parts, by asset, kind or account.
FILE_ROWS_MAX: Final = 100_000
EVERYTHING: Final = ""


class Filter(msgspec.Struct, frozen=True):
    """What the lists are narrowed to; empty: nothing."""

    account: str = ""
    asset: str = ""
    kind: str = ""
    state: str = ""

    @property
    def query(self) -> str:
        """Return it as a query."""
        return urlencode(
            {name: text for name, text in msgspec.structs.asdict(self).items() if text}
        )


class BalanceRow(msgspec.Struct, frozen=True):
    """What the accounts have of an asset; ``value`` is a dash where no price leads there."""

    asset: str
    total: str
    available: str
    locked: str
    value: str
    left_today: str


class MovementRow(msgspec.Struct, frozen=True):
    """A movement as the page shows it. ``is_waiting``: its owner can cancel it."""

    id: int
    created_at: datetime
    kind: str
    state: str
    amount: str
    asset: str
    account: str
    detail: str
    cancel: UUID | None


@never_cache
@login_required
@require_GET
def wallet(request: HttpRequest) -> HttpResponse:
    """Show what there is and what moved."""
    return wallet_page(request)


def wallet_page(request: HttpRequest, *, status: int = 200, **changed: Any) -> HttpResponse:
    """Return the page; ``changed`` takes the place of what it shows by itself: a refused form."""
    accounts = list_accounts(user_of(request).pk)
    assets = list_assets()
    chosen = _filter_of(request, accounts)
    shown = [one for one in accounts if chosen.account in ("", str(one.public_id))]
    before = _before_of(request)
    asked = _asked(chosen, shown)
    movements = list_movements(asked, before=before, limit=MOVEMENTS_SHOWN + 1)
    kept = get_preferences(user_of(request).pk).choices.currency
    currency = own_currency(kept, settings.ZAVORA_VOLUME_ASSET)
    balances, worth = _balances(shown, currency)
    book = list_addresses([one.pk for one in accounts], limit=100)
    context = {
        "accounts": accounts,
        "account_choices": _choices(accounts),
        "chosen": chosen,
        "kinds": KINDS,
        "states": STATES,
        "assets": [asset.code for asset in assets],
        "balances": balances,
        "worth": worth,
        "currency": currency.code,
        "movements": _movement_rows(movements[:MOVEMENTS_SHOWN], accounts),
        "next": movements[MOVEMENTS_SHOWN - 1].id if len(movements) > MOVEMENTS_SHOWN else None,
        "is_older": before is not None,
        "provider": kind_of_provider(),
        "book": book,
        "deposit_form": (
            DepositForm(accounts=accounts, assets=assets) if settings.ZAVORA_FAUCET else None
        ),
        "withdraw_form": WithdrawForm(accounts=accounts, assets=assets),
        "transfer_form": (
            TransferForm(accounts=accounts, assets=assets) if len(accounts) > 1 else None
        ),
    }
    return render(request, "wallet.html", context | changed, status=status)


@never_cache
@login_required
@require_GET
def wallet_csv(request: HttpRequest) -> HttpResponse:
    """Answer the movements of a filter as a file, made while it is sent."""
    accounts = list_accounts(user_of(request).pk)
    chosen = _filter_of(request, accounts)
    shown = [one for one in accounts if chosen.account in ("", str(one.public_id))]
    return csv_file(
        "movements",
        ("time", "kind", "state", "asset", "amount", "account", "to_account", "detail"),
        _csv_rows(_asked(chosen, shown), accounts),
    )


# --- what is asked for ---------------------------------------------------------------------------


def _filter_of(request: HttpRequest, accounts: Sequence[Any]) -> Filter:
    """Return what the query narrows to; what it cannot mean narrows to nothing."""
    asked = {name: request.GET.get(name, "") for name in Filter.__struct_fields__}
    known = {
        "account": {str(one.public_id) for one in accounts},
        "asset": {one.code for one in list_assets(active_only=False)},
        "kind": set(KINDS),
        "state": set(STATES),
    }
    return Filter(**{name: text if text in known[name] else "" for name, text in asked.items()})


def _before_of(request: HttpRequest) -> int | None:
    text = request.GET.get("before", "")
    before = number_of(text)
    if text and before is None:
        raise Http404
    return before


def _asked(chosen: Filter, shown: Sequence[Any]) -> Asked:
    return Asked(
        account_ids=[one.pk for one in shown],
        kind=chosen.kind,
        state=chosen.state,
        asset=chosen.asset,
    )


# --- what is shown -------------------------------------------------------------------------------


def _choices(accounts: Sequence[Any]) -> list[tuple[str, str]]:
    names = names_of(accounts)
    return [(str(one.public_id), names[one.pk]) for one in accounts]


def _balances(shown: Sequence[Any], currency: Currency) -> tuple[list[BalanceRow], str]:
    """Return what the accounts have of each asset, the most valuable first, and all its worth."""
    held: dict[int, list[Any]] = {}
    for account in shown:
        for balance in account.balances.all():
            held.setdefault(balance.asset_id, []).append((account, balance))
    totals = {
        asset_id: EXACT.add(_sum(rows, "available"), _sum(rows, "locked"))
        for asset_id, rows in held.items()
    }
    values = value_now(totals, currency)
    now = timezone.now()
    rows = []
    for asset_id, found in sorted(held.items(), key=lambda one: -(values[one[0]] or 0)):
        asset = found[0][1].asset
        left = left_of_day(found[0][0], asset, now=now) if len(shown) == 1 else None
        rows.append(
            BalanceRow(
                asset=asset.code,
                total=text_for_people(totals[asset_id], asset.scale),
                available=text_for_people(_sum(found, "available"), asset.scale),
                locked=text_for_people(_sum(found, "locked"), asset.scale),
                value=_worth(values[asset_id], currency),
                left_today="" if left is None else text_for_people(left, asset.scale),
            )
        )
    return rows, _worth(sum(value or 0 for value in values.values()), currency)


def _sum(rows: Sequence[Any], name: str) -> Decimal:
    total = Decimal(0)
    for _, balance in rows:
        total = EXACT.add(total, getattr(balance, name))
    return total


def _worth(units: int | None, currency: Currency) -> str:
    if units is None:
        return "–"
    return text_for_people(units_to_decimal(units, currency.scale), currency.scale)


def _movement_rows(movements: Sequence[Movement], accounts: Sequence[Any]) -> list[MovementRow]:
    names = names_of(accounts)
    return [
        MovementRow(
            id=one.id,
            created_at=one.created_at,
            kind=one.kind,
            state=one.state,
            amount=text_for_people(one.amount, one.scale),
            asset=one.asset,
            account=names.get(one.account_id, ""),
            detail=f"to {names.get(one.to_id or 0, '')}" if one.to_id else one.detail,
            cancel=one.cancellable_of,
        )
        for one in movements
    ]


def _csv_rows(asked: Asked, accounts: Sequence[Any]) -> Iterator[Sequence[str]]:
    names = {one.pk: str(one.public_id) for one in accounts}
    for one in every_movement(asked, rows_max=FILE_ROWS_MAX):
        yield (
            one.created_at.isoformat(),
            one.kind,
            one.state,
            one.asset,
            format_decimal(one.amount, one.scale),
            names.get(one.account_id, ""),
            names.get(one.to_id or 0, ""),
            one.detail,
        )
