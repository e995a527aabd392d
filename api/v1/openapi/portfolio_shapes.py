"""The shapes of portfolios in the OpenAPI document."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from api.v1.openapi.kinds import AccountId, Decimal, Time


class PortfolioSums(Struct):
    """What a portfolio came to at a moment, in the currency's own scale.

    `value = flows + realised + unrealised + uncosted_value - unpriced_cost`, to the last unit.
    """

    value: Annotated[Decimal, Meta(description="Of all that can be valued.")]
    flows: Annotated[
        Decimal,
        Meta(
            description="What came in less what went out, each at its value then; transfers at"
            " their cost. No part of the result."
        ),
    ]
    realised: Annotated[
        Decimal, Meta(description="What was earned, less what was lost, by all that went.")
    ]
    unrealised: Annotated[Decimal, Meta(description="Value less cost of what is there.")]
    uncosted_value: Annotated[
        Decimal, Meta(description="Of what came when its value was not known; makes no result.")
    ]
    unpriced_cost: Annotated[Decimal, Meta(description="Of what cannot be valued.")]
    unpriced: Annotated[
        list[str], Meta(description="Assets that cannot be valued then, and are not in `value`.")
    ]


class PortfolioFlows(Struct):
    """What came and went since the beginning; `flows` is made of these."""

    deposited: Decimal
    withdrawn: Decimal
    carried_in: Annotated[Decimal, Meta(description="Cost of what own accounts transferred here.")]
    carried_out: Decimal
    found: Annotated[
        Decimal, Meta(description="What uncosted quantities were worth when they were sold.")
    ]


class PortfolioAsset(Struct):
    """An asset of a portfolio; prices are in the currency and have 18 decimals at most."""

    asset: str
    quantity: Annotated[Decimal, Meta(description="All of it, held by orders or not.")]
    uncosted_quantity: Annotated[Decimal, Meta(description="So much of it has no known cost.")]
    price: Annotated[Decimal | None, Meta(description="Last price; null: none leads there.")]
    path: Annotated[
        list[str], Meta(description="The markets by whose last prices it is valued, in turn.")
    ]
    value: Decimal | None
    cost: Annotated[Decimal, Meta(description="Weighted average, fees included.")]
    average_cost: Annotated[Decimal | None, Meta(description="`cost` for one of it.")]
    realised: Decimal
    unrealised: Decimal | None


class PortfolioFee(Struct):
    """What was paid in an asset, less rebates."""

    asset: str
    amount: Decimal


class PortfolioTrading(Struct):
    """What was paid and traded in 30 days before today (UTC) and since."""

    since: Time
    fees: Annotated[Decimal, Meta(description="In the currency, each at its value then.")]
    fees_by_asset: list[PortfolioFee]
    maker_volume: Decimal
    taker_volume: Decimal


class Portfolio(Struct):
    """What accounts are worth, what that cost and what it brought, in one currency."""

    account_id: Annotated[AccountId | None, Meta(description="Null: of all the caller's own.")]
    currency: str
    as_of: Time
    is_complete: Annotated[
        bool,
        Meta(
            description="False: a long history is being counted, up to `as_of` so far; ask again."
        ),
    ]
    sums: PortfolioSums
    flows: PortfolioFlows
    assets: list[PortfolioAsset]
    trading: PortfolioTrading


class PortfolioMoment(PortfolioSums):
    """How a portfolio stood at a moment: with all that was before it, by the last prices then."""

    time: Time


class PortfolioHistory(Struct):
    """How a portfolio stood at the ends of days or hours (UTC), oldest first."""

    account_id: AccountId | None
    currency: str
    interval: str
    is_complete: bool
    points: list[PortfolioMoment]


PORTFOLIO_SHAPES: Final[tuple[type[Struct], ...]] = (Portfolio, PortfolioHistory)
