"""The shapes of the OpenAPI document, as structs; a test compares what ``words`` really writes."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from api.v1 import requests
from api.v1.openapi import list_shapes, money
from api.v1.openapi.alert_shapes import SHAPES as ALERT_SHAPES
from api.v1.openapi.fee_documents import FEE_SHAPES
from api.v1.openapi.kinds import AccountId, Decimal, Side, Time
from api.v1.openapi.market_shapes import Auction, Market, SelfTrade
from api.v1.openapi.order_shapes import ORDER_SHAPES, OrderList
from api.v1.openapi.preference_shapes import SHAPES as PREFERENCE_SHAPES


class Order(Struct):
    """An order now. Its average price is rounded half to even; what it did not ask for is null."""

    id: str
    client_order_id: str | None
    user_id: AccountId
    market: str
    side: Side
    order_type: Literal[
        "Limit", "Market", "Stop", "StopLimit", "TakeProfit", "TakeProfitLimit", "TrailingStop"
    ]
    price: Decimal | None
    quantity: Decimal | None
    quote_quantity: Decimal | None
    remaining_quantity: Decimal
    filled_quantity: Decimal
    filled_quote_quantity: Decimal
    average_fill_price: Decimal | None
    prevented_quantity: Annotated[
        Decimal | None, Meta(description="Lost to the prevention of self-trades.")
    ]
    time_in_force: Literal["GTC", "IOC", "FOK", "GTD", "Day"]
    post_only: bool
    status: Annotated[
        Literal["New", "PartiallyFilled", "Filled", "Cancelled", "Expired", "Pending", "Triggered"],
        Meta(description="`Pending` waits for its price, `Triggered` has it and enters at once."),
    ]
    reason: str | None
    created_at: Time
    updated_at: Time
    stop_price: Decimal | None
    trigger_by: Literal["Last", "Opposite"] | None
    trail_price: Decimal | None
    trail_bps: int | None
    activation_price: Decimal | None
    triggered_at: Annotated[Time | None, Meta(description="When it entered the market.")]
    expires_at: Time | None
    display_quantity: Decimal | None
    protection_price: Decimal | None
    post_only_mode: Literal["Reject", "Slide"] | None
    self_trade_prevention: SelfTrade | None
    list_id: str | None
    leg: Annotated[
        Literal["One", "Working", "Pending"] | None, Meta(description="What it is in its list.")
    ]


class Trade(Struct):
    """A match of an order; the counterparty's ids are null for those who do not own them."""

    id: str
    market: str
    price: Decimal
    quantity: Decimal
    amount: Decimal
    buyer_order_id: str | None
    seller_order_id: str | None
    buyer_id: str | None
    seller_id: str | None
    taker_side: Literal["buy", "sell"]
    created_at: Time


class OrderPlaced(Struct):
    """An order after the command, and the trades it made at once, oldest first."""

    order: Order
    trades: list[Trade]


Orders = list[Order]


class OrderListPlaced(Struct):
    """A list of orders, and each of its orders as it is now."""

    list: OrderList
    orders: Orders


class Fill(Struct):
    """A trade as one of its parties sees it."""

    id: str
    order_id: str
    market: str
    side: Side
    price: Decimal
    quantity: Decimal
    amount: Decimal
    fee: Decimal
    fee_asset: str
    liquidity: Literal["Maker", "Taker", "Auction"]
    created_at: Time


class PublicTrade(Struct):
    """A trade as everybody sees it."""

    id: str
    market: str
    price: Decimal
    quantity: Decimal
    taker_side: Literal["buy", "sell"]
    timestamp: Time
    auction: bool


class PublicTrades(Struct):
    """A page of a market's trades, newest first."""

    market: str
    trades: list[PublicTrade]


class OrderBook(Struct):
    """The best levels of a book as (price, quantity), best price first."""

    market: str
    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]
    sequence: int
    auction: Auction | None


class Ticker(Struct):
    """The last 24 hours of a market; null where nothing was traded yet."""

    market: str
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    change_24h: Decimal | None
    change_24h_percent: Decimal | None
    high_24h: Decimal | None
    low_24h: Decimal | None
    volume_24h: Decimal | None
    quote_volume_24h: Decimal | None
    vwap_24h: Decimal | None
    auction: Auction | None
    timestamp: Time


class Candle(Struct):
    """Open, high, low, close and volumes of an interval; it closes when the next one opens."""

    market: str
    interval: str
    open_time: Time
    close_time: Time
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int


class Candles(Struct):
    """A market's candles, newest first."""

    market: str
    interval: str
    candles: list[Candle]


