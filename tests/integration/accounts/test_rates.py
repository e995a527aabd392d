"""What is rare and costs others something is held to an hourly rate, at the pages."""

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import ApiKey, User, Withdrawal
from accounts.services import sign_up
from tests.limits import forget_limits

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL, PASSWORD = "ann@example.com", "correct horse battery"


@pytest.fixture(autouse=True)
def _rates(settings: Any) -> Iterator[None]:
    settings.ZAVORA_SIGN_UPS_PER_HOUR = 2
    settings.ZAVORA_NEW_KEYS_PER_HOUR = 3
    settings.ZAVORA_WITHDRAWALS_PER_HOUR = 4
    forget_limits()
    yield
    forget_limits()


@pytest.fixture
def ann(client: Any, usd: Any) -> User:
    user = sign_up(email=EMAIL, password=PASSWORD)
    client.post("/login", {"email": EMAIL, "password": PASSWORD})
    return user


def test_sign_ups_from_an_address_are_limited(client: Any, db: None) -> None:
    answers = [
        client.post("/signup", {"email": f"{number}@example.com", "password": PASSWORD})
        for number in range(3)
    ]
    elsewhere = client.post(
        "/signup",
        {"email": "far@example.com", "password": PASSWORD},
        REMOTE_ADDR="198.51.100.77",
    )

    assert [answer.status_code for answer in answers] == [302, 302, 429]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 1_800
    assert b"Too many attempts" in answers[-1].content
    assert elsewhere.status_code == 302
    assert User.objects.filter(email__endswith="@example.com").count() == 3


def test_new_tokens_of_a_person_are_limited(client: Any, ann: User) -> None:
    form = {"label": "bot", "scopes": ["read"]}
    answers = [client.post("/account/tokens", form) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [302, 302, 302, 429]
    assert int(answers[-1]["Retry-After"]) >= 1
    assert ApiKey.objects.count() == 3


def test_withdrawals_of_a_person_are_limited_whichever_way(client: Any, ann: User) -> None:
    account = ann.accounts.get().public_id
    money = {"account": str(account), "asset": "USD", "amount": "100", "key": "k"}
    assert client.post("/account/deposit", money).status_code == 302

    def by_page(number: int) -> int:
        form = {**money, "amount": "1", "address": "home", "key": f"w{number}"}
        answer = client.post("/account/withdraw", form)
        return int(answer.status_code)

    def by_api() -> Any:
        return client.post(
            f"/api/v1/accounts/{account}/withdraw",
            {"asset": "USD", "amount": "1", "address": "home"},
            content_type="application/json",
        )

    assert [by_page(1), by_api().status_code, by_page(2), by_api().status_code] == [
        *(302, 200, 302, 200)
    ]
    refused = by_api()
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert int(refused["Retry-After"]) >= 1
    assert by_page(3) == 429
    assert Withdrawal.objects.count() == 4
