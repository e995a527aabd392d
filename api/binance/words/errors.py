"""The published codes and messages.

Clients choose their exceptions by code, and some by the exact words: neither ever changes.
"""

from http import HTTPStatus
from typing import Any, Final

from api.transport.errors import JSON_TYPE, NO_STORE, Headers
from api.transport.exact_json import encode

RETRY_AFTER_S: Final = 1
CODE_UNKNOWN: Final = -1000
# The rest of the body, should it ever come, is nobody's next request.
BODY_UNREAD: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


class CompatError(Exception):
    """What a client is told: ``code`` and ``msg``, an HTTP status, perhaps ``data`` beside them."""

    def __init__(
        self,
        code: int,
        msg: str,
        status: int = 400,
        *,
        retry_after_s: int | None = None,
        data: Any = None,
        allow: str | None = None,
    ) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg
        self.status = status
        self.retry_after_s = retry_after_s
        self.data = data
        self.allow = allow

    def body(self) -> dict[str, Any]:
        """Return the error as it stands in an answer's body."""
        shown: dict[str, Any] = {"code": self.code, "msg": self.msg}
        if self.data is not None:
            shown["data"] = self.data
        return shown


# --- the request ----------------------------------------------------------------------------------


def unknown_path() -> CompatError:
    """Nothing is at this address."""
    return CompatError(CODE_UNKNOWN, "There is nothing at this address.", 404)


def wrong_method(allow: str) -> CompatError:
    """The path exists, but not for this method."""
    return CompatError(CODE_UNKNOWN, f"This path answers to {allow}.", 405, allow=allow)


def unexpected() -> CompatError:
    """A failure of our own, which is on record."""
    return CompatError(CODE_UNKNOWN, "An unknown error occurred while processing the request.", 500)


def too_large() -> CompatError:
    """The body is longer than the exchange reads."""
    return CompatError(-1101, "Too many parameters sent for this endpoint.", 413)


def too_slow() -> CompatError:
    """The body did not come in time; nothing was done."""
    return CompatError(
        CODE_UNKNOWN, "The request was not sent in time.", HTTPStatus.REQUEST_TIMEOUT
    )


def wrong_host() -> CompatError:
    """The request names a host that is not ours."""
    return CompatError(CODE_UNKNOWN, "This host is not served here.")


def too_many_parameters() -> CompatError:
    """More parameters than any call has."""
    return CompatError(-1101, "Too many parameters sent for this endpoint.")


def repeated(name: str) -> CompatError:
    """One parameter came twice."""
    return CompatError(-1101, f"Duplicate values for parameter '{name}' detected.")


def illegal(name: str, legal: str) -> CompatError:
    """A value is not of the form that its parameter has."""
    return CompatError(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    )


