"""The proof of an order, and its place in the queue, against what the tables hold."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg.rows import dict_row
from websockets.sync import client as sockets

from matching.commands import decode_command
from tests.changed_markets import change_market
from tests.exchange import wait_until
from tests.integration.api.conftest import order

pytestmark = pytest.mark.usefixtures("clean_book")


@pytest.fixture
def tables(exchange):
    with psycopg.connect(exchange.database_url, row_factory=dict_row) as connection:
        yield lambda statement, *values: connection.execute(statement, values).fetchall()


def proof(person, order_id, query=""):
    response = person.get(f"/orders/{order_id}/proof{query}")
    assert response.status_code == 200, response.text
    return response.json()


def whole(person, order_id, limit=500):
    """The proof with all its steps, page by page."""
    body = proof(person, order_id, f"?limit={limit}")
    found, following = body["data"], body["meta"]["next"]
    while following is not None:
        body = proof(person, order_id, f"?limit={limit}&cursor={following}")
        page, following = body["data"], body["meta"]["next"]
        found["steps"] += page.pop("steps")
        assert page == {name: found[name] for name in page}
    return found


def journal_of(tables, kinds, names) -> list[dict[str, Any]]:
    """Every command of some kinds that names an order, by a look at the whole journal."""
    rows = tables("SELECT * FROM matching_command WHERE kind = ANY(%s) ORDER BY id", list(kinds))
    return [row for row in rows if names(row, decode_command(bytes(row["body"])))]


def place_of(row) -> dict[str, Any]:
    return {
        "shard": row["shard_id"],
        "sequence": row["sequence"],
        "command": row["kind"],
        "request_id": row["request_id"],
    }


def entries_of(tables, account, transaction_id) -> list[tuple[Any, ...]]:
    rows = tables(
        "SELECT e.id, e.kind, s.code, e.amount, e.balance_after FROM accounts_ledgerentry e"
        " JOIN accounts_account a ON a.id = e.account_id JOIN accounts_asset s ON s.id = e.asset_id"
        " WHERE e.transaction_id = %s AND a.public_id = %s ORDER BY e.id",
        transaction_id,
        account,
    )
    return [tuple(row.values()) for row in rows]


def told(entries) -> list[tuple[Any, ...]]:
    return [
        (
            int(one["id"]),
            one["kind"].lower(),
            one["asset"],
            Decimal(one["amount"]),
            Decimal(one["balance_after"]),
        )
        for one in entries
    ]


@pytest.fixture
def lived(alice, bob):
    """An order that rested, was amended twice, filled in part by two others, and was cancelled."""
    account = alice.new_account(EUR="10000", BTC="10")
    other = bob.new_account(EUR="10000", BTC="10")
    placed = alice.data("POST", "/orders", json=order(account, "sell", "100", "3"))["order"]
    number = placed["id"]
    bob.data("POST", "/orders", json=order(other, "buy", "100", "0.25"))
    alice.data("PATCH", f"/orders/{number}", json={"quantity": "2"})
    alice.data("PATCH", f"/orders/{number}", json={"price": "101"})
    bob.data("POST", "/orders", json=order(other, "buy", "101", "0.5"))
    # Others of the account's own stand in between.
    alice.data("POST", "/orders", json=order(account, "sell", "120", "1"))
    alice.data("DELETE", f"/orders/{number}")
    return account, number


def test_a_proof_is_what_journal_trades_and_ledger_hold(alice, tables, lived):
    account, number = lived
    found = whole(alice, number)

    assert found["order"] == alice.data("GET", f"/orders/{number}")
    (placed,) = tables("SELECT * FROM matching_command WHERE order_id = %s", int(number))
    assert found["placed"]["journal"] == place_of(placed)
    received_ms = int(placed["stream_id"].partition("-")[0])
    received = msgspec.convert(found["placed"]["received_at"], type=datetime)
    assert received.timestamp() * 1_000 == received_ms
    (event,) = tables("SELECT id FROM matching_event WHERE batch_at = %s", placed["batch_at"])
    written_ms = 1_735_689_600_000 + (event["id"] >> 13)
    assert found["placed"]["milliseconds"] == written_ms - received_ms
    assert 0 <= written_ms - received_ms < 60_000

    kinds = [step["change"] for step in found["steps"]]
    assert kinds == ["Trade", "Amended", "Amended", "Trade"]
    amends = journal_of(tables, ["amend"], lambda row, command: command.order_id == int(number))
    asked = [step["journal"] for step in found["steps"] if step["change"] == "Amended"]
    assert asked == [place_of(row) for row in amends]
    (cancel,) = journal_of(tables, ["cancel"], lambda row, command: command.order_id == int(number))
    ended = found["ended"]
    assert (ended["status"], ended["reason"]) == ("Cancelled", "requested")
    assert ended["journal"] == place_of(cancel)

    trades = tables(
        "SELECT * FROM matching_trade WHERE maker_order_id = %s ORDER BY id", int(number)
    )
    fills = [step for step in found["steps"] if step["change"] == "Trade"]
    assert [step["fill"]["id"] for step in fills] == [str(row["sequence"]) for row in trades]
    for step, row in zip(fills, trades, strict=True):
        fill = step["fill"]
        figures = (fill["price"], fill["quantity"], fill["amount"], fill["fee"])
        assert tuple(map(Decimal, figures)) == (
            row["price"],
            row["quantity"],
            row["amount"],
            row["maker_fee"],
        )
        assert told(step["entries"]) == entries_of(tables, account, row["id"])
        assert len(step["entries"]) >= 2
    fees = sum(row["maker_fee"] for row in trades)
    assert (fees, found["fees"]) == (0, [])
    # The last balance after is the account's balance: nothing else moved since.
    total = {asset: Decimal(figures[0]) for asset, figures in alice.balances(account).items()}
    last = {one["asset"]: Decimal(one["balance_after"]) for s in fills for one in s["entries"]}
    assert last == total


def test_steps_come_in_pages_in_the_same_order(alice, lived):
    _, number = lived
    assert whole(alice, number, limit=1) == whole(alice, number, limit=3) == whole(alice, number)


def test_a_taker_a_list_and_what_nobody_asked_for(alice, bob, tables):
    account = alice.new_account(EUR="10000", BTC="10")
    other = bob.new_account(EUR="10000")
    bob.data("POST", "/orders", json=order(other, "buy", "90", "1"))
    taker = alice.data(
        "POST", "/orders", json=order(account, "sell", "90", "0.4", time_in_force="IOC")
    )["order"]
    found = whole(alice, taker["id"])
    (row,) = tables("SELECT * FROM matching_command WHERE order_id = %s", int(taker["id"]))
    assert found["placed"]["journal"] == place_of(row)
    assert [step["fill"]["liquidity"] for step in found["steps"]] == ["Taker"]
    assert found["ended"]["status"] == "Filled"
    assert found["ended"]["journal"] is None

    legs = [
        {"side": "Sell", "order_type": "Limit", "price": "200", "quantity": "1"},
        {"side": "Sell", "order_type": "Stop", "stop_price": "10", "quantity": "1"},
    ]
    body = {"user_id": account, "market": "BTC/EUR", "kind": "OCO", "orders": legs}
    listed = alice.data("POST", "/orders/lists", json=body)
    (row,) = tables("SELECT * FROM matching_command WHERE order_id = %s", int(listed["list"]["id"]))
    for one in listed["orders"]:
        assert whole(alice, one["id"])["placed"]["journal"] == place_of(row)
        assert whole(alice, one["id"])["ended"] is None
    alice.data("POST", "/orders/cancel-all", json={"account": account, "market": "BTC/EUR"})
    (row,) = tables(
        "SELECT * FROM matching_command WHERE kind = 'cancel_all' AND account_id ="
        " (SELECT id FROM accounts_account WHERE public_id = %s)",
        account,
    )
    ends = [whole(alice, one["id"])["ended"] for one in listed["orders"]]
    named = [end["journal"] for end in ends if end["reason"] == "requested"]
    assert named
    assert all(journal == place_of(row) for journal in named)


@pytest.fixture
def rebates(exchange):
    """Makers of the market are paid meanwhile, out of what takers pay."""
    change_market(exchange, "BTC/EUR", "maker_fee_ppm=-500, taker_fee_ppm=2_000")
    yield
    change_market(exchange, "BTC/EUR", "maker_fee_ppm=0, taker_fee_ppm=0")


@pytest.mark.usefixtures("rebates")
def test_what_an_order_paid_and_what_it_was_paid_are_told_apart(alice, bob, tables):
    account = alice.new_account(EUR="10000")
    other = bob.new_account(BTC="10")
    bob.data("POST", "/orders", json=order(other, "sell", "100", "0.5"))
    placed = alice.data("POST", "/orders", json=order(account, "buy", "100", "1"))["order"]
    bob.data("POST", "/orders", json=order(other, "sell", "100", "0.5"))

    found = whole(alice, placed["id"])
    # As taker 0.2 % of 0.5 BTC; as maker it gets 0.05 % of 50 EUR.
    assert found["fees"] == [
        {"asset": "BTC", "amount": "0.00100000"},
        {"asset": "EUR", "amount": "-0.02500000"},
    ]
    for step in found["steps"]:
        (row,) = tables(
            "SELECT id FROM matching_trade WHERE sequence = %s AND %s IN (maker_order_id,"
            " taker_order_id)",
            int(step["fill"]["id"]),
            int(placed["id"]),
        )
        assert told(step["entries"]) == entries_of(tables, account, row["id"])


def test_only_ones_own_and_no_odd_query(alice, bob, lived):
    _, number = lived
    for person, asked in ((bob, number), (alice, "1"), (alice, "x")):
        response = person.get(f"/orders/{asked}/proof")
        assert (response.status_code, response.json()["error"]["code"]) == (404, "order_not_found")
    for query, field in (("?limit=0", "limit"), ("?cursor=x", "cursor"), ("?page=1", "page")):
        response = alice.get(f"/orders/{number}/proof{query}")
        assert (response.status_code, list(response.json()["error"]["details"])) == (422, [field])


# --- places in the queue --------------------------------------------------------------------------


def ahead_in_tables(tables, order_id) -> Decimal:
    """What stands before an order, by priority, from the tables alone."""
    (row,) = tables(
        "SELECT coalesce(sum(o.remaining_quantity - coalesce(c.hidden_quantity, 0)), 0) AS ahead"
        " FROM matching_order own JOIN matching_order o ON o.market_id = own.market_id"
        " AND o.side = own.side AND o.price = own.price"
        " AND o.status IN ('new', 'partially_filled')"
        " AND (o.priority, o.id) < (own.priority, own.id)"
        " LEFT JOIN matching_orderconditions c ON c.order_id = o.id WHERE own.id = %s",
        int(order_id),
    )
    return row["ahead"]


def test_places_in_the_queue_follow_the_book(alice, bob, tables, exchange):
    account, other = alice.new_account(EUR="100000"), bob.new_account(EUR="100000", BTC="10")

    def bid(person, where, quantity, **more):
        body = order(where, "buy", "90", quantity, **more)
        return person.data("POST", "/orders", json=body)["order"]["id"]

    def places():
        data = alice.data("GET", f"/accounts/{account}/queue/BTC-EUR")
        assert (data["user_id"], data["market"]) == (account, "BTC/EUR")
        return {one["order_id"]: Decimal(one["queue_ahead"]) for one in data["orders"]}

    def agree(expected):
        """Until the half second is over in which the same answer is given again."""
        wait_until(lambda: places() == expected, timeout_s=10, what=f"{expected}, not {places()}")
        assert {number: ahead_in_tables(tables, number) for number in expected} == expected

    first = bid(bob, other, "2")
    iceberg = bid(bob, other, "3", display_quantity="1")
    own = bid(alice, account, "1")
    agree({own: Decimal(3)})  # an iceberg counts with what it shows
    behind = bid(bob, other, "5")
    second = bid(alice, account, "1")
    agree({own: Decimal(3), second: Decimal(9)})
    bob.data("PATCH", f"/orders/{first}", json={"quantity": "1.5"})  # keeps its place
    agree({own: Decimal("2.5"), second: Decimal("8.5")})
    # The first is taken and a part of the iceberg: its next part stands behind all others.
    bob.data("PATCH", f"/orders/{behind}", json={"quantity": "6"})  # goes to the back
    seller = alice.new_account(BTC="10")
    alice.data("POST", "/orders", json=order(seller, "sell", "90", "2.5", time_in_force="IOC"))
    agree({own: Decimal(0), second: Decimal(1)})
    bob.data("DELETE", f"/orders/{iceberg}")
    third = bid(alice, account, "1")
    agree({own: Decimal(0), second: Decimal(1), third: Decimal(8)})
    with sockets.connect(f"{exchange.ws_url}/ws") as socket:
        params = {"account": account, "market": "btc-eur"}
        for method, sent in (("authenticate", {"token": alice.token}), ("getQueue", params)):
            socket.send(json.dumps({"id": method, "method": method, "params": sent}))
            answer = json.loads(socket.recv(timeout=20))
        ahead = {one["order_id"]: one["queue_ahead"] for one in answer["result"]["orders"]}
        assert ahead == {own: "0.00000", second: "1.00000", third: "8.00000"}
    response = bob.get(f"/accounts/{account}/queue/BTC-EUR")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "account_not_found")
    response = alice.get(f"/accounts/{account}/queue/BTC-EUR?limit=3")
    assert response.status_code == 422


# --- what was when --------------------------------------------------------------------------------


def test_orders_and_fills_are_listed_between_times(alice, lived):
    account, _ = lived
    for what in ("orders", "trades"):
        rows = alice.data("GET", f"/accounts/{account}/{what}")
        times = sorted({row["created_at"] for row in rows})
        assert len(times) >= 2
        path = f"/accounts/{account}/{what}"

        def asked(start, end, path=path):
            return alice.data("GET", path, params={"start": start, "end": end, "limit": 500})

        assert asked(times[0], times[-1]) == rows
        assert asked(times[1], times[1]) == [r for r in rows if r["created_at"] == times[1]]
        assert asked("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z") == []
        for params, field in (
            ({"start": "x"}, "start"),
            ({"start": times[1], "end": times[0]}, "start"),
        ):
            response = alice.get(path, params=params)
            assert response.status_code == 422
            assert list(response.json()["error"]["details"]) == [field]
