"""Accounts of one owner over v1 on a running exchange: names, and money between them."""

from typing import Any

import pytest

from tests.exchange import Exchange
from tests.integration.api.conftest import Client, table_state

NONE = "00000000-0000-4000-8000-000000000000"


def body(payer: str, receiver: str, amount: str = "1.5", asset: str = "EUR") -> dict[str, Any]:
    return {"from_account": payer, "to_account": receiver, "asset": asset, "amount": amount}


@pytest.fixture(scope="module")
def pair(alice: Client) -> tuple[str, str]:
    """Two accounts of Alice's, one with 100 EUR."""
    return alice.new_account(EUR="100"), alice.new_account()


def test_a_transfer_answers_what_happened_and_a_repeat_the_same(
    alice: Client, pair: tuple[str, str]
) -> None:
    one, other = pair
    key = {"Idempotency-Key": "transfer-1"}
    made = alice.data("POST", "/transfers", json=body(one, other), headers=key)
    assert alice.data("POST", "/transfers", json=body(one, other), headers=key) == made

    assert made == {
        **body(one, other, "1.50000000"), "id": made["id"], "created_at": made["created_at"],
    }  # fmt: skip
    assert alice.balances(one)["EUR"][2] == "98.50000000"
    assert alice.balances(other)["EUR"][2] == "1.50000000"
    (taken,) = alice.data("GET", f"/accounts/{one}/ledger", params={"limit": 1})
    assert (taken["kind"], taken["amount"], taken["reference"]) == (
        "Transfer",
        "-1.50000000",
        made["id"],
    )
    answer = alice.request("POST", "/transfers", json=body(one, other, "2"), headers=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


def test_lists_are_paged_and_filtered(alice: Client, bob: Client) -> None:
    one, two, three = (alice.new_account(EUR="10") for _ in range(3))
    made = [
        alice.data("POST", "/transfers", json=body(*way))
        for way in ((one, two), (two, three), (three, one))
    ]
    newest = [record["id"] for record in reversed(made)]

    def listed(**query: Any) -> Any:
        return [record["id"] for record in alice.data("GET", "/transfers", params=query)]

    assert listed(limit=3) == newest
    assert listed(account=one) == [newest[0], newest[2]]
    assert listed(account=one, asset="BTC") == []
    assert listed(account=one, asset="eur", start=made[2]["created_at"]) == [newest[0]]
    assert listed(account=one, end=made[0]["created_at"]) == [newest[2]]
    first = alice.get("/transfers", params={"account": two, "limit": 1}).json()
    then = alice.get(
        "/transfers", params={"account": two, "limit": 1, "cursor": first["meta"]["next"]}
    ).json()
    assert [page["data"][0]["id"] for page in (first, then)] == [newest[1], newest[2]]
    assert then["meta"]["next"] is None
    assert not {record["id"] for record in bob.data("GET", "/transfers")} & set(newest)
    assert bob.get("/transfers", params={"account": one}).status_code == 404


def test_a_token_of_one_account_sees_the_transfers_of_that_one_alone(
    alice: Client, exchange: Exchange
) -> None:
    one, two, three = (alice.new_account(EUR="10") for _ in range(3))
    seen, unseen = (
        alice.data("POST", "/transfers", json=body(*way))["id"]
        for way in ((one, two), (two, three))
    )
    made = exchange.manage("create_token", "--email", "alice@example.com", "--account", one)
    headers = {"Authorization": f"Bearer {made.strip().splitlines()[-1]}"}

    def listed(**query: str) -> list[str]:
        answer = alice.get("/transfers", headers=headers, params=query)
        assert answer.status_code == 200, answer.text
        return [record["id"] for record in answer.json()["data"]]

    assert listed() == listed(account=one) == [seen]
    assert alice.get("/transfers", headers=headers, params={"account": two}).status_code == 404
    assert unseen in {record["id"] for record in alice.data("GET", "/transfers")}
    answer = alice.request("POST", "/transfers", headers=headers, json=body(one, two))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("changes", "status", "named"),
    [
        ({"from_account": None}, 422, "from_account"),
        ({"to_account": "mine"}, 422, "to_account"),
        ({"amount": "0"}, 422, "amount"),
        ({"amount": "0.000000001"}, 422, "amount"),
        ({"amount": "1e400"}, 422, "amount"),
        ({"asset": "NOPE"}, 422, "asset"),
        ({"note": "rent"}, 422, "note"),
        ({"amount": "1000000"}, 400, "required"),
        ({"to_account": NONE}, 404, None),
    ],
)
def test_bad_input_is_refused_by_name_and_writes_nothing(
    alice: Client,
    exchange: Exchange,
    pair: tuple[str, str],
    changes: dict[str, Any],
    status: int,
    named: str | None,
) -> None:
    before = table_state(exchange)
    answer = alice.request("POST", "/transfers", json=body(*pair) | changes)
    assert answer.status_code == status, answer.text
    assert named is None or named in answer.json()["error"]["details"]
    assert table_state(exchange) == before


def test_a_refused_query_names_its_field(alice: Client) -> None:
    for query in ({"account": "x"}, {"start": "soon"}, {"cursor": "?"}, {"side": "from"}):
        answer = alice.get("/transfers", params=query)
        assert answer.status_code == 422
        assert list(answer.json()["error"]["details"]) == list(query)
    times = {"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}
    assert "start" in alice.get("/transfers", params=times).json()["error"]["details"]


def test_an_account_gets_another_name(alice: Client, bob: Client) -> None:
    account = alice.new_account()
    path = f"/accounts/{account}"
    assert alice.data("PATCH", path, json={"label": "Rent ☂"})["label"] == "Rent ☂"
    assert alice.data("GET", path)["label"] == "Rent ☂"
    for label in (None, "", " ", "x" * 65, "a\u0000b", 7):
        answer = alice.request("PATCH", path, json={"label": label})
        assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, ["label"])
    assert bob.request("PATCH", path, json={"label": "Mine"}).status_code == 404
    assert alice.data("GET", path)["label"] == "Rent ☂"
