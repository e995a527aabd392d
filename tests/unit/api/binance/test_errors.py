"""Every failure of the exchange has a published code, and the texts are the published ones."""

from typing import Any

import pytest
from django.db import OperationalError

from api.binance.words import errors
from api.binance.words.errors import CompatError, render
from api.binance.words.failures import known_compat_error
from api.transport.errors import RequestTimeout
from zavora.foundation import errors as own
from zavora.foundation.errors import ZavoraError

NOTIONAL = "Filter failure: NOTIONAL"
TIMEOUT = (
    "Timeout waiting for response from backend server. Send status unknown; execution status"
    " unknown."
)


@pytest.mark.parametrize(
    ("error", "status", "code", "msg"),
    [
        (
            own.InsufficientBalance("x"),
            400,
            -2010,
            "Account has insufficient balance for requested action.",
        ),
        (own.MarketHalted("x"), 400, -2010, "Market is closed."),
        (own.AccountFrozen("x"), 400, -2010, "This account may not place or cancel orders."),
        (
            own.InvalidOrder("x", reason="post_only_would_cross"),
            400,
            -2010,
            "Order would immediately match and take.",
        ),
        (
            own.InvalidOrder("x", reason="duplicate_client_order_id"),
            400,
            -2010,
            "Duplicate order sent.",
        ),
        (
            own.InvalidOrder("x", reason="too_many_open_orders"),
            400,
            -1013,
            "Filter failure: MAX_NUM_ORDERS",
        ),
        (
            own.InvalidOrder("x", reason="too_many_trigger_orders"),
            400,
            -1013,
            "Filter failure: MAX_NUM_ALGO_ORDERS",
        ),
        (
            own.InvalidOrder("x", reason="trail_out_of_range"),
            400,
            -1013,
            "Filter failure: TRAILING_DELTA",
        ),
        (
            own.InvalidOrder("x", reason="display_quantity"),
            400,
            -1013,
            "Filter failure: ICEBERG_PARTS",
        ),
        (
            own.InvalidOrder("x", reason="self_trade_mode"),
            400,
            -1013,
            "This symbol does not allow the specified self-trade prevention mode.",
        ),
        (
            own.InvalidOrder("x", reason="would_trigger_at_once"),
            400,
            -2010,
            "Stop price would trigger immediately.",
        ),
        (
            own.InvalidOrder("x", reason="no_reference_price"),
            400,
            -2010,
            "There is no last price that a trailing order could start from.",
        ),
        (
            own.InvalidOrder("x", reason="balance_full"),
            400,
            -2010,
            "Account balance would become too large.",
        ),
        (
            own.InvalidOrder("x", reason="price_band"),
            400,
            -1013,
            "Filter failure: PERCENT_PRICE_BY_SIDE",
        ),
        (
            own.InvalidOrder("x", reason="price_out_of_range"),
            400,
            -1013,
            "Filter failure: PRICE_FILTER",
        ),
        (
            own.InvalidOrder("x", reason="quantity_out_of_range"),
            400,
            -1013,
            "Filter failure: LOT_SIZE",
        ),
        (
            own.InvalidOrder("x", reason="notional_too_small"),
            400,
            -1013,
            "Filter failure: NOTIONAL",
        ),
        (
            own.InvalidOrder("x", reason="notional_too_large"),
            400,
            -1013,
            "Filter failure: NOTIONAL",
        ),
        (own.MarketNotFound("x"), 400, -1121, "Invalid symbol."),
        (own.OrderNotFound("x"), 400, -2013, "Order does not exist."),
        (own.OrderNotOpen("x"), 400, -2011, "Unknown order sent."),
        (
            own.OutcomeUnknown("x"),
            504,
            -1007,
            TIMEOUT,
        ),
    ],
)
def test_failures_arrive_by_their_published_names(
    error: ZavoraError, status: int, code: int, msg: str
) -> None:
    known = known_compat_error(error)

    assert (known.status, known.code, known.msg) == (status, code, msg)


def _family(cls: type[ZavoraError]) -> list[type[ZavoraError]]:
    return [cls, *(deeper for child in cls.__subclasses__() for deeper in _family(child))]


# Raised by other edges only.
_NEVER_HERE = {
    "ZavoraError",
    "BadRequest",
    "ValidationFailed",
    "NotFound",
    "Conflict",
    "RateLimited",
    "MethodNotAllowed",
    "UnsupportedMediaType",
}


@pytest.mark.parametrize("cls", [c for c in _family(ZavoraError) if c.__name__ not in _NEVER_HERE])
def test_every_failure_that_can_reach_this_edge_is_mapped(cls: type[ZavoraError]) -> None:
    known = known_compat_error(cls("x"))

    # What failed inside, and was recorded as void, and a body that did not come have no other code.
    assert (known.code == -1000) == (cls in (own.InternalError, RequestTimeout))


def test_what_is_unexpected_tells_nothing() -> None:
    known = known_compat_error(RuntimeError("the password is hunter2"))

    assert (known.status, known.code) == (500, -1000)
    assert "hunter2" not in known.msg


def test_a_database_that_is_gone_can_be_tried_again() -> None:
    status, headers, body = render(known_compat_error(OperationalError("gone")))

    assert status == 503
    assert (b"retry-after", b"1") in headers
    assert body.startswith(b'{"code":-1001,')


@pytest.mark.parametrize(
    ("error", "status", "shown"),
    [
        (errors.outside_window(), 400, "Timestamp for this request is outside of the recvWindow."),
        (errors.bad_signature(), 400, "Signature for this request is not valid."),
        (errors.bad_key_format(), 401, "API-key format invalid."),
        (errors.rejected_key(), 401, "Invalid API-key, IP, or permissions for action."),
        (errors.invalid_symbol(), 400, "Invalid symbol."),
        (errors.unknown_listen_key(), 400, "This listenKey does not exist."),
        (errors.unknown_order_to_cancel(), 400, "Unknown order sent."),
        (errors.filter_failure("LOT_SIZE"), 400, "Filter failure: LOT_SIZE"),
    ],
)
def test_published_texts_are_kept(error: CompatError, status: int, shown: str) -> None:
    assert (error.status, error.msg) == (status, shown)


def test_data_stands_beside_code_and_message() -> None:
    data: dict[str, Any] = {"cancelResult": "FAILURE"}
    status, headers, body = render(CompatError(-2022, "no", data=data))

    assert status == 400
    assert headers == [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    assert body == b'{"code":-2022,"msg":"no","data":{"cancelResult":"FAILURE"}}'
