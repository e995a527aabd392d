"""Withdrawals wait for an operator, are shown to their owner, and can be taken back."""

import json
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection

from accounts.access.actor import Permission
from accounts.models import Withdrawal
from accounts.money.selectors import get_balance
from accounts.services import (
    cancel_own_withdrawal,
    create_token,
    deposit,
    ensure_user,
    request_withdrawal,
    set_account_status,
    settle_withdrawal,
)
from matching.reconcile import find_breaks_everywhere
from tests.actors import SYSTEM, operator
from tests.admin_walk import fingerprint
from tests.approving import approve_by_two
from zavora.foundation.errors import AccountFrozen, NotFound, ValidationFailed

pytestmark = pytest.mark.django_db

TEN = {"asset": "USD", "amount": "10", "address": "somewhere"}


@pytest.fixture(autouse=True)
def no_faucet(settings):
    settings.ZAVORA_FAUCET = False


def figures(account):
    balance = get_balance(account.public_id, "USD")
    return (balance.available, balance.locked)


def assert_adds_up():
    with connection.cursor() as cursor:
        assert find_breaks_everywhere(cursor) == []


def ask(account, amount="10", **more):
    fields = {"asset": "USD", "address": "somewhere"} | more
    return request_withdrawal(
        by=SYSTEM, account_id=account.public_id, amount=Decimal(amount), **fields
    )


class Api:
    """A user's calls with a token of some scopes."""

    def __init__(self, client, user, *scopes, **limits):
        _, token = create_token(by=SYSTEM, user_id=user.pk, scopes=scopes, **limits)
        self.client = client
        self.headers = {"HTTP_AUTHORIZATION": f"Bearer {token}"}

    def call(self, method, path, body=None):
        if body is not None:
            answer = self.client.generic(
                method, f"/api/v1/{path}", json.dumps(body), "application/json", **self.headers
            )
        else:
            answer = self.client.generic(method, f"/api/v1/{path}", **self.headers)
        return answer.status_code, answer.json()


@pytest.fixture
def api(client, funded):
    return Api(client, funded.owner, "read", "withdraw")


# --- pending by default ---------------------------------------------------------------------------


def test_a_withdrawal_waits_unless_the_faucet_is_on(funded, settings):
    assert ask(funded).state == "pending"
    assert figures(funded) == (90, 10)

    settings.ZAVORA_FAUCET = True
    assert ask(funded, address="").state == "settled"  # the sandbox: at once, to nowhere
    assert figures(funded) == (80, 10)
    assert_adds_up()


@pytest.mark.parametrize("address", ["", "   "])
def test_money_goes_nowhere_only_in_the_sandbox(funded, address):
    before = fingerprint()
    with pytest.raises(ValidationFailed) as refusal:
        ask(funded, address=address)
    assert refusal.value.details == {"address": "expected where the money is to go"}
    assert fingerprint() == before


def test_a_repeated_request_of_the_sandbox_keeps_its_result(funded, settings):
    settings.ZAVORA_FAUCET = True
    first = ask(funded, address="", key="k")
    settings.ZAVORA_FAUCET = False
    assert ask(funded, address="", key="k").pk == first.pk


@pytest.mark.parametrize("status", ["frozen", "closed"])
def test_nothing_is_paid_out_of_a_frozen_account_but_it_may_be_taken_back(funded, status):
    record = ask(funded)
    approve_by_two(record)
    set_account_status(by=SYSTEM, account_id=funded.public_id, status=status)
    before = fingerprint()
    with pytest.raises(AccountFrozen):
        settle_withdrawal(by=SYSTEM, withdrawal_id=record.pk)
    assert fingerprint() == before

    cancel_own_withdrawal(by=SYSTEM, account_id=funded.public_id, withdrawal_id=record.pk)
    assert figures(funded) == (100, 0)


def test_only_ones_own_is_taken_back(funded):
    record = ask(funded)
    other = ensure_user(by=SYSTEM, email="bob@example.com").accounts.get()
    before = fingerprint()
    for account_id, pk in ((other.public_id, record.pk), (uuid4(), record.pk), (funded, 1)):
        with pytest.raises(NotFound):
            cancel_own_withdrawal(by=SYSTEM, account_id=account_id, withdrawal_id=pk)
    assert fingerprint() == before


# --- by the API -----------------------------------------------------------------------------------


