"""What keys allow, from where and for how long, asked over HTTP."""

import time
from collections.abc import Callable

import psycopg
import pytest

from tests.exchange import Exchange, wait_until
from tests.integration.binance.rest.conftest import ORDER, SYMBOL, Bot, error_of

ACCOUNT = "/api/v3/account"
REJECTED = (-2015, "Invalid API-key, IP, or permissions for action.")


def place(bot: Bot) -> tuple[int, int]:
    """Try an order that is checked only; return the status and the code, 0 for success."""
    terms = {"type": "MARKET", "quantity": "1", "symbol": SYMBOL, "side": "BUY"}
    response = bot.call("POST", f"{ORDER}/test", **terms)
    return response.status_code, 0 if response.status_code == 200 else error_of(response)[0]


@pytest.mark.parametrize("kind", ["hmac", "ed25519", "rsa"])
def test_every_kind_of_key_signs(special: Callable[[str], Bot], kind: str) -> None:
    assert special(kind).ok("GET", ACCOUNT)["accountType"] == "SPOT"


def test_scopes_are_kept(special: Callable[[str], Bot]) -> None:
    reader, trader = special("reader"), special("trader")

    assert reader.ok("GET", ACCOUNT)["canWithdraw"] is False
    assert place(reader) == (401, -2015)
    assert place(trader) == (200, 0)
    response = trader.call("GET", ACCOUNT)
    assert (response.status_code, error_of(response)) == (401, REJECTED)


def test_signed_answers_are_kept_by_nobody(special: Callable[[str], Bot]) -> None:
    reader, trader = special("reader"), special("trader")
    answers = [
        reader.call("GET", ACCOUNT),
        trader.call("GET", ACCOUNT),
        trader.call(
            "POST", f"{ORDER}/test", type="MARKET", quantity="1", symbol=SYMBOL, side="BUY"
        ),
        reader.call("POST", "/api/v3/userDataStream"),
    ]
    assert {answer.status_code for answer in answers} >= {200, 401}
    assert [answer.headers.get("cache-control") for answer in answers] == ["no-store"] * 4


def test_addresses_are_kept(special: Callable[[str], Bot]) -> None:
    response = special("elsewhere").call("GET", ACCOUNT)

    assert (response.status_code, error_of(response)) == (401, REJECTED)
    assert special("here").call("GET", ACCOUNT).status_code == 200


@pytest.mark.parametrize(
    ("key", "code"),
    [(None, -2014), ("", -2014), ("short", -2014), ("!" * 64, -2014), ("x" * 64, -2015)],
)
def test_no_key_and_an_unknown_one_are_told_apart(ann: Bot, key: str | None, code: int) -> None:
    request = ann.build_request("GET", ACCOUNT)
    del request.headers["x-mbx-apikey"]
    if key is not None:
        request.headers.update([(b"x-mbx-apikey", key.encode())])
    response = ann.send(request)

    assert response.status_code == 401
    assert error_of(response)[0] == code


def test_a_revoked_key_ends_within_a_second(
    exchange: Exchange, special: Callable[[str], Bot]
) -> None:
    bot = special("revoked")
    assert bot.call("GET", ACCOUNT).status_code == 200  # from here on it is remembered
    code = (
        "import time; from accounts.access.selectors import find_api_key;"
        "from accounts.services import revoke_key; from tests.actors import SYSTEM;"
        f"revoke_key(by=SYSTEM, key_id=find_api_key('{bot.key}').caller.key_id); print(time.time())"
    )
    ended = float(exchange.manage("shell", "-c", code).strip().splitlines()[-1])
    # The command took a while to end itself, so the key must be gone by now, or very soon.
    wait_until(lambda: bot.call("GET", ACCOUNT).status_code == 401, timeout_s=1, what="the end")
    assert time.time() >= ended


def test_an_expired_key_ends_although_it_is_remembered(
    exchange: Exchange, special: Callable[[str], Bot]
) -> None:
    bot = special("expiring")
    with psycopg.connect(exchange.database_url) as connection:
        connection.execute(
            "UPDATE accounts_apikey SET expires_at = now() + interval '1.5 s' WHERE lookup = %s",
            [bot.key],
        )
    assert bot.call("GET", ACCOUNT).status_code == 200
    wait_until(lambda: bot.call("GET", ACCOUNT).status_code == 401, timeout_s=3, what="the end")


def test_a_key_of_one_account_says_nothing_of_another(
    ann: Bot, special: Callable[[str], Bot]
) -> None:
    second = special("second")  # the same person's other account

    assert second.account != ann.account
    assert {row["free"] for row in second.ok("GET", ACCOUNT)["balances"]} == {"0.00000000"}
