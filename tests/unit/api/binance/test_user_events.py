"""The events of user data as texts: every field, for each kind of step."""

import json
from typing import Any

import msgspec
import pytest

from api.binance.user_data.user_events import UserDataCodec, listen_key_expired, stream_terminated
from api.binance.words.symbols import is_exact
from marketdata.feed.account_streams import AccountEvent, AccountStep
from marketdata.feed.view import MarketView
from matching.conditions import Conditions
from matching.markets.terms import MarketTerms
from matching.wire import BalanceState, ListState, OrderChange, TradeState
from tests.unit.api.binance.orders import MS, US, order, terms_of

TRADE = TradeState(
    1, 42, 41, "100.25", "0.5000", "50.12500000", "sell", 77, 78, 5, 6, "0.00037500",
    "0.05012500", US - 1_000,
)  # fmt: skip


def codec() -> UserDataCodec:
    made = UserDataCodec(lambda view: is_exact(view.terms))
    made._codes = {1: "BTC", 2: "USDT"}
    return made


def events_of(
    *steps: AccountStep, balances: tuple[BalanceState, ...] = (), terms: MarketTerms | None = None
) -> list[Any] | None:
    view = MarketView(terms or terms_of())
    texts = codec().happened(view, AccountEvent(US, list(steps), list(balances)))
    return None if texts is None else [json.loads(text) for text in texts]


def report(change: OrderChange, trade: TradeState | None = None) -> Any:
    (event,) = events_of(AccountStep(9, change, trade)) or ()
    return event


def test_a_new_order_has_every_published_field() -> None:
    assert report(OrderChange("new", order())) == {
        "e": "executionReport", "E": MS, "s": "BTCUSDT", "c": "mine", "S": "BUY", "o": "LIMIT",
        "f": "GTC", "q": "2.00000000", "p": "100.50000000", "P": "0.00000000", "F": "0.00000000",
        "g": -1, "C": "", "x": "NEW", "X": "NEW", "r": "NONE", "i": 77, "l": "0.00000000",
        "z": "0.00000000", "L": "0.00000000", "n": "0", "N": None, "T": MS, "t": -1, "I": 9,
        "w": True, "m": False, "M": False, "O": MS - 5_000, "Z": "0.00000000", "Y": "0.00000000",
        "Q": "0.00000000", "W": MS - 5_000, "V": "EXPIRE_TAKER",
    }  # fmt: skip


def test_a_makers_fill() -> None:
    state = order(
        status="partially_filled",
        filled_quantity="0.7500",
        filled_quote="75.18750000",
        remaining_quantity="1.2500",
    )
    event = report(OrderChange("trade", state, 42, True), TRADE)
    expected = {
        "x": "TRADE", "X": "PARTIALLY_FILLED", "l": "0.50000000", "L": "100.25000000",
        "z": "0.75000000", "Z": "75.18750000", "Y": "50.12500000", "n": "0.00037500", "N": "BTC",
        "t": 42, "T": MS - 1, "E": MS, "m": True, "M": True, "w": True, "c": "mine", "C": "",
    }  # fmt: skip
    assert expected.items() <= event.items()


def test_a_takers_fill_pays_in_what_it_receives() -> None:
    state = order(side="sell", status="filled", filled_quantity="2.0000", client_order_id=None)
    event = report(OrderChange("trade", state, 42, False), TRADE)
    expected = {"X": "FILLED", "n": "0.05012500", "N": "USDT", "m": False, "w": False, "c": ""}
    assert expected.items() <= event.items()


@pytest.mark.parametrize(
    ("kind", "fields", "name", "expected"),
    [
        ("cancelled", {"status": "cancelled", "reason": "requested"}, "why",
         {"x": "CANCELED", "X": "CANCELED", "c": "why", "C": "mine", "w": False}),
        ("cancelled", {"status": "cancelled", "reason": "requested"}, "",
         {"x": "CANCELED", "X": "CANCELED", "c": "mine", "C": "mine"}),
        ("cancelled", {"status": "cancelled", "reason": "self_trade"}, "",
         {"x": "TRADE_PREVENTION", "X": "EXPIRED_IN_MATCH", "c": "mine", "C": "", "w": False,
          "A": "2.00000000"}),
        ("expired", {"status": "expired", "reason": "ioc_unfilled", "time_in_force": "ioc"}, "",
         {"x": "EXPIRED", "X": "EXPIRED", "f": "IOC", "c": "mine", "C": "", "w": False}),
        ("amended", {"price": "99.00"}, "", {"x": "REPLACED", "X": "NEW", "p": "99.00000000"}),
        ("new", {"post_only": True}, "", {"o": "LIMIT_MAKER"}),
        ("new", {"order_type": "market", "time_in_force": "ioc", "price": None}, "",
         {"o": "MARKET", "f": "GTC", "p": "0.00000000"}),
        ("new", {"order_type": "market", "quantity": None, "quote_quantity": "9.00000000"}, "",
         {"q": "0.00000000", "Q": "9.00000000"}),
    ],
)  # fmt: skip
def test_steps_read_as_published(kind: Any, fields: Any, name: str, expected: Any) -> None:
    event = report(OrderChange(kind, order(**fields), 0, False, name))
    assert expected.items() <= event.items()


