"""What an account pays and why, for its owner and its members."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.access.page_actors import user_of
from accounts.pages.sharing import reached_choices
from accounts.people.fee_terms import TierRates
from accounts.people.selectors import get_reached_account
from api.transport.errors import not_found_view
from matching.fees.rates import SOURCES, Rate
from matching.fees.selectors import get_account_fees
from matching.fees.volumes import VOLUME_DAYS
from zavora.foundation.errors import AccountNotFound
from zavora.foundation.money import text_for_people
from zavora.foundation.times import moment_of

_PPM_OF_PERCENT = 10_000


@never_cache
@login_required
@require_GET
def own_fees(request: HttpRequest) -> HttpResponse:
    """Lead to the fees of the first account that the user reaches."""
    accounts = reached_choices(user_of(request).pk)
    if not accounts:
        return redirect("account")
    return redirect("account_fees", account_id=accounts[0].public_id)


@never_cache
@login_required
@require_GET
def fees(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Show what an account that the user reaches pays in every market, its volume and the tiers."""
    try:
        account, _ = get_reached_account(account_id, user_id=user_of(request).pk)
    except AccountNotFound:
        return not_found_view(request)
    found = get_account_fees(account)
    context = {
        "account": account,
        "accounts": reached_choices(user_of(request).pk),
        "volume": _amount(found.volume),
        "volume_asset": found.volume_asset,
        "volume_days": VOLUME_DAYS,
        "tier": _tier(found.tier),
        "next_tier": _tier(found.next_tier),
        "markets": [
            {"symbol": one.symbol, "maker": _rate(one.maker), "taker": _rate(one.taker)}
            for one in found.markets
        ],
        "tiers": [_step(tier) for tier in found.tiers],
    }
    return render(request, "accounts/fees.html", context)


def percent(ppm: int) -> str:
    """Return a rate as people read it: 750 -> ``0.075 %``."""
    text = f"{Decimal(ppm) / _PPM_OF_PERCENT:f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def _amount(value: Decimal) -> str:
    return text_for_people(value.quantize(Decimal("0.01"), "ROUND_DOWN"), 2)


def _rate(rate: Rate) -> dict[str, Any]:
    ends_at = None if rate.until_us is None else moment_of(rate.until_us)
    return {"text": percent(rate.ppm), "why": SOURCES[rate.source], "ends_at": ends_at}


def _tier(tier: TierRates | None) -> dict[str, Any] | None:
    return None if tier is None else {"level": tier.level, "from": moment_of(tier.from_us)}


def _step(tier: Any) -> dict[str, Any]:
    return {
        "level": tier.level,
        "volume": _amount(tier.min_volume),
        "maker": percent(tier.maker_fee_ppm),
        "taker": percent(tier.taker_fee_ppm),
    }