def mandatory(name: str) -> CompatError:
    """A parameter is missing or empty."""
    return CompatError(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def one_of_two(name: str, other: str) -> CompatError:
    """Neither of two parameters came, of which one is needed."""
    return CompatError(
        -1102, f"Param '{name}' or '{other}' must be sent, but both were empty/null!"
    )


def empty(name: str) -> CompatError:
    """An optional parameter came without a value."""
    return CompatError(-1105, f"Parameter '{name}' was empty.")


def not_required(name: str) -> CompatError:
    """A parameter came that contradicts the others."""
    return CompatError(-1106, f"Parameter '{name}' sent when not required.")


def too_precise(name: str) -> CompatError:
    """A figure has more decimals than its asset."""
    return CompatError(-1111, f"Parameter '{name}' has too much precision.")


def invalid_lifetime() -> CompatError:
    """No such time in force."""
    return CompatError(-1115, "Invalid timeInForce.")


def invalid_order_type() -> CompatError:
    """No such order type."""
    return CompatError(-1116, "Invalid orderType.")


def invalid_side() -> CompatError:
    """No such side."""
    return CompatError(-1117, "Invalid side.")


def invalid_interval() -> CompatError:
    """No such candle."""
    return CompatError(-1120, "Invalid interval.")


def invalid_symbol() -> CompatError:
    """No such market."""
    return CompatError(-1121, "Invalid symbol.")


def invalid_cancel_restrictions() -> CompatError:
    """No such restriction of a cancel."""
    return CompatError(-1145, "Invalid cancelRestrictions")


def repeated_symbol() -> CompatError:
    """A list names one symbol twice."""
    return CompatError(-1151, "Symbol is present multiple times in the list.")


def unknown_listen_key() -> CompatError:
    """No such listen key, or another account's."""
    return CompatError(-1125, "This listenKey does not exist.")


def invalid_parameter(name: str) -> CompatError:
    """A value is none of those that its parameter has."""
    return CompatError(-1130, f"Data sent for parameter '{name}' is not valid.")


def too_many_requests(limit: int, retry_after_s: int) -> CompatError:
    """The weight of a minute is used up."""
    return CompatError(
        -1003,
        f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE."
        " Please use WebSocket Streams for live updates to avoid polling the API.",
        429,
        retry_after_s=retry_after_s,
    )


def banned(until_ms: int, retry_after_s: int) -> CompatError:
    """The address went on although it was told to stop."""
    return CompatError(
        -1003,
        f"Way too much request weight used; IP banned until {until_ms}. Please use WebSocket"
        " Streams for live updates to avoid bans.",
        418,
        retry_after_s=retry_after_s,
    )


def too_many_orders(limit: int, interval: str, retry_after_s: int) -> CompatError:
    """The account placed as many orders as it may for now. ``interval``: ``10 SECOND``."""
    return CompatError(
        -1015,
        f"Too many new orders; current limit is {limit} orders per {interval}.",
        429,
        retry_after_s=retry_after_s,
    )


# --- keys and signatures --------------------------------------------------------------------------


def bad_key_format() -> CompatError:
    """No key, or text that cannot be one."""
    return CompatError(-2014, "API-key format invalid.", 401)


def rejected_key() -> CompatError:
    """An unknown key, or one that does not allow this, or not from there."""
    return CompatError(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def outside_window() -> CompatError:
    """The timestamp is too old, or lies ahead."""
    return CompatError(-1021, "Timestamp for this request is outside of the recvWindow.")


def came_before() -> CompatError:
    """A signed request that writes came before, or may have."""
    return CompatError(-1021, "This signed request came before: sign it with a new timestamp.")


def bad_signature() -> CompatError:
    """The signature is not that of the text."""
    return CompatError(-1022, "Signature for this request is not valid.")


def window_too_large() -> CompatError:
    """More than a minute."""
    return CompatError(-1131, "recvWindow must be less than 60000.")


# --- orders ---------------------------------------------------------------------------------------


def filter_failure(name: str) -> CompatError:
    """An order breaks a filter of its symbol: PRICE_FILTER, LOT_SIZE, NOTIONAL, ..."""
    return CompatError(-1013, f"Filter failure: {name}")


def order_refused(msg: str) -> CompatError:
    """A new order is refused; nothing changed."""
    return CompatError(-2010, msg)


def order_invalid(msg: str) -> CompatError:
    """A new order contradicts itself or its symbol; it did not reach the engine."""
    return CompatError(-1013, msg)


def unsupported_combination() -> CompatError:
    """Type, time in force and iceberg quantity do not go together."""
    return CompatError(-1014, "Unsupported order combination.")


def self_trade_mode_not_allowed() -> CompatError:
    """A mode of self-trade prevention that the symbol does not have."""
    return order_invalid("This symbol does not allow the specified self-trade prevention mode.")


def amend_refused(msg: str) -> CompatError:
    """An amendment that keeps its priority is refused; nothing changed."""
    return CompatError(-2038, msg)


def duplicate_order() -> CompatError:
    """An open order of the account has this client order id."""
    return order_refused("Duplicate order sent.")


def would_trigger() -> CompatError:
    """The price that an order is to wait for is reached already."""
    return order_refused("Stop price would trigger immediately.")


def unknown_order_to_cancel() -> CompatError:
    """No such open order of the account."""
    return CompatError(-2011, "Unknown order sent.")


def cancel_restricted() -> CompatError:
    """The order is open, but not of the status that the cancel was restricted to."""
    return CompatError(-2011, "Order was not canceled due to cancel restrictions.")


def unknown_order() -> CompatError:
    """No such order of the account."""
    return CompatError(-2013, "Order does not exist.")


def outcome_unknown() -> CompatError:
    """No answer from the engine in time: the order may live, its client order id finds it."""
    return CompatError(
        -1007,
        "Timeout waiting for response from backend server. Send status unknown; execution status"
        " unknown.",
        504,
    )


def overloaded() -> CompatError:
    """Nothing was queued: too much waits already."""
    return CompatError(
        -1008,
        "Server is currently overloaded with other requests. Please try again in a few minutes.",
        503,
        retry_after_s=RETRY_AFTER_S,
    )


def unavailable() -> CompatError:
    """Nothing was queued: a part of the exchange is not there right now."""
    return CompatError(
        -1001,
        "Internal error; unable to process your request. Please try again.",
        503,
        retry_after_s=RETRY_AFTER_S,
    )


# --- over HTTP ------------------------------------------------------------------------------------


def render(error: CompatError) -> tuple[int, Headers, bytes]:
    """Return status, headers and body that answer a failure over HTTP."""
    headers: Headers = [JSON_TYPE, NO_STORE]
    if error.status in BODY_UNREAD:
        headers.append((b"connection", b"close"))
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after_s))
    if error.allow is not None:
        headers.append((b"allow", error.allow.encode()))
    return error.status, headers, encode(error.body())