class Key(Struct):
    """An API key; `key` names a signing one in requests, `account_id` is what it is limited to.

    Orders are limited to `markets`, unless that is empty.
    """

    id: str
    name: str
    kind: Literal["Bearer", "HMAC", "Ed25519", "RSA"]
    key: str | None
    scopes: list[Literal["read", "trade", "withdraw"]]
    account_id: AccountId | None
    markets: list[str]
    addresses: list[str]
    expires_at: Time | None
    revoked_at: Time | None
    created_at: Time
    last_used_at: Time | None
    last_used_from: str | None


class KeyMade(Struct):
    """A new key and, this once, its token or HMAC secret; null where the key pair is yours."""

    key: Key
    secret: str | None


class CreateKeyIn(Struct):
    """A new key; `withdraw` needs addresses, Ed25519 and RSA your public key."""

    scopes: list[Literal["read", "trade", "withdraw"]]
    kind: Literal["Bearer", "HMAC", "Ed25519", "RSA"] = "Bearer"
    name: Annotated[str, Meta(max_length=64)] = ""
    account: AccountId | None = None
    addresses: Annotated[list[str], Meta(max_length=30)] = []
    markets: Annotated[list[str], Meta(max_length=50)] = []
    expires_at: Time | None = None
    public_key: Annotated[str | None, Meta(description="PEM.")] = None


class ErrorBody(Struct):
    """What went wrong: a stable code, a text for people, and what it is about."""

    code: str
    message: str
    details: dict[str, Any] = {}


class Error(Struct):
    """The envelope of every failure."""

    error: ErrorBody
    request_id: str


class Half(Struct):
    """What became of one half of a replacement: the order, or the error.

    A new order has its trades.
    """

    order: Order | None = None
    trades: list[Trade] | None = None
    error: ErrorBody | None = None


class OrderReplaced(Struct):
    """What became of the old order and of the new one; `placed` is null where it was not tried."""

    cancelled: Half
    placed: Half | None


class BatchItem(Struct):
    """What became of one order: the order and its trades, or the error."""

    order: Order | None = None
    trades: list[Trade] | None = None
    error: ErrorBody | None = None


class Service(Struct):
    """A part of the exchange."""

    status: Literal["up", "down"]
    latency_ms: float


class Services(Struct):
    """The parts of the exchange."""

    matching_engine: Service
    account_service: Service
    market_data_service: Service


class MarketSetAside(Struct):
    """A market on which a part of the work fails; the other markets go on."""

    market: str
    part: Literal["matching", "rules", "feed", "candles"]


class MarketCount(Struct):
    """How many markets there are, how many can be traded, and on which a part of the work fails."""

    total: int
    active: int
    set_aside: list[MarketSetAside]


class System(Struct):
    """What the answering process uses."""

    memory_usage_mb: float


class Health(Struct):
    """How the exchange is. `degraded` with 200: a market is set aside, or a web process down.

    `web`: the web processes that share the port.
    """

    status: Literal["healthy", "degraded"]
    version: str
    timestamp: Time
    uptime_seconds: int
    services: Services
    web: dict[str, Literal["up", "down"]]
    markets: MarketCount
    system: System
    health_check_latency_ms: float


class Live(Struct):
    """Whether this process answers. It says nothing of any other."""

    status: Literal["alive"]


class Ready(Struct):
    """Whether this web process can do its part; nothing about workers and the database."""

    status: Literal["ready", "waiting"]
    waits_for: list[Literal["feed", "queue"]]


SHAPES: Final[tuple[type[Struct], ...]] = (
    *money.SHAPES,
    Auction,
    Market,
    Order,
    Trade,
    OrderPlaced,
    OrderListPlaced,
    Half,
    OrderReplaced,
    Fill,
    PublicTrade,
    PublicTrades,
    OrderBook,
    Ticker,
    Candle,
    Candles,
    Key,
    KeyMade,
    CreateKeyIn,
    Error,
    BatchItem,
    Health,
    Live,
    Ready,
    *PREFERENCE_SHAPES,
    *ALERT_SHAPES,
    *FEE_SHAPES,
    *ORDER_SHAPES,
    requests.PlaceOrderIn,
    list_shapes.ListedOrderIn,
    list_shapes.PlaceListIn,
    requests.AmendOrderIn,
    requests.ReplaceOrderIn,
    requests.CancelOrderIn,
    requests.CancelAllIn,
)


def shape_schemas(*more: type[Struct]) -> dict[str, Any]:
    """Return the schemas of all shapes by name."""
    _, components = msgspec.json.schema_components(
        (*SHAPES, *more), ref_template="#/components/schemas/{name}"
    )
    return components
