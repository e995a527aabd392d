"""Lists of orders: their parameters by other names, what each needs, where its orders belong."""

from typing import Any

import pytest

from api.binance.rest import list_names
from api.binance.rest.new_lists import check_oco, check_old_oco, check_oto, check_otoco
from api.binance.rest.order_filters import read_figures
from api.binance.rest.params import Params, RenamedParams
from api.binance.words.errors import CompatError
from tests.unit.api.binance.orders import terms_of
from tests.unit.api.binance.test_new_orders import either, illegal, missing, params, refusal

OCO = {
    "symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER",
    "abovePrice": "11", "belowType": "STOP_LOSS", "belowStopPrice": "9",
}  # fmt: skip
OTO = {
    "symbol": "BTCUSDT", "workingType": "LIMIT_MAKER", "workingSide": "BUY", "workingPrice": "9",
    "workingQuantity": "1", "pendingType": "MARKET", "pendingSide": "SELL",
    "pendingQuantity": "1",
}  # fmt: skip
OTOCO = {
    **{name: OTO[name] for name in OTO if name != "pendingType"},
    "pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "11",
    "pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": "9",
}  # fmt: skip
OLD = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "price": "11", "stopPrice": "9"}


def renamed(names: list_names.Names, **sent: str) -> RenamedParams:
    return RenamedParams(Params.of_object(sent), names)


def test_each_order_reads_its_own_parameters() -> None:
    sent = {"quantity": "2", "abovePrice": "11", "belowPrice": "8", "belowStopPrice": "9"}
    above = read_figures(renamed(list_names.ABOVE, **sent), terms_of())
    below = read_figures(renamed(list_names.BELOW, **sent), terms_of())
    assert (above.quantity, above.price, above.stop_price) == ("2", "11", None)
    assert (below.quantity, below.price, below.stop_price) == ("2", "8", "9")


def test_the_former_calls_orders_share_no_price() -> None:
    sent = {"quantity": "2", "price": "11", "stopPrice": "9", "stopLimitPrice": "8"}
    limit = read_figures(renamed(list_names.FORMER_LIMIT, **sent), terms_of())
    stop = read_figures(renamed(list_names.FORMER_STOP, **sent), terms_of())
    assert (limit.price, limit.stop_price) == ("11", None)
    assert (stop.price, stop.stop_price) == ("8", "9")


def test_errors_tell_the_names_that_were_sent() -> None:
    one = renamed(list_names.PENDING_BELOW, pendingBelowPrice="x", pendingBelowTrailingDelta="y")
    decimal, integer = r"^([0-9]{1,20})(\.[0-9]{1,20})?$", "^[0-9]{1,20}$"
    assert refusal(one.decimal, "price") == illegal("pendingBelowPrice", decimal)
    assert refusal(one.integer, "trailingDelta") == illegal("pendingBelowTrailingDelta", integer)
    assert refusal(one.require, "stopPrice") == missing("pendingBelowStopPrice")
    assert refusal(one.needed, "quantity") == missing("pendingQuantity")
    assert ("price" in one, "stopPrice" in one) == (True, False)
    assert (one.get("price"), one.get("stopPrice")) == ("x", None)


@pytest.mark.parametrize(
    ("check", "good"),
    [(check_oco, OCO), (check_oto, OTO), (check_otoco, OTOCO), (check_old_oco, OLD)],
)
def test_each_list_needs_its_parameters(check: Any, good: dict[str, str]) -> None:
    check(params(**good))
    for name in good:
        rest = {other: good[other] for other in good if other != name}
        with pytest.raises(CompatError) as caught:
            check(params(**rest))
        assert caught.value.code == -1102
        assert f"'{name}'" in caught.value.msg


def test_the_orders_of_a_list_need_what_their_types_do() -> None:
    limit = OCO | {"belowType": "STOP_LOSS_LIMIT"}
    assert refusal(check_oco, params(**limit)) == missing("belowTimeInForce")
    stop = {name: OCO[name] for name in OCO if name != "belowStopPrice"}
    assert refusal(check_oco, params(**stop)) == either("belowStopPrice", "belowTrailingDelta")
    check_oco(params(**stop, belowTrailingDelta="100"))
    old = OLD | {"stopLimitPrice": "8"}
    assert refusal(check_old_oco, params(**old)) == missing("stopLimitTimeInForce")
