"""Every route of v1 against a running exchange, by the client that waits; some by the other."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from hosted import HostedExchange
from zavora import (
    AsyncClient,
    Client,
    Conflict,
    Forbidden,
    InsufficientBalance,
    InvalidFields,
    InvalidOrder,
    MarketState,
    NotFound,
    OrderNotOpen,
    OrderStatus,
    OrderType,
    Side,
    Unauthorized,
)
from zavora.core.calls import PREFIX, Call, Listing

pytestmark = pytest.mark.exchange
ACCOUNT = "11111111-2222-3333-4444-555555555555"
# What each route is called with, to see what it asks for; the others take nothing.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("order_book", "ticker", "market", "trades", "candles"), ("A/B",)),
    **dict.fromkeys(("queue", "protection", "unprotect", "reset_protection"), ("A/B",)),
    **dict.fromkeys(("place_order", "preview_order"), ("A/B", "buy")),
    **dict.fromkeys(("cancel_order", "amend_order", "order", "amendments"), ("1",)),
    **dict.fromkeys(("order_proof", "order_steps", "order_list", "cancel_order_list"), ("1",)),
    **dict.fromkeys(("report", "download_report", "liability_proofs"), ("1",)),
    **dict.fromkeys(("cancel_withdrawal", "remove_address", "revoke_key"), ("1",)),
    **dict.fromkeys(("deposit", "withdraw", "add_address"), ("EUR", "1")),
    "replace_order": ("1", "A/B", "buy"),
    "place_orders": ([],),
    "place_order_list": ("OCO", "A/B", []),
    "rename_account": ("x",),
    "transfer": (ACCOUNT, "EUR", 1),
    "ask_report": ("Trades", "2026-01-01T00:00:00Z"),
    "create_key": (["read"],),
    "set_alert": ("A/B", "RisesTo", "1"),
    **dict.fromkeys(("change_alert", "remove_alert"), ("1",)),
    "set_preferences": ({},),
}
NAMED: dict[str, dict[str, Any]] = {"protect": {"window_ms": 1000}}
# The client has one way for each thing: a cancel is a DELETE; probes are not for programs.
NOT_OFFERED = {"POST /orders/{}", "GET /health/live", "GET /health/ready"}


def test_every_operation_of_the_document_has_a_method(exchange: HostedExchange) -> None:
    answer = httpx.get(f"{exchange.url}/api/schema", params={"format": "json"})
    documented = {
        f"{method.upper()} {re.sub(r'{[^}]*}', '{}', path.removeprefix(PREFIX))}"
        for path, methods in answer.json()["paths"].items()
        for method in methods
    }
    offered = set()
    for name in dir(Client):
        make = getattr(getattr(Client, name), "make", None)
        if make is not None:
            arguments = ("A/B",) if name == "protect" else ARGUMENTS.get(name, ())
            made: Call[Any] | Listing[Any] = make(None, *arguments, **NAMED.get(name, {}))
            call = made.first if isinstance(made, Listing) else made
            offered.add(f"{call.method} {re.sub(r'{[^}]*}', '{}', call.path)}")

    assert offered == documented - NOT_OFFERED


def test_an_orders_life(alice: Client, bob: Client, market: str) -> None:
    rules = alice.market(market)
    assert (rules.state, rules.price_tick) == (MarketState.CONTINUOUS, Decimal("0.01"))
    resting = alice.place_order(market, "sell", quantity="2", price="2000").order
    assert (resting.status, resting.order_type) == (OrderStatus.NEW, OrderType.LIMIT)
    assert resting.created_at.tzinfo is UTC
    amended = alice.amend_order(resting.id, quantity="1.5").order
    assert amended.quantity == Decimal("1.5")
    assert [one.quantity for one in alice.amendments(resting.id)] == [Decimal("1.5")]
    assert alice.queue(market).orders[0].order_id == resting.id
    preview = bob.preview_order(market, Side.BUY, quantity="0.5")
    assert (preview.accepted, preview.average_price) == (True, Decimal(2000))

    taken = bob.place_order(market, Side.BUY, quantity="0.5")

    assert (taken.order.status, taken.order.time_in_force) == (OrderStatus.FILLED, "IOC")
    (trade,) = taken.trades
    assert (trade.price, trade.quantity) == (Decimal(2000), Decimal("0.5"))
    assert trade.taker_side == "buy"
    assert alice.trades(market).take(1)[0].id == trade.id
    (fill,) = bob.fills(market, side="buy").take(1)
    assert bob.fills_file(market).decode().count("\n") > 1
    assert resting.id in alice.orders_file(market, side="sell").decode()
    assert (fill.fee, fill.fee_asset, fill.liquidity) == (Decimal("0.001"), "ETH", "Taker")
    assert [step.change for step in alice.order_steps(resting.id)] == ["Amended", "Trade"]
    assert alice.order_proof(resting.id).order.filled_quantity == Decimal("0.5")
    book = alice.order_book(market, depth=5)
    assert (book.asks, book.bids) == ([(Decimal(2000), Decimal(1))], [])
    replaced = alice.replace_order(resting.id, market, "sell", quantity=1, price="2001")
    assert replaced.placed is not None
    assert replaced.placed.order is not None
    assert alice.cancel_order(replaced.placed.order.id).status is OrderStatus.CANCELLED
    assert alice.order(resting.id).status is OrderStatus.CANCELLED
    with pytest.raises(OrderNotOpen):
        alice.cancel_order(resting.id)
    candle = alice.candles(market, "1d").take(1)[0]
    assert candle.high >= 2000
    assert candle.trades >= 1
    assert alice.ticker(market).last == 2000
    assert {one.market for one in alice.tickers()} >= {market}


def test_the_same_name_is_never_a_second_order(alice: Client, market: str) -> None:
    terms: Any = {"quantity": "1", "price": "3000", "client_order_id": "once"}
    first = alice.place_order(market, "sell", **terms).order

    assert alice.place_order(market, "sell", **terms).order.id == first.id
    with pytest.raises(Conflict):
        alice.place_order(market, "sell", **{**terms, "price": "3001"})
    assert [one.id for one in alice.orders(client_order_id="once")] == [first.id]
    assert [one.id for one in alice.orders(market, status="Open")] == [first.id]


def test_refusals_say_what_was_wrong(exchange: HostedExchange, alice: Client, market: str) -> None:
    with pytest.raises(InvalidFields) as told:
        alice.place_order(market, "sell", quantity="1", price="2000.001")
    assert "tick" in told.value.fields["price"]
    with pytest.raises(InsufficientBalance):
        alice.place_order(market, "sell", quantity="100000", price="2000")
    with pytest.raises(NotFound) as missing:
        alice.order("12345678901234")
    assert missing.value.code == "order_not_found"
    assert missing.value.request_id
    alice.place_order(market, "buy", quantity="1", price="100")
    with pytest.raises(InvalidOrder) as refused:
        alice.place_order(market, "sell", quantity="1", price="100", post_only=True)
    assert refused.value.reason == "post_only_would_cross"
    with Client(exchange.url, "no-token-at-all") as stranger, pytest.raises(Unauthorized):
        stranger.accounts()
    with pytest.raises(Forbidden):
        alice.create_key(["read"])


def test_batches_and_lists(alice: Client, market: str) -> None:
    placed = alice.place_orders(
        [
            {"market": market, "side": "sell", "quantity": "1", "price": price}
            for price in ("2100", "2200.001")
        ]
    )
    assert placed[0].order is not None
    assert placed[1].error is not None
    assert placed[1].error.code == "validation_error"
    pair = alice.place_order_list(
        "OCO",
        market,
        [
            {"side": "sell", "quantity": "1", "price": "2500"},
            {"side": "sell", "quantity": "1", "stop_price": "1500"},
        ],
    )
    assert (pair.list_.status, len(pair.orders)) == ("Executing", 2)
    assert alice.order_list(pair.list_.id).list_ == pair.list_
    assert [one.id for one in alice.order_lists(market, status="Executing")] == [pair.list_.id]
    assert alice.cancel_order_list(pair.list_.id).list_.status == "Done"
    cancelled = alice.cancel_all(market, side="sell")
    assert [one.order.id for one in cancelled if one.order] == [placed[0].order.id]


def test_pages_are_read_as_they_are_needed(alice: Client, market: str) -> None:
    names = [f"page-{number}" for number in range(7)]
    for name in names:
        alice.place_order(market, "buy", quantity="0.01", price="10", client_order_id=name)

    found = alice.orders(market, status="Open", page=3)

    assert [one.client_order_id for one in found] == names[::-1]
    assert [len(page) for page in found.pages()] == [3, 3, 1]
    assert [one.client_order_id for one in found.take(4)] == names[:2:-1]
    start = found.take(1)[0].created_at
    assert alice.orders(market, start=start, end=start).take(9)[0].client_order_id == "page-6"
    assert list(alice.orders(market, end=start - timedelta(days=9))) == []


def test_candles_go_back_page_by_page(alice: Client) -> None:
    # The demo's market has minutes of trades, or none yet: either way pages are all there is.
    everything = alice.candles("BTC/USD", "1s").take(30)
    by_two = alice.candles("BTC/USD", "1s", page=2).take(30)

    assert [one.open_time for one in by_two] == [one.open_time for one in everything]


def test_money_and_accounts(exchange: HostedExchange) -> None:
    token = exchange.token(scopes="read,trade,withdraw")
    with Client(exchange.url, token) as client:
        own = client.account()
        assert client.account_id == own.id
        assert client.rename_account("mine").label == "mine"
        assert client.deposit("EUR", "100", key="k-1").total == 100
        assert client.deposit("EUR", "100", key="k-1").total == 100
        other = client.create_account("other")
        client_of_first = Client(exchange.url, token, account=own.id)
        with client_of_first as first:
            moved = first.transfer(other.id, "EUR", Decimal("12.50"))
            assert [one.id for one in first.transfers(asset="EUR")] == [moved.id]
            (balance,) = [row for row in first.balances() if row.asset == "EUR"]
            assert balance.total == Decimal("87.5")
            entries = list(first.ledger("EUR"))
            assert [entry.amount for entry in entries] == [Decimal("-12.5"), Decimal(100)]
            assert first.fees().volume_asset
            asked = first.withdraw("EUR", "7.5", key="w-1")
            assert asked.withdrawal.amount == Decimal("7.5")
            assert [one.id for one in first.withdrawals()] == [asked.withdrawal.id]
            address = first.add_address("EUR", "DE-1", label="bank")
            assert [one.id for one in first.addresses()] == [address.id]
            assert first.remove_address(address.id).id == address.id
            assert first.protection("ETH/EUR").window_ms is None
            assert first.protect("ETH/EUR", window_ms=1000, max_fills=3).max_fills == 3
            assert first.reset_protection("ETH/EUR").tripped is False
            assert first.unprotect("ETH/EUR").max_fills is None
            now = datetime.now(UTC)
            report = first.ask_report("Trades", now - timedelta(days=2), now - timedelta(days=1))
            assert first.report(report.id).kind == "Trades"
            assert [one.id for one in first.reports()] == [report.id]
            with pytest.raises(Conflict):
                first.download_report(report.id)
            assert first.preferences().version == 0
            assert first.alerts() == []
            assert first.portfolio("EUR").currency == "EUR"
            assert first.whole_portfolio("EUR").account_id is None
            assert first.portfolio_history("EUR", interval="1h").currency == "EUR"
            assert first.whole_portfolio_history("EUR", limit=3).currency == "EUR"
            assert isinstance(list(first.liabilities()), list)
            assert [key.kind for key in first.keys().all()] == ["Bearer"]
        assert {one.label for one in client.accounts()} == {"mine", "other"}


@pytest.mark.parametrize("kind", ["hmac", "ed25519", "rsa"])
async def test_every_kind_of_key_signs(exchange: HostedExchange, kind: str) -> None:
    async with AsyncClient(exchange.url, exchange.signing_key(kind=kind)) as client:
        placed = await client.place_order("ETH/EUR", "buy", quantity="0.01", price="5")
        assert [one.id async for one in client.orders(status="Open")] == [placed.order.id]
        assert (await client.cancel_order(placed.order.id)).status is OrderStatus.CANCELLED
        assert (await client.orders().pages().__anext__())[0].id == placed.order.id
        assert await client.account_id()
        async with client.stream() as stream:
            assert (await stream.ping()).pong.tzinfo is UTC


def test_health_is_told(alice: Client) -> None:
    assert alice.health().status == "healthy"
