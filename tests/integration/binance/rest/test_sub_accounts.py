"""Accounts of one owner by the compatible API: the list, transfers, and who is told of them."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.exchange import Exchange
from tests.integration.binance.rest.conftest import Bot, error_of, new_key

LIST = "/sapi/v1/sub-account/list"
TRANSFER = "/sapi/v1/sub-account/universalTransfer"
SPOT = {"fromAccountType": "SPOT", "toAccountType": "SPOT"}
NONE = "00000000-0000-4000-8000-000000000000"

SAVINGS = """
from accounts.people.selectors import find_user
from accounts.services import create_account, create_api_key
from tests.actors import SYSTEM
import json
user = find_user("master@example.com")
second, third = (
    create_account(by=SYSTEM, owner_id=user.pk, label=label) for label in ("Savings", "Third")
)
key = create_api_key(
    by=SYSTEM, user_id=user.pk, kind="hmac", scopes=["read", "trade"], account_id=second.public_id
)
print(json.dumps({"key": key.key, "secret": key.secret, "account": str(key.account_id)}))
"""


@pytest.fixture(scope="module")
def master(exchange: Exchange) -> Iterator[Bot]:
    """A bot with a key for all accounts of a person, which speaks for the oldest."""
    made = new_key(exchange, "--email", "master@example.com", "--all-accounts", "--fund")
    with Bot(exchange, made) as bot:
        yield bot


@pytest.fixture(scope="module")
def savings(exchange: Exchange, master: Bot) -> Iterator[Bot]:
    """A bot with a key of the person's second account alone; there is a third one."""
    made = json.loads(exchange.manage("shell", "-c", SAVINGS).strip().splitlines()[-1])
    with Bot(exchange, made) as bot:
        yield bot


def email(bot: Bot) -> str:
    """Return what stands for an account's e-mail address."""
    return bot.account


def free(bot: Bot, asset: str = "EUR") -> Decimal:
    return Decimal(bot.balances()[asset][0])


def transfer(bot: Bot, amount: str = "2.5", **more: Any) -> Any:
    return bot.ok("POST", TRANSFER, **{**SPOT, "asset": "EUR", "amount": amount, **more})


def test_the_list_has_the_other_accounts_that_a_key_reaches(master: Bot, savings: Bot) -> None:
    found, third = master.ok("GET", LIST, limit=10)["subAccounts"]
    assert (found["email"], found["remark"], third["remark"]) == (
        email(savings),
        "Savings",
        "Third",
    )
    assert (found["isFreeze"], found["isManagedSubAccount"]) == (False, False)
    assert master.ok("GET", LIST, email=email(savings))["subAccounts"] == [found]
    assert master.ok("GET", LIST)["subAccounts"] == [found]  # one a page
    assert master.ok("GET", LIST, page=2)["subAccounts"] == [third]
    for query in ({"isFreeze": "true"}, {"page": 3}, {"email": NONE}):
        assert master.ok("GET", LIST, **query)["subAccounts"] == []
    assert savings.ok("GET", LIST, limit=10)["subAccounts"] == []


def test_money_goes_to_the_other_account_and_back(master: Bot, savings: Bot) -> None:
    before = free(master), free(savings)
    made = transfer(master, toEmail=email(savings), clientTranId="there")
    assert transfer(master, toEmail=email(savings), clientTranId="there") == made
    assert made["clientTranId"] == "there"
    assert (free(master), free(savings)) == (before[0] - Decimal("2.5"), before[1] + Decimal("2.5"))

    back = transfer(master, fromEmail=email(savings))
    assert back["clientTranId"] == ""
    assert (free(master), free(savings)) == before

    history = master.ok("GET", TRANSFER, limit=2)
    assert history["totalCount"] >= 2
    assert [row["tranId"] for row in history["result"]] == [back["tranId"], made["tranId"]]
    row = history["result"][1]
    assert row == {
        "tranId": made["tranId"], "fromEmail": email(master), "toEmail": email(savings),
        "asset": "EUR", "amount": "2.50000000", "createTimeStamp": row["createTimeStamp"],
        "fromAccountType": "SPOT", "toAccountType": "SPOT", "status": "SUCCESS",
        "clientTranId": "there",
    }  # fmt: skip


def test_the_history_is_filtered_and_paged(master: Bot, savings: Bot) -> None:
    there = transfer(master, toEmail=email(savings), clientTranId="paged")["tranId"]
    back = transfer(master, fromEmail=email(savings))["tranId"]

    def found(bot: Bot = master, **query: Any) -> list[int]:
        return [row["tranId"] for row in bot.ok("GET", TRANSFER, **query)["result"]]

    assert found(limit=1) == [back]
    assert found(limit=1, page=2) == [there]
    assert found(toEmail=email(savings), limit=1) == [there]
    assert found(fromEmail=email(savings), limit=1) == [back]
    assert found(clientTranId="paged") == [there]
    time_ms = master.ok("GET", TRANSFER, limit=1)["result"][0]["createTimeStamp"]
    assert found(startTime=time_ms + 60_000) == []
    assert back in found(endTime=time_ms)
    # A key of one account sees what concerns that one.
    third = master.ok("GET", LIST, page=2)["subAccounts"][0]["email"]
    unseen = transfer(master, toEmail=third)["tranId"]
    assert found(limit=1) == [unseen]
    assert found(savings, limit=1) == [back]
    assert savings.refused("GET", TRANSFER, toEmail=third)[0] == -1109
    assert master.refused("GET", TRANSFER, fromEmail=email(savings), toEmail=email(master))[0] == (
        -1106
    )


def test_a_key_of_one_account_transfers_nothing(master: Bot, savings: Bot) -> None:
    for about in ({"toEmail": email(master)}, {"fromEmail": email(master)}):
        params = {**SPOT, "asset": "EUR", "amount": "1", **about}
        answer = savings.call("POST", TRANSFER, **params)
        assert (answer.status_code, error_of(answer)[0]) == (401, -2015)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"toEmail": NONE}, -1109),
        ({"toEmail": "ann@example.com"}, -1109),
        ({"toEmail": None}, -1109),  # from the master to the master
        ({"fromAccountType": "USDT_FUTURE"}, -1130),
        ({"toAccountType": ""}, -1102),
        ({"asset": "NOPE"}, -1130),
        ({"asset": ""}, -1102),
        ({"amount": "0"}, -1130),
        ({"amount": "-1"}, -1100),
        ({"amount": "0.0000000000001"}, -1130),
        ({"amount": "1000000000000"}, -5002),
        ({"clientTranId": "x" * 129}, -1130),
        ({"clientTranId": "taken"}, -1130),
    ],
)
def test_what_is_refused(
    master: Bot, savings: Bot, changes: dict[str, str | None], code: int
) -> None:
    if changes.get("clientTranId") == "taken":
        transfer(master, "0.5", toEmail=email(savings), clientTranId="taken")
    before = free(master), free(savings)
    params = {**SPOT, "asset": "EUR", "amount": "1", "toEmail": email(savings), **changes}
    sent = {name: value for name, value in params.items() if value is not None}
    assert master.refused("POST", TRANSFER, **sent)[0] == code
    assert (free(master), free(savings)) == before
