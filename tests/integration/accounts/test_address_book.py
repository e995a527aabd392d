"""Address books, the allow-list, and a day's limits: what a thief with a session cannot rush."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from accounts.models import AuditRecord, WithdrawalAddress, WithdrawalLimit
from accounts.money.selectors import get_balance
from accounts.services import (
    add_address,
    cancel_withdrawal,
    create_account,
    create_token,
    deposit,
    ensure_user,
    remove_address,
    request_withdrawal,
    set_allow_list,
    set_verification_level,
    set_withdrawal_limit,
    transfer,
)
from tests.actors import SYSTEM, customer
from tests.admin_walk import fingerprint
from tests.approving import approve_up_to
from tests.factors import confirm
from zavora.foundation.errors import Forbidden, ValidationFailed

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(hours=24)


@pytest.fixture(autouse=True)
def as_in_production(settings):
    settings.ZAVORA_FAUCET = False
    settings.ZAVORA_ADDRESS_COOLING_HOURS = 24


def add(account, address="home", now=NOON, **more):
    return add_address(
        by=customer(account.owner), account_id=account.public_id, asset="USD", address=address,
        now=now, **more,
    )  # fmt: skip


def ask(account, address="home", amount=1, now=NOON):
    return request_withdrawal(
        by=customer(account.owner), account_id=account.public_id, asset="USD",
        amount=Decimal(amount), address=address, now=now,
    )  # fmt: skip


def allow_list(account, is_on, now=NOON):
    return set_allow_list(
        by=customer(account.owner), account_id=account.public_id, is_on=is_on, now=now
    )


def refused(account, what, now, address="home"):
    before = fingerprint()
    with pytest.raises(Forbidden, match=what):
        ask(account, address, now=now)
    assert fingerprint() == before


# --- the book -------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_allow_list", [False, True])
def test_a_new_address_can_be_used_after_a_day_and_no_sooner(funded, has_allow_list):
    add(funded)
    if has_allow_list:
        allow_list(funded, True)
    refused(funded, "2026-11-26 12:00 UTC", NOON)
    refused(funded, "2026-11-26 12:00 UTC", NOON + DAY - MINUTE)  # 23:59 later
    assert ask(funded, now=NOON + DAY + MINUTE).state == "pending"  # 24:01 later


def test_adding_it_again_neither_hurries_nor_delays_and_removing_begins_anew(funded):
    first = add(funded, label="Savings")
    again = add(funded, label="Other", now=NOON + DAY / 2)
    assert (again.pk, again.label, again.usable_at) == (first.pk, "Savings", NOON + DAY)
    by = customer(funded.owner)
    for _ in range(2):
        remove_address(by=by, account_id=funded.public_id, address_id=first.pk, now=NOON + DAY)
    add(funded, now=NOON + DAY)
    refused(funded, "2026-11-27", NOON + DAY + MINUTE)
    acts = AuditRecord.objects.filter(act__startswith="address.").order_by("pk")
    assert [row.act for row in acts] == ["address.add", "address.remove", "address.add"]


def test_an_address_is_of_an_account_and_an_asset(funded, btc):
    other = create_account(by=SYSTEM, owner_id=funded.owner_id, label="Second")
    add(other)
    add_address(
        by=SYSTEM, account_id=funded.public_id, asset="BTC", address="home", now=NOON - 2 * DAY
    )
    allow_list(funded, True)
    refused(funded, "its book alone", NOON + 2 * DAY)


# --- the allow-list -------------------------------------------------------------------------------


def test_with_the_allow_list_money_goes_to_the_book_alone_at_once(funded):
    add(funded, now=NOON - DAY)
    assert ask(funded, "elsewhere").state == "pending"
    allow_list(funded, True)
    refused(funded, "its book alone", NOON, "elsewhere")
    assert ask(funded, "home").state == "pending"


def test_it_goes_on_for_a_day_after_it_is_switched_off(funded):
    allow_list(funded, True)
    allow_list(funded, False)
    allow_list(funded, False, now=NOON + DAY / 2)  # asking again hurries nothing
    refused(funded, "its book alone", NOON + DAY - MINUTE, "elsewhere")
    assert ask(funded, "elsewhere", now=NOON + DAY + MINUTE).state == "pending"
    acts = AuditRecord.objects.filter(act="account.allow_list")
    ends_at = (NOON + DAY).isoformat()
    assert [row.details["now"] for row in acts.order_by("pk")] == [
        {"has_allow_list": True, "allow_list_ends_at": None},
        {"has_allow_list": True, "allow_list_ends_at": ends_at},
    ]


def test_switched_on_again_in_time_it_stays(funded):
    allow_list(funded, True)
    allow_list(funded, False)
    allow_list(funded, True, now=NOON + DAY - MINUTE)
    refused(funded, "its book alone", NOON + 9 * DAY, "elsewhere")


def test_a_sandbox_with_no_cooling_off_time_uses_an_address_at_once(funded, settings):
    settings.ZAVORA_FAUCET = True
    settings.ZAVORA_ADDRESS_COOLING_HOURS = 0
    add(funded)
    assert ask(funded).state == "settled"
    assert ask(funded, "").state == "settled"
    allow_list(funded, True)
    refused(funded, "its book alone", NOON, "")
    allow_list(funded, False)
    assert ask(funded, "").state == "settled"


# --- limits of a day ------------------------------------------------------------------------------


def limit(per_day, **of):
    figure = None if per_day is None else Decimal(per_day)
    return set_withdrawal_limit(by=SYSTEM, asset="USD", per_day=figure, reason="new here", **of)


def above(account, amount, now=NOON):
    before = fingerprint()
    with pytest.raises(ValidationFailed) as refusal:
        ask(account, amount=amount, now=now)
    assert fingerprint() == before
    return refusal.value.details["amount"]


def test_a_day_in_utc_has_its_limit_and_what_was_given_back_does_not_count(funded):
    limit("10.5", account_id=funded.public_id)
    first = ask(funded, amount=10)
    assert above(funded, 1) == "expected at most 0.5 until 2026-11-26 00:00 UTC"
    ask(funded, amount="0.5")
    cancel_withdrawal(by=SYSTEM, withdrawal_id=first.pk)
    assert above(funded, "10.00000001") == "expected at most 10 until 2026-11-26 00:00 UTC"
    ask(funded, amount=10)
    midnight = datetime(2026, 11, 26, tzinfo=UTC)
    above(funded, 1, now=midnight - timedelta(microseconds=1))
    ask(funded, amount=10, now=midnight)


def test_a_level_has_its_limit_over_all_accounts_and_an_accounts_own_comes_first(funded):
    second = create_account(by=SYSTEM, owner_id=funded.owner_id, label="Second")
    deposit(by=SYSTEM, account_id=second.public_id, asset="USD", amount=Decimal(50), source="bank")
    limit(10, level=0)
    limit(30, level=1)
    ask(funded, amount=6)
    assert "at most 4 " in above(second, 5)
    set_verification_level(by=SYSTEM, user_id=funded.owner_id, level=1, reason="passport seen")
    ask(second, amount=5)
    limit(5, account_id=second.public_id)
    above(second, 1)
    ask(funded, amount=19)
    limit(None, account_id=second.public_id)
    assert "at most 0 " in above(second, 1)
    limit(None, level=1)
    ask(second, amount=40)
    assert WithdrawalLimit.objects.count() == 1


def test_a_limit_holds_in_the_sandbox_and_for_what_needs_nobody(funded, settings):
    limit(10, level=0)
    approve_up_to(100)
    assert ask(funded, amount=10).state == "approved"
    settings.ZAVORA_FAUCET = True
    above(funded, 1)


# --- by the API and on the page -------------------------------------------------------------------


class Api:
    def __init__(self, client, user, *scopes):
        _, token = create_token(by=SYSTEM, user_id=user.pk, scopes=scopes)
        self.client, self.headers = client, {"HTTP_AUTHORIZATION": f"Bearer {token}"}

    def call(self, method, path, body=None):
        text = "" if body is None else json.dumps(body)
        answer = self.client.generic(
            method, f"/api/v1/accounts/{path}", text, "application/json", **self.headers
        )
        return answer.status_code, answer.json()


def test_the_api_keeps_the_book(client, funded):
    api = Api(client, funded.owner, "read", "withdraw")
    path = f"{funded.public_id}/addresses"
    for number in range(3):
        body = {"asset": "USD", "address": f"home-{number}", "label": f"№ {number}"}
        status, made = api.call("POST", path, body)
        assert status == 200, made
    data = made["data"]
    assert (data["address"], data["label"], data["asset"]) == ("home-2", "№ 2", "USD")
    assert data["usable_at"] > data["created_at"]
    _, first = api.call("GET", f"{path}?limit=2")
    _, rest = api.call("GET", f"{path}?limit=2&cursor={first['meta']['next']}")
    listed = [row["address"] for row in first["data"] + rest["data"]]
    assert (listed, rest["meta"]["next"]) == (["home-2", "home-1", "home-0"], None)

    status, error = api.call(
        "POST", f"{funded.public_id}/withdraw",
        {"asset": "USD", "amount": "1", "address": "home-2"},
    )  # fmt: skip
    assert (status, error["error"]["code"]) == (403, "forbidden")
    assert error["error"]["details"] == {"usable_at": data["usable_at"].replace("Z", "+00:00")}

    for _ in range(2):
        assert api.call("DELETE", f"{path}/{data['id']}")[0] == 200
    assert [row["address"] for row in api.call("GET", path)[1]["data"]] == ["home-1", "home-0"]
    for wrong in ("1", "x", "-1", "9" * 40):
        assert api.call("DELETE", f"{path}/{wrong}")[0] == 404, wrong


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"address": "far"}, "asset"),
        ({"asset": "USD"}, "address"),
        ({"asset": "USD", "address": " "}, "address"),
        ({"asset": "XXX", "address": "far"}, "asset"),
        ({"asset": "USD", "address": "x" * 129}, "address"),
        ({"asset": "USD", "address": "far", "label": "x" * 65}, "label"),
        ({"asset": "USD", "address": "far", "more": 1}, "more"),
    ],
)
def test_the_api_names_what_is_wrong(client, funded, body, field):
    api = Api(client, funded.owner, "withdraw")
    before = fingerprint()
    status, answer = api.call("POST", f"{funded.public_id}/addresses", body)
    assert (status, list(answer["error"]["details"])) == (422, [field])
    assert fingerprint() == before


def test_the_api_tells_stages_beside_the_states_that_clients_know(client, funded):
    api = Api(client, funded.owner, "read", "withdraw")
    approve_up_to(5)
    small, large = ask(funded, amount=5), ask(funded, amount=6)
    cancel_withdrawal(by=SYSTEM, withdrawal_id=small.pk)
    _, listed = api.call("GET", f"{funded.public_id}/withdrawals")
    told = [
        (row["state"], row["stage"], row["approvals_given"], row["approvals_needed"])
        for row in listed["data"]
    ]
    assert told == [("Pending", "Pending", 0, 2), ("Cancelled", "Cancelled", 0, 0)]
    type(large).objects.filter(pk=large.pk).update(state="refused")
    type(small).objects.filter(pk=small.pk).update(state="approved")
    _, listed = api.call("GET", f"{funded.public_id}/withdrawals")
    assert [(row["state"], row["stage"]) for row in listed["data"]] == [
        ("Cancelled", "Refused"), ("Pending", "Approved"),
    ]  # fmt: skip


def test_the_page_keeps_the_book_and_the_allow_list(client, funded):
    client.force_login(funded.owner)
    confirm(client, funded.owner)
    form = {"account": str(funded.public_id), "asset": "USD", "address": "", "label": "Savings"}
    assert client.post("/account/addresses", form).status_code == 400
    page = client.post("/account/addresses", form | {"address": "home"}, follow=True)
    assert "The address can be used from" in page.content.decode()
    entry = WithdrawalAddress.objects.get()
    text = client.get("/account/addresses").content.decode()
    assert "Savings" in text
    assert "after 24 hours" in text

    switch = f"/account/addresses/{funded.public_id}/allow-list"
    text = client.post(switch, {"is_on": "yes"}, follow=True).content.decode()
    assert "Withdrawals go to addresses of the book alone." in text
    text = client.post(switch, {"is_on": "no"}, follow=True).content.decode()
    assert "The allow-list ends at" in text
    assert "On until" in text

    stranger = ensure_user(by=SYSTEM, email="bob@example.com")
    gone = f"/account/addresses/{funded.public_id}/{entry.pk}/remove"
    client.force_login(stranger)
    confirm(client, stranger)
    before = fingerprint()
    for path in (gone, switch):
        assert client.get(path).status_code == 405
        assert "No such account." in client.post(path, follow=True).content.decode()
    assert "Savings" not in client.get("/account/addresses").content.decode()
    assert fingerprint() == before
    client.force_login(funded.owner)
    confirm(client, funded.owner)
    assert "The address is removed." in client.post(gone, follow=True).content.decode()
    assert get_balance(funded.public_id, "USD").available == 100


def test_money_leaves_an_allow_list_by_no_other_account(funded):
    """Else a thief has it go by way of a new account, which has none."""
    owner = funded.owner
    other = create_account(by=customer(owner), owner_id=owner.pk, label="Other")

    def move(payer, receiver, amount=1):
        return transfer(
            by=customer(owner), from_account=payer.public_id, to_account=receiver.public_id,
            asset="USD", amount=Decimal(amount),
        )  # fmt: skip

    move(funded, other, 2)
    allow_list(funded, is_on=True, now=None)
    before = fingerprint()
    with pytest.raises(Forbidden, match="allow-list"):
        move(funded, other)
    assert fingerprint() == before
    move(other, funded)
    allow_list(funded, is_on=False, now=None)
    with pytest.raises(Forbidden, match="allow-list"):  # it ends after a day
        move(funded, other)
    allow_list(other, is_on=True, now=None)
    assert move(funded, other).amount == 1
