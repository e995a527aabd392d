"""What the OpenAPI document says: the shapes as structs, the edge's routes, and a views' decorator.

Views are found by drf-spectacular; the edge's routes are added to the same document. Both name the
structs below, which a test compares with what ``api.v1.words`` really writes.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, extend_schema
from msgspec import Meta, Struct

from api.v1 import requests
from api.v1.openapi.fee_documents import FEE_SHAPES, Promotion
from api.v1.openapi.kinds import AccountId, Decimal, Side, Time
from marketdata.candles.intervals import INTERVALS

View = TypeVar("View", bound=Callable[..., Any])


class Account(Struct):
    """A trading account; its own fee rates are null where the market's hold."""

    id: AccountId
    label: str
    status: Literal["Active", "CancelOnly", "Frozen", "Closed"]
    maker_fee: Decimal | None
    taker_fee: Decimal | None
    created_at: Time
    updated_at: Time


class Balance(Struct):
    """What an account has of an asset; total is available and locked together."""

    account_id: AccountId
    asset: str
    total: Decimal
    available: Decimal
    locked: Decimal
    updated_at: Time


class Withdrawal(Struct):
    """Money on its way out."""

    id: str
    account_id: AccountId
    asset: str
    amount: Decimal
    address: str
    state: Literal["Pending", "Settled", "Cancelled"]
    created_at: Time
    updated_at: Time


class WithdrawalAnswer(Balance):
    """The balance after the hold, and the withdrawal."""

    withdrawal: Withdrawal


class LedgerEntry(Struct):
    """One movement of one asset; negative takes, positive gives."""

    id: str
    transaction_id: str
    kind: Literal["Trade", "Fee", "Deposit", "Withdrawal", "Adjustment"]
    asset: str
    amount: Decimal
    balance_after: Decimal | None
    reference: str
    created_at: Time


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
    max_open_orders: Annotated[
        int | None, Meta(description="Open orders that an account may have here; null: any number.")
    ]
    self_trade_scope: Annotated[
        Literal["Owner", "Account"],
        Meta(description="Whose orders never trade with each other."),
    ]
    trading_enabled: bool
    state: Literal["PreOpen", "Auction", "Continuous", "PostOnly", "CancelOnly", "Halted", "Closed"]
    maker_fee: Decimal
    taker_fee: Decimal
    promotion: Promotion | None
    is_demo: bool


class Order(Struct):
    """An order and its current state; `average_fill_price` is rounded half to even."""

    id: str
    client_order_id: str | None
    user_id: AccountId
    market: str
    side: Side
    order_type: Literal["Limit", "Market"]
    price: Decimal | None
    stop_price: Decimal | None
    quantity: Decimal | None
    quote_quantity: Decimal | None
    remaining_quantity: Decimal
    filled_quantity: Decimal
    filled_quote_quantity: Decimal
    average_fill_price: Decimal | None
    time_in_force: Literal["GTC", "IOC", "FOK"]
    post_only: bool
    status: Literal["New", "PartiallyFilled", "Filled", "Cancelled", "Expired"]
    reason: str | None
    created_at: Time
    updated_at: Time


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
    liquidity: Literal["Maker", "Taker"]
    created_at: Time


class PublicTrade(Struct):
    """A trade as everybody sees it."""

    id: str
    market: str
    price: Decimal
    quantity: Decimal
    taker_side: Literal["buy", "sell"]
    timestamp: Time


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


class CreateAccountIn(Struct):
    """A new account."""

    label: Annotated[str, Meta(max_length=64)] = ""


class DepositIn(Struct):
    """What to credit."""

    asset: str
    amount: Decimal


class WithdrawIn(Struct):
    """What to withdraw, and where to; without the sandbox's faucet an address is needed."""

    asset: str
    amount: Decimal
    address: Annotated[str, Meta(max_length=128)] = ""


class ErrorBody(Struct):
    """What went wrong: a stable code, a text for people, and what it is about."""

    code: str
    message: str
    details: dict[str, Any] = {}


class Error(Struct):
    """The envelope of every failure."""

    error: ErrorBody
    request_id: str


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
    """How the exchange is. `degraded` with status 200: every part works, a market is set aside."""

    status: Literal["healthy", "degraded"]
    version: str
    timestamp: Time
    uptime_seconds: int
    services: Services
    markets: MarketCount
    system: System
    health_check_latency_ms: float


