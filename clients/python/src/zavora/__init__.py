"""Zavora: its REST API and its live streams, for programs that wait and for those on asyncio.

with zavora.Client("https://exchange.example", token) as client:
    for market in client.markets():
        print(market.symbol, market.state)
    placed = client.place_order("BTC/EUR", "buy", quantity="0.1", price="20000")
"""

from zavora.client import AsyncClient, Client, __version__
from zavora.core.credentials import BrowserSession, Credential, SigningKey, Token
from zavora.core.exchanges import Patience
from zavora.core.pace import BackOff, RateLimit
from zavora.core.routes import AsyncPages, Pages
from zavora.errors import (
    BadRequest,
    Closed,
    Conflict,
    FellBehind,
    Forbidden,
    InsufficientBalance,
    InvalidFields,
    InvalidOrder,
    MarketHalted,
    NoConnection,
    NotFound,
    OrderNotOpen,
    OutcomeUnknown,
    RateLimited,
    Refused,
    ServerFault,
    Unauthorized,
    Unavailable,
    Unreadable,
    ZavoraError,
)
from zavora.words import (
    Liquidity,
    ListKind,
    MarketState,
    OrderStatus,
    OrderType,
    SelfTradePrevention,
    Side,
    TakerSide,
    TimeInForce,
)

__all__ = [
    "AsyncClient",
    "AsyncPages",
    "BackOff",
    "BadRequest",
    "BrowserSession",
    "Client",
    "Closed",
    "Conflict",
    "Credential",
    "FellBehind",
    "Forbidden",
    "InsufficientBalance",
    "InvalidFields",
    "InvalidOrder",
    "Liquidity",
    "ListKind",
    "MarketHalted",
    "MarketState",
    "NoConnection",
    "NotFound",
    "OrderNotOpen",
    "OrderStatus",
    "OrderType",
    "OutcomeUnknown",
    "Pages",
    "Patience",
    "RateLimit",
    "RateLimited",
    "Refused",
    "SelfTradePrevention",
    "ServerFault",
    "Side",
    "SigningKey",
    "TakerSide",
    "TimeInForce",
    "Token",
    "Unauthorized",
    "Unavailable",
    "Unreadable",
    "ZavoraError",
    "__version__",
]
