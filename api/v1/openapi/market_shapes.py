"""The shapes of the OpenAPI document about markets: their rules, and auctions held there."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from api.v1.openapi.fee_documents import Promotion
from api.v1.openapi.kinds import Decimal, Time

SelfTrade = Literal["None", "Taker", "Maker", "Both", "Decrement", "Transfer"]


class Auction(Struct):
    """What would trade, and at what price, if a market's auction ended now; null: nothing would."""

    price: Decimal | None
    quantity: Decimal
    surplus: Annotated[
        Decimal, Meta(description="Left at that price: above zero of buyers, below of sellers.")
    ]
    ends_at: Annotated[Time | None, Meta(description="When it ends by itself, if it does.")]


State = Literal[
    "PreOpen", "Auction", "Continuous", "PostOnly", "CancelOnly", "Halted", "Closed", "Delisted"
]


class NextPhase(Struct):
    """The state that a market is to have from a time on, by the clock alone."""

    state: State
    at: Time


class Market(Struct):
    """A market and its rules; order sizes are in the quote asset, scales count decimals."""

    symbol: Annotated[str, Meta(examples=["BTC/USD"])]
    base_asset: str
    quote_asset: str
    base_scale: int
    quote_scale: int
    price_tick: Decimal
    quantity_step: Decimal
    min_order_size: Decimal
    max_order_size: Decimal
    max_price: Decimal
    max_quantity: Decimal
    max_price_deviation: Decimal | None
    dynamic_collar: Annotated[
        Decimal | None, Meta(description="How far from the last price a trade may be.")
    ]
    static_collar: Annotated[
        Decimal | None, Meta(description="How far from the last auction's price a trade may be.")
    ]
    interruption_s: Annotated[
        int, Meta(description="How long the auction lasts that comes instead of such a trade.")
    ]
    max_open_orders: Annotated[
        int | None, Meta(description="Open orders that an account may have here; null: any number.")
    ]
    max_trigger_orders: Annotated[
        int | None, Meta(description="How many of them may wait for a price; null: any number.")
    ]
    max_order_lists: Annotated[
        int | None, Meta(description="Lists that an account may have open; null: any number.")
    ]
    max_position: Annotated[
        Decimal | None,
        Meta(
            description="How much of the base asset an account may have, with what its open orders"
            " here would buy; null: any."
        ),
    ]
    max_messages: Annotated[
        int | None,
        Meta(
            description="Orders that an account may place or amend here in ten seconds of the"
            " clock, refused ones counted in; null: any number."
        ),
    ]
    max_iceberg_parts: Annotated[
        int, Meta(description="`quantity` may be at most so many times `display_quantity`.")
    ]
    trigger_protection: Annotated[
        Decimal,
        Meta(description="How far above its stop price a market order to buy trades, at most."),
    ]
    min_trail_bps: int
    max_trail_bps: int
    self_trade_scope: Annotated[
        Literal["Owner", "Account"],
        Meta(description="Whose orders are kept from trading with each other."),
    ]
    self_trade_prevention: Annotated[
        SelfTrade, Meta(description="Of orders that do not ask for one.")
    ]
    self_trade_preventions: Annotated[
        list[SelfTrade], Meta(description="Which of them an order may ask for.")
    ]
    trading_enabled: bool
    state: State
    auction: Auction | None
    schedule: Annotated[
        str | None,
        Meta(
            description="Its states by the clock, a line for each change; null: it has none.",
            examples=["Mon-Fri 09:00 continuous\nMon-Fri 17:30 closed"],
        ),
    ]
    time_zone: Annotated[str, Meta(description="Of the schedule.", examples=["Europe/Berlin"])]
    next_phase: Annotated[
        NextPhase | None,
        Meta(description="null: nothing is to come, or an operator has stopped the market."),
    ]
    delists_at: Annotated[
        Time | None,
        Meta(description="When all orders end, and the market for good; null: it goes on."),
    ]
    maker_fee: Decimal
    taker_fee: Decimal
    auction_fee: Annotated[
        Decimal | None, Meta(description="Of both sides in auctions; null: their maker rates.")
    ]
    promotion: Promotion | None
    is_demo: bool