def test_the_api_tells_states_newest_first_and_in_pages(api, funded):
    asked = [ask(funded, amount) for amount in ("1", "2", "3")]
    approve_by_two(asked[0])
    settle_withdrawal(by=SYSTEM, withdrawal_id=asked[0].pk)

    status, first = api.call("GET", f"accounts/{funded.public_id}/withdrawals?limit=2")
    assert status == 200
    assert [(row["id"], row["state"]) for row in first["data"]] == [
        (str(asked[2].pk), "Pending"),
        (str(asked[1].pk), "Pending"),
    ]
    assert first["data"][0]["amount"] == "3.00000000"
    assert first["data"][0]["address"] == "somewhere"
    cursor = first["meta"]["next"]
    _, rest = api.call("GET", f"accounts/{funded.public_id}/withdrawals?limit=2&cursor={cursor}")
    assert [(row["id"], row["state"]) for row in rest["data"]] == [(str(asked[0].pk), "Settled")]
    assert rest["meta"] == {"next": None}


def test_a_pending_one_is_cancelled_and_exactly_its_hold_given_back(api, funded):
    path = f"accounts/{funded.public_id}"
    status, made = api.call("POST", f"{path}/withdraw", TEN | {"amount": "10.00000001"})
    assert (status, made["data"]["withdrawal"]["state"]) == (200, "Pending")
    kept = ask(funded, "5")
    assert figures(funded) == (Decimal("84.99999999"), Decimal("15.00000001"))

    gone = f"{path}/withdrawals/{made['data']['withdrawal']['id']}"
    for _ in range(2):  # again is fine
        status, answer = api.call("DELETE", gone)
        assert (status, answer["data"]["state"]) == (200, "Cancelled")
    assert figures(funded) == (95, 5)
    assert_adds_up()

    approve_by_two(kept)
    settle_withdrawal(by=SYSTEM, withdrawal_id=kept.pk)
    status, answer = api.call("DELETE", f"{path}/withdrawals/{kept.pk}")
    assert (status, answer["error"]["code"]) == (409, "conflict")
    assert figures(funded) == (95, 0)


def test_who_may_see_and_cancel(client, funded, api):
    record = ask(funded)
    path = f"accounts/{funded.public_id}/withdrawals"
    stranger = ensure_user(by=SYSTEM, email="bob@example.com")
    second = funded.owner.accounts.create(label="Second")
    asked = {
        "reader": (Api(client, funded.owner, "read", "trade"), 200, 403),
        "blind": (Api(client, funded.owner, "withdraw"), 403, 200),
        "stranger": (Api(client, stranger, "read", "withdraw"), 404, 404),
        "limited elsewhere": (
            Api(client, funded.owner, "read", "withdraw", account_id=second.public_id), 404, 404,
        ),
    }  # fmt: skip
    for name, (who, sees, cancels) in asked.items():
        assert who.call("GET", path)[0] == sees, name
        if cancels != 200:
            before = fingerprint()
            assert who.call("DELETE", f"{path}/{record.pk}")[0] == cancels, name
            assert fingerprint() == before, name
    for wrong in ("1", "x", "-1", "9" * 40, "%00"):
        assert api.call("DELETE", f"{path}/{wrong}")[0] == 404, wrong
    assert asked["blind"][0].call("DELETE", f"{path}/{record.pk}")[0] == 200


def test_a_missing_address_is_named_by_the_api(api, funded):
    before = fingerprint()
    body = {"asset": "USD", "amount": "10"}
    status, answer = api.call("POST", f"accounts/{funded.public_id}/withdraw", body)
    assert (status, answer["error"]["details"]) == (
        422, {"address": "expected where the money is to go"},
    )  # fmt: skip
    assert fingerprint() == before


# --- the operator's branch that is gone, and limited tokens ---------------------------------------


