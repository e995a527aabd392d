"""The table of tiers, and the nightly review that gives accounts theirs."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.access.actor import Actor, Permission
from accounts.audit import checked_reason, note_act, record_act
from accounts.people.fees import require_rates
from accounts.people.selectors import list_accounts_with_fee_terms
from accounts.services import assign_fee_tiers
from matching.fee_models import FeeDay, FeeTier, FeeVolume
from matching.fees.tiers import effective_after, tier_for
from matching.fees.volumes import (
    VOLUME_DAYS,
    count_day,
    last_day,
    list_traders,
    uncounted_days,
    volume_factors,
    volumes_of,
)
from zavora.foundation.errors import NotFound, ValidationFailed
from zavora.foundation.money import INTEGER_DIGITS_MAX, SCALE_MAX, scale_of
from zavora.foundation.times import microseconds_of

TIERS_MAX: Final = 30
# How many accounts are done at once.
PAGE_MAX: Final = 500
VOLUMES_KEPT: Final = timedelta(days=VOLUME_DAYS + 10)

log = structlog.get_logger(__name__)


@transaction.atomic(durable=True)
def set_fee_tier(
    *,
    by: Actor,
    level: int,
    min_volume: Decimal,
    maker_ppm: int,
    taker_ppm: int,
    reason: str,
) -> FeeTier:
    """Add a tier or change one; accounts get it by the next review. A repeat changes nothing.

    ``min_volume``: what an account must have traded in 30 days, in ZAVORA_VOLUME_ASSET; more than
    for the tiers below, less than for those above. Raises Forbidden, ValidationFailed.
    """
    by.require(Permission.CHANGE_FEES)
    reason = checked_reason(reason)
    _check_tier(level, min_volume, maker_ppm, taker_ppm)
    tiers = {tier.level: tier for tier in FeeTier.objects.select_for_update().order_by("level")}
    for other in tiers.values():
        if other.level != level and (
            other.min_volume == min_volume
            or (other.level < level) != (other.min_volume < min_volume)
        ):
            raise ValidationFailed(
                "tiers must rise with their volumes",
                min_volume=f"expected a volume {'above' if other.level < level else 'below'} the"
                f" {other.min_volume.normalize():f} of tier {other.level}",
            )
    new = (min_volume, maker_ppm, taker_ppm)
    known = tiers.get(level)
    was = None if known is None else (known.min_volume, known.maker_fee_ppm, known.taker_fee_ppm)
    if known is not None and was == new:
        return known
    tier = FeeTier(level, min_volume, maker_ppm, taker_ppm, timezone.now())
    tier.save(force_insert=known is None, force_update=known is not None)
    record_act(
        by, "fees.tier", f"fee-tier:{level}", reason=reason, was=_shown(was), now=_shown(new)
    )
    return tier


@transaction.atomic(durable=True)
def remove_fee_tier(*, by: Actor, level: int, reason: str) -> None:
    """Take a tier out of the table; accounts lose it by the next review.

    Raises Forbidden, ValidationFailed, NotFound.
    """
    by.require(Permission.CHANGE_FEES)
    reason = checked_reason(reason)
    tier = FeeTier.objects.select_for_update().filter(level=level).first()
    if tier is None:
        raise NotFound("no such tier")
    was = _shown((tier.min_volume, tier.maker_fee_ppm, tier.taker_fee_ppm))
    tier.delete()
    record_act(by, "fees.remove_tier", f"fee-tier:{level}", reason=reason, was=was, now={})


def review_fees(*, by: Actor, now: datetime | None = None, page_max: int = PAGE_MAX) -> FeeDay:
    """Count the volumes of days that have ended, and give accounts their tiers.

    Done once for a day, whoever asks how often; what was interrupted is taken up again. Accounts
    are done page by page, each a transaction. Returns the day's record, which says from when the
    tiers hold. Raises Forbidden for all but the exchange itself and superusers.
    """
    by.require_everything("review fees")
    now = now or timezone.now()
    for day in uncounted_days(now):
        count_day(day, now)
    review = FeeDay.objects.get(day=last_day(now))
    if review.effective_at is not None:
        return review
    FeeVolume.objects.filter(day__lt=review.day - VOLUMES_KEPT).delete()
    effective_at = effective_after(now)
    review.accounts_moved = _assign_all(by, review, effective_at, page_max)
    review.effective_at = effective_at
    review.save(update_fields=["effective_at", "accounts_moved"])
    note_act(
        by, "fees.review", f"fee-day:{review.day}", effective_at=effective_at.isoformat(),
        accounts=review.accounts_moved,
    )  # fmt: skip
    log.info("fees_reviewed", day=str(review.day), accounts=review.accounts_moved)
    return review


def _assign_all(by: Actor, review: FeeDay, effective_at: datetime, page_max: int) -> int:
    """Give every account that traded, or has a tier, the one it has earned; count the changes."""
    tiers = list(FeeTier.objects.order_by("level"))
    factors = volume_factors()
    from_us = microseconds_of(effective_at)
    after_pk = moved = 0
    while True:
        traders = list_traders(after_pk, page_max)
        known = list_accounts_with_fee_terms(after_pk, page_max)
        page = sorted({*traders, *known})[:page_max]
        if not page:
            return moved
        volumes = volumes_of(page, until=review.day, factors=factors)
        earned = {pk: tier_for(tiers, volumes.get(pk, Decimal(0)), from_us) for pk in page}
        moved += assign_fee_tiers(by=by, tiers=earned)
        after_pk = page[-1]


def _check_tier(level: int, min_volume: Decimal, maker_ppm: int, taker_ppm: int) -> None:
    require_rates(is_optional=False, maker_fee_ppm=maker_ppm, taker_fee_ppm=taker_ppm)
    wrong = {}
    if not 1 <= level <= TIERS_MAX:
        wrong["level"] = f"expected a number from 1 to {TIERS_MAX}"
    if not (min_volume.is_finite() and 0 < min_volume < 10**INTEGER_DIGITS_MAX):
        wrong["min_volume"] = f"expected a figure above zero and below 10^{INTEGER_DIGITS_MAX}"
    elif scale_of(min_volume) > SCALE_MAX:
        wrong["min_volume"] = f"expected at most {SCALE_MAX} decimals"
    if wrong:
        raise ValidationFailed("this is no tier", **wrong)


def _shown(figures: tuple[Decimal, int, int] | None) -> dict[str, str]:
    """Return a tier as records of acts say it; of one that is not there nothing."""
    if figures is None:
        return {}
    min_volume, maker_ppm, taker_ppm = figures
    return {
        "min_volume": f"{min_volume.normalize():f}",
        "maker_fee_ppm": str(maker_ppm),
        "taker_fee_ppm": str(taker_ppm),
    }
