"""What accounts pay: rates that operators give them, and tiers that the nightly review does."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.access.actor import Actor, Permission
from accounts.access.rights import require_over_owner
from accounts.audit import checked_reason, record_act
from accounts.models import Account
from accounts.people.fee_terms import MARKETS_MAX, MarketRates, TierRates, fee_terms_of
from accounts.people.locks import lock_account
from zavora.foundation.errors import ValidationFailed
from zavora.foundation.money import PPM
from zavora.foundation.times import microseconds_of

_COLUMNS: Final = ("maker_fee_ppm", "taker_fee_ppm", "fee_terms", "updated_at")


@transaction.atomic(durable=True)
def set_account_fees(
    *,
    by: Actor,
    account_id: UUID,
    maker_ppm: int | None,
    taker_ppm: int | None,
    reason: str,
    market_id: int | None = None,
    until: datetime | None = None,
) -> Account:
    """Give an account rates of its own (parts per million) in all markets, or in one.

    In force with the next batch, for orders that are placed from then on. In all markets either
    may be empty: the market's, the tier's or a promotion's holds. In one both are given, or none:
    then its own rates there go. ``until``: when those of one market end. A repeat changes nothing.
    Raises Forbidden, AccountNotFound, ValidationFailed.
    """
    by.require(Permission.CHANGE_FEES)
    reason = checked_reason(reason)
    require_rates(maker_fee_ppm=maker_ppm, taker_fee_ppm=taker_ppm)
    _check_one_market(market_id, maker_ppm, taker_ppm, until)
    account = lock_account(account_id)
    require_over_owner(by, account, what="change fees")
    before = _fees_of(account)
    if market_id is None:
        account.maker_fee_ppm, account.taker_fee_ppm = maker_ppm, taker_ppm
    else:
        rates = None
        if maker_ppm is not None and taker_ppm is not None:
            until_us = None if until is None else microseconds_of(until)
            rates = MarketRates(market_id, maker_ppm, taker_ppm, until_us)
        terms = fee_terms_of(account.fee_terms).with_market(market_id, rates)
        if len(terms.markets) > MARKETS_MAX:
            raise ValidationFailed(
                "too many markets", market=f"expected one of at most {MARKETS_MAX} markets"
            )
        account.fee_terms = terms.text
    after = _fees_of(account)
    if after != before:
        account.updated_at = timezone.now()
        account.save(update_fields=_COLUMNS)
        record_act(
            by, "fees.account", f"account:{account.public_id}", reason=reason, market=market_id,
            was=before, now=after,
        )  # fmt: skip
    return account


def _fees_of(account: Account) -> dict[str, Any]:
    """Return the rates that an account has of its own, as records of acts say them."""
    return {name: getattr(account, name) for name in _COLUMNS[:3]}


@transaction.atomic(durable=True)
def assign_fee_tiers(*, by: Actor, tiers: Mapping[int, TierRates]) -> int:
    """Let tiers follow for accounts, by their primary keys; return for how many it is another one.

    Rerunnable. Raises Forbidden for all but the exchange itself and superusers.
    """
    by.require_everything("assign tiers")
    now_us = microseconds_of(timezone.now())
    locked = Account.objects.select_for_update(no_key=True).order_by("pk")
    changed = []
    for account in locked.filter(pk__in=tiers, kind=Account.Kind.CUSTOMER):
        terms = fee_terms_of(account.fee_terms)
        text = terms.with_tier(tiers[account.pk], now_us=now_us).text
        if text != account.fee_terms:
            account.fee_terms = text
            changed.append(account)
    Account.objects.bulk_update(changed, ["fee_terms"])
    return len(changed)


def require_rates(*, is_optional: bool = True, **rates: int | None) -> None:
    """Hold a maker's and a taker's rate against what they may be. Raises ValidationFailed."""
    wrong = {}
    for name, ppm in rates.items():
        lowest = -PPM if name.startswith("maker") else 0
        if ppm is None and is_optional:
            continue
        if ppm is None or not lowest <= ppm <= PPM:
            wrong[name] = f"expected parts per million from {lowest} to {PPM}"
    if wrong:
        raise ValidationFailed("these are no fee rates", **wrong)


def _check_one_market(
    market_id: int | None, maker_ppm: int | None, taker_ppm: int | None, until: datetime | None
) -> None:
    if market_id is None:
        if until is not None:
            raise ValidationFailed("no end without a market", until="expected a market beside it")
    elif (maker_ppm is None) != (taker_ppm is None):
        raise ValidationFailed(
            "in one market both rates go together", taker_fee_ppm="expected both rates, or none"
        )
    if until is not None and until <= timezone.now():
        raise ValidationFailed("this has ended already", until="expected a time to come")
