"""The words of the API that programs compare with; one that is new to this client stays itself."""

from enum import StrEnum
from typing import Self


class Word(StrEnum):
    """A word among several; one that a newer exchange says is kept as it is said."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_ = word._value_ = value
        return word


class Side(Word):
    """Whether an order buys or sells."""

    BUY = "Buy"
    SELL = "Sell"

    @property
    def opposite(self) -> "Side":
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class TakerSide(Word):
    """Whether the order that came in bought or sold."""

    BUY = "buy"
    SELL = "sell"


class OrderType(Word):
    """How an order asks for its price."""

    LIMIT = "Limit"
    MARKET = "Market"
    STOP = "Stop"
    STOP_LIMIT = "StopLimit"
    TAKE_PROFIT = "TakeProfit"
    TAKE_PROFIT_LIMIT = "TakeProfitLimit"
    TRAILING_STOP = "TrailingStop"


class TimeInForce(Word):
    """How long an order lasts."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTD = "GTD"
    DAY = "Day"


class OrderStatus(Word):
    """How an order is."""

    NEW = "New"
    PARTIALLY_FILLED = "PartiallyFilled"
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"
    PENDING = "Pending"
    TRIGGERED = "Triggered"

    @property
    def is_open(self) -> bool:
        """Whether it may still trade."""
        return self in _OPEN


_OPEN = frozenset(
    {OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.PENDING, OrderStatus.TRIGGERED}
)


class MarketState(Word):
    """Which orders a market takes."""

    PRE_OPEN = "PreOpen"
    AUCTION = "Auction"
    CONTINUOUS = "Continuous"
    POST_ONLY = "PostOnly"
    CANCEL_ONLY = "CancelOnly"
    HALTED = "Halted"
    CLOSED = "Closed"
    DELISTED = "Delisted"


class Liquidity(Word):
    """Whether a fill's order rested (maker), came in (taker), or traded in an auction."""

    MAKER = "Maker"
    TAKER = "Taker"
    AUCTION = "Auction"


class SelfTradePrevention(Word):
    """What becomes of two orders of one owner that meet."""

    NONE = "None"
    TAKER = "Taker"
    MAKER = "Maker"
    BOTH = "Both"
    DECREMENT = "Decrement"
    TRANSFER = "Transfer"


class ListKind(Word):
    """What the orders of a list are to one another."""

    OCO = "OCO"
    OTO = "OTO"
    OTOCO = "OTOCO"
