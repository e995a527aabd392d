"""Portfolios by v1: what is answered, in which words, and what is refused."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.services import create_asset, create_token, deposit, ensure_user
from tests.actors import SYSTEM

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(db: None) -> Any:
    cache.clear()
    for code, scale in (("USD", 2), ("BTC", 8)):
        create_asset(by=SYSTEM, code=code, name=code, scale=scale)
    user = ensure_user(by=SYSTEM, email="ann@example.com")
    account = user.accounts.get()
    for asset, amount in (("USD", "100.5"), ("BTC", "2")):
        deposit(
            by=SYSTEM, account_id=account.public_id, asset=asset, amount=Decimal(amount),
            source="bank",
        )  # fmt: skip
    return user


def asked(user: Any, path: str) -> tuple[int, Any]:
    _, token = create_token(by=SYSTEM, user_id=user.pk, scopes=["read"])
    answer = Client().get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.json()


def test_what_cannot_be_valued_is_named_and_in_no_sum(person: Any) -> None:
    account = person.accounts.get().public_id
    status, answer = asked(person, f"accounts/{account}/portfolio?currency=usd")
    assert status == 200
    data = answer["data"]
    assert data["account_id"] == str(account)
    assert data["is_complete"] is True
    assert data["sums"] == {
        "value": "100.50", "flows": "100.50", "realised": "0.00", "unrealised": "0.00",
        "uncosted_value": "0.00", "unpriced_cost": "0.00", "unpriced": ["BTC"],
    }  # fmt: skip
    (btc, usd) = data["assets"]
    assert (btc["asset"], btc["quantity"], btc["uncosted_quantity"]) == (
        "BTC", "2.00000000", "2.00000000",
    )  # fmt: skip
    assert (btc["value"], btc["price"], btc["average_cost"], btc["path"]) == (None, None, None, [])
    assert (usd["value"], usd["cost"], usd["price"]) == ("100.50", "100.50", "1.0000000000")
    # All of one's own, without a currency: as the exchange has it.
    status, answer = asked(person, "portfolio")
    assert (status, answer["data"]["account_id"], answer["data"]["currency"]) == (200, None, "USD")
    status, answer = asked(person, "portfolio/history?interval=1h")
    assert (status, answer["data"]["interval"]) == (200, "Hour1")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("portfolio?currency=XXX", "currency"),
        ("portfolio?curency=USD", "curency"),
        ("portfolio/history?interval=5m", "interval"),
        ("portfolio/history?limit=1501", "limit"),
        ("portfolio/history?start=yesterday", "start"),
        (f"portfolio/history?start=2026-01-02T00:00:00Z&end={'2026-01-01T00:00:00Z'}", "start"),
    ],
)
def test_bad_queries_are_refused_by_name(person: Any, query: str, field: str) -> None:
    status, answer = asked(person, query)
    assert status == 422
    assert field in answer["error"]["details"]


def test_nobody_elses_is_found(person: Any) -> None:
    other = ensure_user(by=SYSTEM, email="bob@example.com")
    account = person.accounts.get().public_id
    for path in ("portfolio", "portfolio/history"):
        assert asked(other, f"accounts/{account}/{path}")[0] == 404
    start = (timezone.now() - timedelta(days=3)).isoformat().replace("+00:00", "Z")
    status, answer = asked(other, f"portfolio/history?start={start}")
    assert (status, answer["data"]["points"]) == (200, [])
