"""What services refuse about fees."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

from django.utils import timezone

from accounts import services as accounts
from accounts.access.actor import Permission
from matching.fees import services as fees
from tests.actors import SYSTEM
from tests.rules.refusing import NOT_SUPERUSER, Call, Things, all_but

RATES: Final = {"maker_ppm": -100, "taker_ppm": 500, "reason": "seen"}
TIER: Final = {**RATES, "level": 1, "min_volume": Decimal(1000)}


def _own_fees(**wrong: Any) -> Call:
    return lambda ann, bob: accounts.set_account_fees(
        **{"by": SYSTEM, "account_id": ann.account, **RATES, **wrong}
    )


def _fee_tier(wrong: dict[str, Any], _ann: Things, _bob: Things) -> object:
    return fees.set_fee_tier(**{"by": SYSTEM, **TIER, **wrong})


REFUSED_FEES: Final[Mapping[str, tuple[Call, ...]]] = {
    "set_account_fees": tuple(
        _own_fees(**wrong)
        for wrong in (
            {"by": all_but(Permission.CHANGE_FEES)},
            {"reason": " "},
            {"maker_ppm": -1_000_001},
            {"taker_ppm": -1},
            {"maker_ppm": None, "market_id": 1},
            {"until": timezone.now() + timedelta(days=1)},
            {"until": timezone.now(), "market_id": 1},
        )
    ),
    "assign_fee_tiers": (lambda ann, bob: accounts.assign_fee_tiers(by=NOT_SUPERUSER, tiers={}),),
    "set_fee_tier": tuple(
        partial(_fee_tier, wrong)
        for wrong in (
            {"by": all_but(Permission.CHANGE_FEES)},
            {"reason": ""},
            {"level": 0},
            {"level": 31},
            {"min_volume": Decimal(0)},
            {"min_volume": Decimal("NaN")},
            {"min_volume": Decimal("1e-19")},
            {"maker_ppm": 1_000_001},
            {"taker_ppm": -1},
        )
    ),
    "remove_fee_tier": (
        lambda ann, bob: fees.remove_fee_tier(
            by=all_but(Permission.CHANGE_FEES), level=1, reason="seen"
        ),
        lambda ann, bob: fees.remove_fee_tier(by=SYSTEM, level=1, reason="seen"),
    ),
    "review_fees": (lambda ann, bob: fees.review_fees(by=NOT_SUPERUSER),),
}
