"""Which tier a volume earns, and from when it holds."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from accounts.people.fee_terms import TierRates
from matching.fee_models import FeeTier

# Tiers change at this hour (UTC), or at the next full one where the review came later.
EFFECTIVE_HOUR: Final = 1
# So that every batch that is decided when a tier begins has read it.
AHEAD_MIN: Final = timedelta(minutes=1)


def effective_after(now: datetime) -> datetime:
    """Return from when tiers hold that are given at ``now``."""
    now = now.astimezone(UTC)
    stated = now.replace(hour=EFFECTIVE_HOUR, minute=0, second=0, microsecond=0)
    if now + AHEAD_MIN <= stated:
        return stated
    return (now + AHEAD_MIN).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def tier_for(tiers: Sequence[FeeTier], volume: Decimal, from_us: int) -> TierRates:
    """Return the highest of ``tiers`` (by level) that a volume reaches; level 0: none."""
    reached = bisect_right([tier.min_volume for tier in tiers], volume)
    if not reached:
        return TierRates(from_us, 0, 0, 0)
    tier = tiers[reached - 1]
    return TierRates(from_us, tier.level, tier.maker_fee_ppm, tier.taker_fee_ppm)
