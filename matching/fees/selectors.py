"""What an account pays, and why: for its owner, for operators and for both APIs."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.conf import settings
from django.utils import timezone

from accounts.money.balances import AccountFigures
from accounts.people.fee_terms import TierRates, fee_terms_of
from matching.fee_models import FeeTier
from matching.fees.rates import Rate, explained_rates
from matching.fees.volumes import last_day, volume_factors, volumes_of
from matching.markets.selectors import list_market_terms
from matching.markets.terms import MarketTerms
from zavora.foundation.times import microseconds_of


class MarketFees(msgspec.Struct, frozen=True):
    """What an account pays in a market for an order that is placed now."""

    symbol: str
    maker: Rate
    taker: Rate


class AccountFees(msgspec.Struct, frozen=True):
    """All of an account's fees. ``volume``: of 30 whole days, in ``volume_asset``.

    ``tier``: the one in force; ``next_tier``: what follows it (level 0: none) and when, None:
    nothing yet. ``tiers``: the table, by level.
    """

    volume: Decimal
    volume_asset: str
    tier: TierRates | None
    next_tier: TierRates | None
    tiers: list[FeeTier]
    markets: list[MarketFees]


def get_account_fees(account: Any, *, now: datetime | None = None) -> AccountFees:
    """Return what an account (its row) pays in every market, its volume and its tier."""
    now = now or timezone.now()
    time_us = microseconds_of(now)
    fees = fee_terms_of(account.fee_terms)
    volumes = volumes_of([account.pk], until=last_day(now), factors=volume_factors())
    return AccountFees(
        volume=volumes.get(account.pk, Decimal(0)),
        volume_asset=settings.ZAVORA_VOLUME_ASSET,
        tier=fees.tier_at(time_us),
        next_tier=fees.next_tier(time_us),
        tiers=list(FeeTier.objects.order_by("level")),
        markets=fees_in(account, list_market_terms(), time_us=time_us),
    )


def fees_in(account: Any, markets: Iterable[MarketTerms], *, time_us: int) -> list[MarketFees]:
    """Return what an account (its row) pays in markets for orders that are placed at a time."""
    figures = AccountFigures(
        account.status,
        account.maker_fee_ppm,
        account.taker_fee_ppm,
        account.owner_id or 0,
        fee_terms_of(account.fee_terms),
    )
    return [
        MarketFees(terms.symbol, *explained_rates(figures, terms, time_us)) for terms in markets
    ]