def test_balances_follow_the_steps_in_one_message() -> None:
    events = events_of(
        AccountStep(9, OrderChange("new", order()), None),
        balances=(
            BalanceState(5, 2, "10.50000000", "201.00000000", 7, US),
            BalanceState(5, 1, "0.00000001", "0.00000000", 3, US - 2_000_000),
        ),
    )
    assert events is not None
    assert [event["e"] for event in events] == ["executionReport", "outboundAccountPosition"]
    assert events[1] == {
        "e": "outboundAccountPosition",
        "E": MS,
        "u": MS,
        "B": [
            {"a": "USDT", "f": "10.50000000", "l": "201.00000000"},
            {"a": "BTC", "f": "0.00000001", "l": "0.00000000"},
        ],
    }


def test_an_asset_that_is_not_known_is_a_loss() -> None:
    state = BalanceState(5, 99, "1", "0", 1, US)
    assert events_of(balances=(state,)) is None
    assert codec().moved(state, state) is None


def test_of_a_market_that_is_not_offered_only_the_balances_are_told() -> None:
    events = events_of(
        AccountStep(9, OrderChange("new", order()), None),
        balances=(BalanceState(5, 1, "1", "0", 1, US),),
        terms=terms_of(scale=18),
    )
    assert [event["e"] for event in events or ()] == ["outboundAccountPosition"]


@pytest.mark.parametrize("moved", ["12.50000000", "-12.50000000"])
def test_what_moves_in_or_out_comes_before_how_it_stands(moved: str) -> None:
    change = BalanceState(5, 2, "13", "0", 4, US, moved)
    newest = BalanceState(5, 2, "14", "1", 5, US + 1_000_000)
    update, position = map(json.loads, codec().moved(change, newest) or ())
    assert update == {"e": "balanceUpdate", "E": MS, "a": "USDT", "d": moved, "T": MS}
    assert position["B"] == [{"a": "USDT", "f": "14.00000000", "l": "1.00000000"}]
    assert position["u"] == MS + 1_000


def test_a_hold_is_no_balance_update() -> None:
    change = BalanceState(5, 2, "13", "0", 4, US)
    (text,) = codec().moved(change, change) or ()
    assert json.loads(text)["e"] == "outboundAccountPosition"


def test_last_events_say_what_ended() -> None:
    assert json.loads(stream_terminated())["e"] == "eventStreamTerminated"
    expired = json.loads(listen_key_expired("x" * 60))
    assert (expired["e"], expired["listenKey"]) == ("listenKeyExpired", "x" * 60)
    assert type(expired["E"]) is int


# --- lists ----------------------------------------------------------------------------------------

PLACED = ListState(70, 5, 1, "otoco", "pair", "executing", US - 9, [77, 78, 79])
DONE = msgspec.structs.replace(PLACED, status="done")


def told_of(spells: UserDataCodec, *lists: ListState, ids: tuple[int, ...] = ()) -> Any:
    steps = [AccountStep(9, OrderChange("new", order(id=id_, client_order_id=f"c{id_}")), None)
             for id_ in ids]  # fmt: skip
    texts = spells.happened(MarketView(terms_of()), AccountEvent(US, steps, [], list(lists)))
    return None if texts is None else [json.loads(text) for text in texts]


def test_a_list_is_told_after_its_orders_and_once_more_when_it_is_done() -> None:
    spells = codec()
    *reports, started = told_of(spells, PLACED, ids=(77, 78, 79))
    assert [each["e"] for each in reports] == ["executionReport"] * 3
    names = [{"s": "BTCUSDT", "i": id_, "c": f"c{id_}"} for id_ in (77, 78, 79)]
    expected = {
        "e": "listStatus", "E": MS, "s": "BTCUSDT", "g": 70, "c": "OTO", "l": "EXEC_STARTED",
        "L": "EXECUTING", "r": "NONE", "C": "pair", "T": MS, "O": names,
    }  # fmt: skip
    assert started == expected
    (done,) = told_of(spells, DONE)
    assert done == expected | {"l": "ALL_DONE", "L": "ALL_DONE"}


def test_a_list_may_be_placed_and_done_at_once() -> None:
    told = told_of(codec(), PLACED, DONE, ids=(77, 78, 79))
    assert [each.get("l") for each in told[3:]] == ["EXEC_STARTED", "ALL_DONE"]


def test_a_list_whose_orders_are_not_known_is_a_loss() -> None:
    assert told_of(codec(), DONE) is None


def test_an_order_of_a_list_has_it_and_waits_for_the_one_before() -> None:
    pending = Conditions(leg="pending", list_id=70, trigger_state="pending")
    event = report(OrderChange("new", order(conditions=pending)))
    assert (event["g"], event["X"], event["w"], "W" in event) == (70, "PENDING_NEW", False, False)
    entered = Conditions(leg="pending", list_id=70, trigger_state="triggered", triggered_us=US)
    event = report(OrderChange("triggered", order(conditions=entered)))
    assert (event["x"], event["X"], event["w"], event["W"]) == ("NEW", "NEW", True, MS)
    ended = order(conditions=pending, status="expired", reason="list")
    event = report(OrderChange("expired", ended))
    assert (event["x"], event["X"], event["w"]) == ("EXPIRED", "EXPIRED", False)
