"""Amendments as they were, and what an account may have at most, by real clients, unmodified."""

from collections.abc import Callable, Iterator
from typing import Any

import ccxt
import pytest
from binance.exceptions import BinanceAPIException
from binance_common.errors import BadRequestError, TooManyRequestsError

from tests.changed_markets import change_market
from tests.exchange import Exchange
from tests.integration.binance.clients.accounts import MARKET, SYMBOL
from tests.integration.binance.clients.test_conditions import plain as plain
from tests.integration.binance.clients.test_conditions import sdk as sdk
from tests.integration.binance.clients.test_conditions import trade as trade
from tests.integration.binance.clients.test_order_lists import OCO

AMENDMENTS = "order/amendments"
BUY: dict[str, Any] = {
    "symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1",
    "price": "1500",
}  # fmt: skip
pytestmark = pytest.mark.usefixtures("trade")


@pytest.fixture
def limited(exchange: Exchange) -> Iterator[Callable[[str], None]]:
    """Give the market a maximum; it has none again after the test."""

    def change(changes: str) -> None:
        change_market(exchange, MARKET, changes)

    yield change
    change("max_order_lists=100, max_position=None, max_messages=None")


def test_how_an_order_came_to_its_quantity(
    sdk: Any, plain: Any, sweeper: ccxt.binance, bob: ccxt.binance
) -> None:
    placed = sdk.new_order(
        SYMBOL, "SELL", "LIMIT", time_in_force="GTC", quantity=0.5, price=2100,
        new_client_order_id="to-be-less",
    ).data()  # fmt: skip
    named = {"symbol": SYMBOL, "orderId": placed.order_id}
    assert sdk.order_amendments(SYMBOL, placed.order_id).data() == []
    for quantity in (0.3, 0.2):
        sdk.order_amend_keep_priority(SYMBOL, quantity, order_id=placed.order_id)

    first, second = sdk.order_amendments(SYMBOL, placed.order_id).data()
    assert (first.symbol, first.order_id) == (SYMBOL, placed.order_id)
    assert (first.orig_qty, first.new_qty) == ("0.50000000", "0.30000000")
    assert (second.orig_qty, second.new_qty) == ("0.30000000", "0.20000000")
    assert first.execution_id < second.execution_id
    assert placed.transact_time <= first.time <= second.time
    assert (first.orig_client_order_id, first.new_client_order_id) == ("to-be-less",) * 2
    (later,) = sdk.order_amendments(
        SYMBOL, placed.order_id, from_execution_id=second.execution_id, limit=1
    ).data()
    assert later == second
    # Neither of the two has a method of its own for it yet.
    rows = plain._get(AMENDMENTS, True, data=dict(named), version="v3")
    assert [row["newQty"] for row in rows] == ["0.30000000", "0.20000000"]
    (row,) = sweeper.request(AMENDMENTS, ["private"], "GET", {**named, "limit": 1})
    assert {name: str(value) for name, value in row.items()} == {
        name: str(value) for name, value in rows[0].items()
    }
    strange = {"symbol": SYMBOL, "orderId": 1}
    with pytest.raises(BinanceAPIException, match="Order does not exist"):
        plain._get(AMENDMENTS, True, data=dict(strange), version="v3")
    with pytest.raises(ccxt.OrderNotFound):
        sweeper.request(AMENDMENTS, ["private"], "GET", strange)
    with pytest.raises(ccxt.OrderNotFound):
        bob.request(AMENDMENTS, ["private"], "GET", named)
    with pytest.raises(BadRequestError) as caught:
        sdk.order_amendments(SYMBOL, 1)
    assert caught.value.status_code == -2013


def test_lists_and_positions_have_their_filters(
    sdk: Any, plain: Any, sweeper: ccxt.binance, limited: Callable[[str], None]
) -> None:
    limited('max_order_lists=1, max_position=Decimal("0.01")')
    (listed,) = sdk.exchange_info(symbol=SYMBOL).data().symbols
    filters = {type(each.actual_instance).__name__: each.actual_instance for each in listed.filters}
    assert filters["MaxNumOrderListsFilter"].max_num_order_lists == 1
    assert filters["MaxPositionFilter"].max_position == "0.01000000"
    shown = {each["filterType"]: each for each in plain.get_symbol_info(SYMBOL)["filters"]}
    assert shown["MAX_POSITION"]["maxPosition"] == "0.01000000"

    sdk.order_list_oco(
        SYMBOL, "SELL", 0.1, "LIMIT_MAKER", "STOP_LOSS", above_price=2100, below_stop_price=1900
    )
    for name, refused in {
        "MAX_NUM_ORDER_LISTS": (
            lambda: plain.create_oco_order(**OCO),
            lambda: sweeper.private_post_orderlist_oco(OCO),
        ),
        "MAX_POSITION": (
            lambda: plain.create_order(**BUY),
            lambda: sweeper.create_order(MARKET, "limit", "buy", 0.1, 1500),
        ),
    }.items():
        with pytest.raises(BinanceAPIException) as told:
            refused[0]()
        assert (told.value.code, told.value.message) == (-1013, f"Filter failure: {name}")
        with pytest.raises(ccxt.BadRequest, match=name):
            refused[1]()
    with pytest.raises(BadRequestError) as caught:
        sdk.new_order(SYMBOL, "BUY", "LIMIT", time_in_force="GTC", quantity=0.1, price=1500)
    assert caught.value.status_code == -1013


def test_too_many_messages_are_a_rate_limit_to_every_client(
    sdk: Any, plain: Any, sweeper: ccxt.binance, limited: Callable[[str], None]
) -> None:
    limited("max_messages=1")
    text = "Too many new orders; current limit is 1 orders per 10 SECOND."
    calls: list[tuple[type[Exception], Callable[[], Any]]] = [
        (BinanceAPIException, lambda: plain.create_order(**BUY)),
        (ccxt.DDoSProtection, lambda: sweeper.create_order(MARKET, "limit", "buy", 0.1, 1500)),
        (
            TooManyRequestsError,
            lambda: sdk.new_order(
                SYMBOL, "BUY", "LIMIT", time_in_force="GTC", quantity=0.1, price=1500
            ),
        ),
    ]
    for error, call in calls:
        for _ in range(4):  # the next ten seconds may begin in between
            try:
                call()
            except error as caught:
                assert text in str(caught) or "-1015" in str(caught)  # noqa: PT017
                break
        else:
            pytest.fail(f"{error.__name__} was not raised")