SHAPES: Final[tuple[type[Struct], ...]] = (
    Account,
    Balance,
    Withdrawal,
    WithdrawalAnswer,
    LedgerEntry,
    Market,
    Order,
    Trade,
    OrderPlaced,
    Fill,
    PublicTrade,
    PublicTrades,
    OrderBook,
    Ticker,
    Candle,
    Candles,
    CreateAccountIn,
    DepositIn,
    WithdrawIn,
    Error,
    BatchItem,
    Health,
    *FEE_SHAPES,
    requests.PlaceOrderIn,
    requests.AmendOrderIn,
    requests.CancelOrderIn,
    requests.CancelAllIn,
)

QUERY: Final[dict[str, dict[str, Any]]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": 500, "default": 100},
    "cursor": {"type": "string", "description": "`meta.next` of the page before."},
    "market": {"type": "string", "examples": ["BTC/USD"]},
    "asset": {"type": "string", "examples": ["BTC"]},
    "status": {"type": "string", "examples": ["Open", "Filled,Cancelled"]},
    "client_order_id": {"type": "string", "maxLength": 64},
    "interval": {"type": "string", "enum": list(INTERVALS), "default": "1m"},
    "start": {"type": "string", "format": "date-time"},
    "end": {"type": "string", "format": "date-time"},
    "depth": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 10},
}
KEY_DESCRIPTION: Final = "Repeat a request with the same key and it takes effect once."
BEARER: Final = "bearer"
SESSION: Final = "session"


def reference(name: str) -> dict[str, str]:
    """Return a reference to a shape."""
    return {"$ref": f"#/components/schemas/{name}"}


def envelope_schema(name: str, *, is_list: bool = False, is_paged: bool = False) -> dict[str, Any]:
    """Return the schema of a success."""
    data: dict[str, Any] = reference(name)
    if is_list:
        data = {"type": "array", "items": data}
    properties: dict[str, Any] = {"data": data}
    if is_paged:
        cursor = {"type": ["string", "null"], "description": "The next page's cursor."}
        properties["meta"] = {"type": "object", "properties": {"next": cursor}}
    return {"type": "object", "properties": properties, "required": list(properties)}


def documented(
    operation: str,
    name: str,
    *,
    is_list: bool = False,
    is_paged: bool = False,
    body: str | None = None,
    has_key: bool = False,
    query: tuple[str, ...] = (),
    is_public: bool = False,
) -> Callable[[View], View]:
    """Describe a view's method for the document: its operation's id, and the shape it returns."""
    names = (*query, "limit", "cursor") if is_paged else query
    parameters = [OpenApiParameter(one, QUERY[one], OpenApiParameter.QUERY) for one in names]
    if has_key:
        parameters.append(
            OpenApiParameter(
                "Idempotency-Key",
                {"type": "string", "maxLength": 128},
                OpenApiParameter.HEADER,
                description=KEY_DESCRIPTION,
            )
        )
    success = envelope_schema(name, is_list=is_list, is_paged=is_paged)
    decorate: Callable[[View], View] = extend_schema(
        operation_id=operation,
        request={"application/json": reference(body)} if body else None,
        responses={
            (200, "application/json"): success,
            ("default", "application/json"): reference("Error"),
        },
        parameters=parameters,
        auth=[] if is_public else None,
        tags=["Markets" if is_public else "Accounts"],
    )
    return decorate


class CallerAuthenticationScheme(OpenApiAuthenticationExtension):
    """Names the credentials: a bearer token, or a browser session."""

    target_class = "api.access.auth.CallerAuthentication"
    name = [BEARER, SESSION]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        """Return both schemes, in the order of ``name``."""
        return [
            {"type": "http", "scheme": "bearer"},
            {
                "type": "apiKey",
                "in": "cookie",
                "name": settings.SESSION_COOKIE_NAME,
                "description": "Unsafe methods also need the X-CSRFToken header.",
            },
        ]


def shape_schemas() -> dict[str, Any]:
    """Return the schemas of all shapes by name."""
    _, components = msgspec.json.schema_components(
        SHAPES, ref_template="#/components/schemas/{name}"
    )
    return components