@pytest.mark.parametrize("is_superuser", [False, True])
@pytest.mark.parametrize("faucet", [False, True])
def test_staff_credit_nobody_by_the_customers_api(client, funded, settings, faucet, is_superuser):
    settings.ZAVORA_FAUCET = faucet
    boss = ensure_user(
        by=SYSTEM, email="boss@example.com", is_staff=True, is_superuser=is_superuser
    )
    own = boss.accounts.get().public_id
    for limits in ({}, {"account_id": own}):
        api = Api(client, boss, "read", "trade", "withdraw", **limits)
        before = fingerprint()
        body = {"asset": "USD", "amount": "20000000"}
        assert api.call("POST", f"accounts/{funded.public_id}/deposit", body)[0] == 404
        if not faucet:
            assert api.call("POST", f"accounts/{own}/deposit", body)[0] == 403
        assert fingerprint() == before
    if faucet:  # as for everybody
        assert (
            api.call("POST", f"accounts/{own}/deposit", {"asset": "USD", "amount": "1"})[0] == 200
        )


def test_the_faucet_still_gives_to_customers(client, funded, settings):
    settings.ZAVORA_FAUCET = True
    api = Api(client, funded.owner, "trade", account_id=funded.public_id)
    status, answer = api.call(
        "POST", f"accounts/{funded.public_id}/deposit", {"asset": "USD", "amount": "1"}
    )
    assert (status, answer["data"]["available"]) == (200, "101.00000000")


def test_a_token_limited_to_one_account_opens_no_others(client, funded):
    limited = Api(client, funded.owner, "read", "trade", "withdraw", account_id=funded.public_id)
    before = fingerprint()
    status, answer = limited.call("POST", "accounts", {"label": "More"})
    assert (status, answer["error"]["code"]) == (403, "forbidden")
    assert "limited to one account" in answer["error"]["message"]
    assert fingerprint() == before

    free = Api(client, funded.owner, "trade")
    assert free.call("POST", "accounts", {"label": "More"})[0] == 200


def test_a_limited_token_reaches_nothing_beside_its_account(client, funded):
    """Every address of an account, with the other account of the same user."""
    from api.v1.urls import urlpatterns

    second = funded.owner.accounts.create(label="Second")
    deposit(by=SYSTEM, account_id=second.public_id, asset="USD", amount=Decimal(9), source="bank")
    record = ask(second, "1")
    api = Api(client, funded.owner, "read", "trade", "withdraw", account_id=funded.public_id)
    routes = [str(one.pattern) for one in urlpatterns if "<str:account>" in str(one.pattern)]
    assert len(routes) >= 9
    before = fingerprint()
    for route in routes:
        path = route.removeprefix("v1/").replace("<str:account>", str(second.public_id))
        path = path.replace("<str:withdrawal>", str(record.pk))
        for method, body in (("GET", None), ("POST", TEN), ("DELETE", None)):
            assert api.call(method, path, body)[0] in (404, 405), (method, route)
    assert fingerprint() == before
    _, listed = api.call("GET", "accounts")
    assert [row["id"] for row in listed["data"]] == [str(funded.public_id)]


# --- on the page ----------------------------------------------------------------------------------


def test_the_page_shows_withdrawals_and_takes_them_back(client, funded):
    client.force_login(funded.owner)
    form = {"account": str(funded.public_id), "asset": "USD", "amount": "10", "key": "k"}
    page = client.post("/account/withdraw", form, follow=False)
    assert page.status_code == 400
    assert "Expected where the money is to go." in page.content.decode()
    assert not Withdrawal.objects.exists()

    page = client.post("/account/withdraw", form | {"address": "somewhere"}, follow=True)
    text = page.content.decode()
    assert "waiting to be paid out" in text
    record = Withdrawal.objects.get()
    action = f"/account/withdrawals/{funded.public_id}/{record.pk}/cancel"
    assert action in text
    assert figures(funded) == (90, 10)

    page = client.post(action, follow=True)
    assert "The withdrawal is cancelled." in page.content.decode()
    assert action not in page.content.decode()
    assert figures(funded) == (100, 0)


def test_the_page_takes_back_nobody_elses(client, funded):
    record = ask(funded)
    client.force_login(ensure_user(by=SYSTEM, email="bob@example.com"))
    before = fingerprint()
    action = f"/account/withdrawals/{funded.public_id}/{record.pk}/cancel"
    assert client.get(action).status_code == 405
    assert "No such account." in client.post(action, follow=True).content.decode()
    assert fingerprint() == before


def test_an_operator_with_the_permission_pays_out(funded):
    record = ask(funded)
    approve_by_two(record)
    by = operator(Permission.DECIDE_WITHDRAWAL)
    assert settle_withdrawal(by=by, withdrawal_id=record.pk).state == "settled"
    assert figures(funded) == (90, 0)
