"""A market as exchangeInfo shows it: the rules that orders with conditions are held to."""

from typing import Any, get_args

import msgspec
import pytest

from api.binance.rest.exchange_info import symbol_shape
from matching.engine.rules import MarketPhase
from matching.markets.terms import MarketTerms
from tests.unit.api.binance.orders import terms_of

PLAIN = ("LIMIT", "LIMIT_MAKER", "MARKET")
STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")


def ruled(**rules: Any) -> MarketTerms:
    terms = terms_of()
    return msgspec.structs.replace(terms, integers=msgspec.structs.replace(terms.integers, **rules))


def filters_by_type(terms: MarketTerms) -> dict[str, Any]:
    return {each.pop("filterType"): each for each in symbol_shape(terms)["filters"]}


def test_all_types_and_what_they_are_held_to() -> None:
    shape = symbol_shape(ruled(max_trigger_orders=20))
    assert shape["orderTypes"] == PLAIN + STOPS
    assert (shape["icebergAllowed"], shape["allowTrailingStop"]) == (True, True)
    assert (shape["amendAllowed"], shape["cancelReplaceAllowed"]) == (True, True)
    found = filters_by_type(ruled(max_trigger_orders=20))
    assert found["MAX_NUM_ALGO_ORDERS"] == {"maxNumAlgoOrders": 20}
    assert found["ICEBERG_PARTS"] == {"limit": 100}
    assert found["TRAILING_DELTA"] == {
        "minTrailingAboveDelta": 10,
        "maxTrailingAboveDelta": 2_000,
        "minTrailingBelowDelta": 10,
        "maxTrailingBelowDelta": 2_000,
    }


def test_a_market_without_a_limit_of_triggers_has_no_such_filter() -> None:
    assert "MAX_NUM_ALGO_ORDERS" not in filters_by_type(ruled(max_trigger_orders=None))


def test_a_market_that_takes_no_triggers_says_so() -> None:
    shape = symbol_shape(ruled(max_trigger_orders=0))
    assert (shape["orderTypes"], shape["allowTrailingStop"]) == (PLAIN, False)


def test_icebergs_of_one_part_are_none() -> None:
    assert symbol_shape(ruled(max_iceberg_parts=1))["icebergAllowed"] is False


@pytest.mark.parametrize(
    ("mode", "modes", "default", "allowed"),
    [
        (
            "taker",
            ("none", "taker", "maker", "both", "decrement"),
            "EXPIRE_TAKER",
            ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"],
        ),
        ("maker", ("taker", "maker"), "EXPIRE_MAKER", ["EXPIRE_TAKER", "EXPIRE_MAKER"]),
    ],
)
def test_modes_are_the_markets(
    mode: str, modes: tuple[str, ...], default: str, allowed: list[str]
) -> None:
    shape = symbol_shape(ruled(self_trade_mode=mode, self_trade_modes=modes))
    assert shape["defaultSelfTradePreventionMode"] == default
    assert shape["allowedSelfTradePreventionModes"] == allowed


@pytest.mark.parametrize("phase", get_args(MarketPhase))
def test_every_phase_has_a_published_word(phase: str) -> None:
    terms = terms_of()
    terms = msgspec.structs.replace(terms, rules=msgspec.structs.replace(terms.rules, phase=phase))
    shape = symbol_shape(terms)
    assert shape["status"] in {"TRADING", "HALT", "BREAK", "AUCTION_MATCH"}
    assert (shape["status"] == "AUCTION_MATCH") == (phase == "auction")
    takes_all = phase not in ("auction", "post_only")
    assert ("MARKET" in shape["orderTypes"]) is takes_all


def test_lists_are_offered_where_orders_may_wait() -> None:
    assert (symbol_shape(ruled())["ocoAllowed"], symbol_shape(ruled())["otoAllowed"]) == (
        True,
        True,
    )
    none_waits = symbol_shape(ruled(max_trigger_orders=0))
    assert (none_waits["ocoAllowed"], none_waits["otoAllowed"]) == (False, True)
