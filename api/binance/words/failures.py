"""What each failure of the exchange is called by the published codes and messages."""

from collections.abc import Callable
from typing import Any, Final

import structlog
from django.db import InterfaceError, OperationalError

from api.binance.words import errors as published
from api.binance.words.errors import CompatError
from api.transport.errors import PayloadTooLarge, RequestTimeout
from matching.markets.terms import MESSAGES_WINDOW_S
from zavora.foundation import errors
from zavora.foundation.errors import ZavoraError

log = structlog.get_logger(__name__)

_BALANCE: Final = "Account has insufficient balance for requested action."
_NO_TRADING: Final = "This account may not place or cancel orders."
_CLOSED: Final = "Market is closed."
_BALANCE_FULL: Final = "Account balance would become too large."
_WOULD_TAKE: Final = "Order would immediately match and take."
_NO_LAST_PRICE: Final = "There is no last price that a trailing order could start from."
_NO_LIST: Final = "The orders of this list do not go together."
_PROTECTED: Final = "The protection of this account's quotes has to be reset first."
_FILTER_OF_REASON: Final = {
    "price_out_of_range": "PRICE_FILTER",
    "price_band": "PERCENT_PRICE_BY_SIDE",
    "quantity_out_of_range": "LOT_SIZE",
    "notional_too_small": "NOTIONAL",
    "notional_too_large": "NOTIONAL",
    "too_many_open_orders": "MAX_NUM_ORDERS",
    "too_many_trigger_orders": "MAX_NUM_ALGO_ORDERS",
    "too_many_order_lists": "MAX_NUM_ORDER_LISTS",
    "position_too_large": "MAX_POSITION",
    "trail_out_of_range": "TRAILING_DELTA",
    "display_quantity": "ICEBERG_PARTS",
}
# What the engine refuses by texts that are no filter's.
_OF_REASON: Final[dict[str, Callable[[], CompatError]]] = {
    "post_only_would_cross": lambda: published.order_refused(_WOULD_TAKE),
    "balance_full": lambda: published.order_refused(_BALANCE_FULL),
    "duplicate_client_order_id": published.duplicate_order,
    "would_trigger_at_once": published.would_trigger,
    "no_reference_price": lambda: published.order_refused(_NO_LAST_PRICE),
    "list_not_possible": lambda: published.order_refused(_NO_LIST),
    "protection": lambda: published.order_refused(_PROTECTED),
    "self_trade_mode": published.self_trade_mode_not_allowed,
}


def known_compat_error(exception: BaseException) -> CompatError:
    """Return what to tell of any exception; what is unexpected is logged and hidden.

    It has no traceback (``api.transport.errors.known_error``).
    """
    if isinstance(exception, CompatError):
        return exception.with_traceback(None)
    if isinstance(exception, ZavoraError):
        return _of_zavora(exception)
    if isinstance(exception, (OperationalError, InterfaceError)):
        # Only reads reach the database from here, so nothing is in doubt.
        log.warning("database_unavailable", error=type(exception).__name__)
        return published.unavailable()
    log.error("request_failed", exc_info=exception)
    return published.unexpected()


def _of_zavora(error: ZavoraError) -> CompatError:
    if isinstance(error, errors.InvalidOrder):
        return _of_reason(error.details.get("reason"))
    if isinstance(error, errors.RateLimited):
        window = f"{MESSAGES_WINDOW_S} SECOND"
        limit, wait_s = error.details.get("limit", 0), error.details["retry_after"]
        return published.too_many_orders(limit, window, wait_s)
    kind = _OF_CLASS.get(type(error))
    if kind is not None:
        return kind()
    log.error("request_failed", exc_info=error)
    return published.unexpected()


def _of_reason(reason: Any) -> CompatError:
    name = _FILTER_OF_REASON.get(reason)
    if name is not None:
        return published.filter_failure(name)
    kind = _OF_REASON.get(reason)
    if kind is not None:
        return kind()
    return published.order_refused("This order is not allowed by the rules of its symbol.")


_OF_CLASS: Final = {
    errors.InsufficientBalance: lambda: published.order_refused(_BALANCE),
    errors.MarketHalted: lambda: published.order_refused(_CLOSED),
    errors.MarketNotFound: published.invalid_symbol,
    errors.AccountFrozen: lambda: published.order_refused(_NO_TRADING),
    errors.AccountNotFound: published.rejected_key,
    errors.Forbidden: published.rejected_key,
    errors.Unauthorized: published.rejected_key,
    errors.OrderNotFound: published.unknown_order,
    errors.OrderNotOpen: published.unknown_order_to_cancel,
    errors.Overloaded: published.overloaded,
    errors.EngineUnavailable: published.unavailable,
    errors.OutcomeUnknown: published.outcome_unknown,
    errors.InternalError: published.unexpected,
    PayloadTooLarge: published.too_large,
    RequestTimeout: published.too_slow,
}
