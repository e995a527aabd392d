"""Cancels with conditions: what can be known is checked before anything is cancelled."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.exchange import Exchange
from tests.integration.binance.clients.accounts import extra_web
from tests.integration.binance.rest.conftest import (
    OPEN_ORDERS,
    ORDER,
    SYMBOL,
    Bot,
    error_of,
    new_key,
)

REPLACE = f"{ORDER}/cancelReplace"
NEW = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1"}
MODES = ("STOP_ON_FAILURE", "ALLOW_FAILURE")
RESTRICTED = (-2011, "Order was not canceled due to cancel restrictions.")
CLOSED = (-2010, "Market is closed.")
BALANCE = (-2010, "Account has insufficient balance for requested action.")
pytestmark = pytest.mark.usefixtures("book")


def replace(bot: Bot, old: int, **terms: Any) -> httpx.Response:
    return bot.call("POST", REPLACE, **{**NEW, "price": "91", "cancelOrderId": old, **terms})


def state_of(bot: Bot) -> Any:
    return bot.balances(), bot.ok("GET", OPEN_ORDERS, symbol=SYMBOL)


# --- what would be refused anyway -----------------------------------------------------------------


@contextlib.contextmanager
def halted(exchange: Exchange, _bot: Bot) -> Iterator[None]:
    exchange.manage("halt_market", "BTC/EUR")
    try:
        yield
    finally:
        exchange.manage("halt_market", "BTC/EUR", "--resume")


@contextlib.contextmanager
def cancel_only(exchange: Exchange, bot: Bot) -> Iterator[None]:
    code = (
        "from accounts.models import Account;"
        f"Account.objects.filter(public_id='{bot.account}').update(status={{!r}})"
    )
    exchange.manage("shell", "-c", code.format("cancel_only"))
    try:
        yield
    finally:
        exchange.manage("shell", "-c", code.format("active"))


@contextlib.contextmanager
def banded(exchange: Exchange, _bot: Bot) -> Iterator[None]:
    code = (
        "from accounts.access.actor import Actor;"
        "from matching.services import change_market;"
        "change_market(by=Actor.system('tests'),symbol='BTC/EUR',band_ppm={})"
    )
    exchange.manage("shell", "-c", code.format(100_000))
    try:
        yield
    finally:
        exchange.manage("shell", "-c", code.format(None))


@contextlib.contextmanager
def as_it_is(_exchange: Exchange, _bot: Bot) -> Iterator[None]:
    yield


KNOWABLE = {
    "halted": (halted, {}, CLOSED),
    "account": (cancel_only, {}, (-2010, "This account may not place or cancel orders.")),
    "band": (banded, {"price": "50"}, (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE")),
    "balance": (as_it_is, {"quantity": "50", "price": "9000000"}, BALANCE),
    "sold": (as_it_is, {"side": "SELL", "price": "200", "quantity": "100000"}, BALANCE),
    "name": (as_it_is, {"newClientOrderId": "taken"}, (-2010, "Duplicate order sent.")),
}


@pytest.mark.parametrize("why", KNOWABLE)
def test_what_is_known_beforehand_cancels_nothing(
    ann: Bot, ben: Bot, exchange: Exchange, why: str
) -> None:
    state, terms, refusal = KNOWABLE[why]
    # A last price, from which the band is counted.
    ben.limit("SELL", "100", "0.1")
    ann.limit("BUY", "100", "0.1")
    old = ann.limit("BUY", "90", "1")["orderId"]
    ann.limit("BUY", "89", "1", newClientOrderId="taken")
    before = state_of(ann)
    with state(exchange, ann):
        for mode in MODES:
            response = replace(ann, old, cancelReplaceMode=mode, **terms)
            assert (response.status_code, error_of(response)) == (400, refusal)
            assert state_of(ann) == before


def test_money_that_the_cancel_sets_free_counts(ann: Bot, exchange: Exchange) -> None:
    with Bot(exchange, new_key(exchange, "--email", "replacer@example.com", "--fund")) as bot:
        free = bot.balances()["EUR"][0]
        price = f"{float(free) * 0.6:.2f}"
        old = bot.limit("BUY", price, "1", newClientOrderId="mine")["orderId"]
        terms = {"price": price, "newClientOrderId": "mine", "cancelReplaceMode": MODES[0]}
        response = replace(bot, old, **terms)
        assert response.status_code == 200, response.text
        # Selling pays with something else, and what was locked for buying is no help.
        old = response.json()["newOrderResponse"]["orderId"]
        coins = bot.balances()["BTC"][0]
        terms = {"side": "SELL", "quantity": f"{float(coins) + 1:.4f}", "price": "9999999"}
        response = replace(bot, old, **terms, cancelReplaceMode=MODES[0])
        assert error_of(response) == BALANCE
        assert bot.ok("GET", ORDER, symbol=SYMBOL, orderId=old)["status"] == "NEW"
        bot.tidy_up()


def test_what_the_book_decides_comes_after_the_cancel_as_published(ann: Bot, ben: Bot) -> None:
    ben.limit("SELL", "100", "1")
    old = ann.limit("BUY", "90", "1")["orderId"]
    terms = {**NEW, "type": "LIMIT_MAKER", "price": "100", "cancelReplaceMode": MODES[0]}
    del terms["timeInForce"]
    response = ann.call("POST", REPLACE, **terms, cancelOrderId=old)
    assert (response.status_code, error_of(response)[0]) == (409, -2021)
    data = response.json()["data"]
    assert (data["cancelResult"], data["newOrderResult"]) == ("SUCCESS", "FAILURE")
    assert data["newOrderResponse"]["msg"] == "Order would immediately match and take."


# --- the order limit ------------------------------------------------------------------------------


@pytest.fixture
def limited(exchange: Exchange) -> Iterator[Bot]:
    """A bot whose account may place two orders a day, and has placed them."""
    for port in extra_web(exchange, "web-limited", ZAVORA_COMPAT_ORDERS_PER_DAY="2"):
        with Bot(exchange, new_key(exchange, "--email", "limited@example.com", "--fund")) as bot:
            bot.base_url = f"http://127.0.0.1:{port}"
            yield bot
            bot.tidy_up()


def test_over_the_order_limit_nothing_is_cancelled_unless_asked_for(limited: Bot) -> None:
    old = [limited.limit("BUY", price, "1")["orderId"] for price in ("90", "89")]
    too_many = (-1015, "Too many new orders; current limit is 2 orders per 1 DAY.")
    before = state_of(limited)
    for mode in MODES:
        for options in ({}, {"orderRateLimitExceededMode": "DO_NOTHING"}):
            response = replace(limited, old[0], cancelReplaceMode=mode, **options)
            assert (response.status_code, error_of(response)) == (429, too_many)
            assert int(response.headers["retry-after"]) > 0
    answer = replace(
        limited, old[0], cancelReplaceMode=MODES[0], orderRateLimitExceededMode="PERHAPS"
    )
    assert error_of(answer)[0] == -1130
    assert state_of(limited) == before
    answers = ((429, "NOT_ATTEMPTED"), (400, "FAILURE"))
    for mode, unknown in zip(MODES, answers, strict=True):
        only = {"cancelReplaceMode": mode, "orderRateLimitExceededMode": "CANCEL_ONLY"}
        response = replace(limited, 1, **only)
        assert (response.status_code, error_of(response)[0]) == (unknown[0], -2022)
        data = response.json()["data"]
        assert (data["cancelResult"], data["newOrderResult"]) == ("FAILURE", unknown[1])
        response = replace(limited, old.pop(), **only)
        assert (response.status_code, error_of(response)[0]) == (409, -2021)
        data = response.json()["data"]
        assert (data["cancelResult"], data["newOrderResult"]) == ("SUCCESS", "FAILURE")
        assert (data["newOrderResponse"]["code"], data["newOrderResponse"]["msg"]) == too_many
    assert limited.ok("GET", OPEN_ORDERS, symbol=SYMBOL) == []


# --- restrictions ---------------------------------------------------------------------------------


def test_a_restricted_cancel_looks_at_the_status(ann: Bot, ben: Bot) -> None:
    old = ann.limit("BUY", "90", "1")["orderId"]
    named = {"symbol": SYMBOL, "orderId": old}
    before = state_of(ann)
    assert ann.refused("DELETE", ORDER, **named, cancelRestrictions="ONLY_SOME") == (
        -1145,
        "Invalid cancelRestrictions",
    )
    partly = {"cancelRestrictions": "ONLY_PARTIALLY_FILLED"}
    assert ann.refused("DELETE", ORDER, **named, **partly) == RESTRICTED
    for mode in MODES[:1]:
        response = replace(ann, old, cancelReplaceMode=mode, **partly)
        assert error_of(response)[0] == -2022
        answer = response.json()["data"]["cancelResponse"]
        assert (answer["code"], answer["msg"]) == RESTRICTED
    assert state_of(ann) == before
    ben.limit("SELL", "90", "0.4")
    only_new = {"cancelRestrictions": "ONLY_NEW"}
    assert ann.refused("DELETE", ORDER, **named, **only_new) == RESTRICTED
    done = ann.ok("DELETE", ORDER, **named, **partly)
    assert (done["status"], done["executedQty"]) == ("CANCELED", "0.40000000")
    fresh = ann.limit("BUY", "90", "1")["orderId"]
    assert replace(ann, fresh, cancelReplaceMode=MODES[0], **only_new).status_code == 200


def test_a_look_before_the_cancel_would_be_too_early(ann: Bot, ben: Bot) -> None:
    """The control: whoever looks first and cancels then, cancels what was filled meanwhile."""
    old = ann.limit("BUY", "90", "1")["orderId"]
    named = {"symbol": SYMBOL, "orderId": old}
    assert ann.ok("GET", ORDER, **named)["status"] == "NEW"
    ben.limit("SELL", "90", "0.4")
    assert ann.ok("DELETE", ORDER, **named)["executedQty"] == "0.40000000"


def test_a_restriction_and_a_fill_at_the_same_moment(ann: Bot, ben: Bot) -> None:
    outcomes = set()

    async def race(old: int) -> None:
        cancel = asyncio.to_thread(
            ann.call, "DELETE", ORDER, symbol=SYMBOL, orderId=old, cancelRestrictions="ONLY_NEW"
        )
        take = asyncio.to_thread(ben.limit, "SELL", "90", "0.4", timeInForce="IOC")
        answer, _ = await asyncio.gather(cancel, take)
        order = ann.ok("GET", ORDER, symbol=SYMBOL, orderId=old)
        if answer.status_code == 200:
            assert (order["status"], order["executedQty"]) == ("CANCELED", "0.00000000")
        else:
            assert error_of(answer) == RESTRICTED
            assert (order["status"], order["executedQty"]) == ("PARTIALLY_FILLED", "0.40000000")
        outcomes.add(order["status"])

    for _ in range(25):
        asyncio.run(race(ann.limit("BUY", "90", "1")["orderId"]))
        ann.tidy_up()
    assert outcomes  # either may win, as often as it likes


def test_the_journal_replays_with_conditions(ann: Bot, exchange: Exchange) -> None:
    old = ann.limit("BUY", "90", "1")["orderId"]
    dear = replace(ann, old, cancelReplaceMode=MODES[0], quantity="50", price="9000000")
    assert error_of(dear) == BALANCE
    partly = {"cancelRestrictions": "ONLY_PARTIALLY_FILLED"}
    assert ann.refused("DELETE", ORDER, symbol=SYMBOL, orderId=old, **partly) == RESTRICTED
    assert replace(ann, old, cancelReplaceMode=MODES[0]).status_code == 200
    exchange.manage("verify_journal")  # raises where journal and tables differ
