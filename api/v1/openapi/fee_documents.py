"""The shapes of fees: promotions of markets, and what an account pays and why."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from api.v1.openapi.kinds import Decimal, Time


class Promotion(Struct):
    """Rates that nobody without rates of their own pays more than from a time until another."""

    maker_fee: Decimal
    taker_fee: Decimal
    starts_at: Time
    ends_at: Time


class FeeRate(Struct):
    """A rate for orders that are placed now, where it comes from, and when it ends."""

    fee: Annotated[Decimal, Meta(description="A fraction; negative: a maker's rebate.")]
    source: Literal["Market", "Tier", "Promotion", "Account", "AccountMarket"]
    ends_at: Time | None


class MarketFees(Struct):
    """What an account pays in a market."""

    market: str
    maker: FeeRate
    taker: FeeRate


class AccountTier(Struct):
    """A tier of an account, in force or to come; level 0 is none, and has no rates."""

    level: int
    maker_fee: Decimal | None
    taker_fee: Decimal | None
    effective_at: Time


class FeeTier(Struct):
    """A step of the table: from what volume on which rates hold."""

    level: int
    min_volume: Decimal
    maker_fee: Decimal
    taker_fee: Decimal


class AccountFees(Struct):
    """What an account pays and why; the volume is of whole days (UTC), at present prices."""

    volume: Decimal
    volume_asset: str
    volume_days: int
    tier: AccountTier | None
    next_tier: AccountTier | None
    markets: list[MarketFees]
    tiers: list[FeeTier]


FEE_SHAPES: Final[tuple[type[Struct], ...]] = (AccountFees, Promotion)
