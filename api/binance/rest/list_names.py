"""What the parameters of each order of a list are called, by the names of one order alone."""

from collections.abc import Mapping
from typing import Final

_SHARED: Final = ("side", "quantity")
_OWN: Final = (
    "type",
    "price",
    "stopPrice",
    "trailingDelta",
    "icebergQty",
    "timeInForce",
    "quoteOrderQty",
)
Names = Mapping[str, str]


def _names(prefix: str, shared: Mapping[str, str] | None = None, **others: str) -> Names:
    """Return names that begin with a prefix, but for those that several orders share."""
    names = {name: f"{prefix}{name[0].upper()}{name[1:]}" for name in (*_OWN, *_SHARED)}
    names["newClientOrderId"] = f"{prefix}ClientOrderId"
    return {**names, **(shared or {}), **others}


_OF_ALL: Final = {name: name for name in _SHARED}
_OF_PENDING: Final = {"side": "pendingSide", "quantity": "pendingQuantity"}
ABOVE: Final = _names("above", _OF_ALL)
BELOW: Final = _names("below", _OF_ALL)
WORKING: Final = _names("working")
PENDING: Final = _names("pending")
PENDING_ABOVE: Final = _names("pendingAbove", _OF_PENDING)
PENDING_BELOW: Final = _names("pendingBelow", _OF_PENDING)
# Of the call that came before those: a limit order and a stop order, whichever is above.
FORMER_LIMIT: Final = _names("limit", _OF_ALL, price="price")
FORMER_STOP: Final = _names(
    "stop",
    _OF_ALL,
    price="stopLimitPrice",
    timeInForce="stopLimitTimeInForce",
    stopPrice="stopPrice",
    trailingDelta="trailingDelta",
)
