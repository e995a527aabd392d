"""What an account pays and why: on its page, in v1 and on the operators' pages."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account, AuditRecord
from accounts.people.fee_terms import fee_terms_of
from accounts.services import create_token, ensure_user, set_account_fees
from matching.fees.services import set_fee_tier
from tests.actors import SYSTEM
from tests.integration.matching.conftest import Bench

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def priced(bench: Bench) -> Any:
    """The first account, with rates of its own in the one market."""
    market = bench.market(maker_fee_ppm=1_000, taker_fee_ppm=2_000)
    account = bench.accounts[0]
    set_account_fees(
        by=SYSTEM, account_id=account.public_id, maker_ppm=-25, taker_ppm=300, market_id=market,
        until=timezone.now() + timedelta(days=3), reason="a market maker",
    )  # fmt: skip
    set_fee_tier(
        by=SYSTEM, level=1, min_volume=Decimal(5000), maker_ppm=900, taker_ppm=1_500, reason="new"
    )
    return account


def test_the_owner_and_nobody_else_reads_it(priced: Any, bench: Bench) -> None:
    path = f"/api/v1/accounts/{priced.public_id}/fees"
    tokens = [
        create_token(by=SYSTEM, user_id=account.owner_id, scopes=["read"])[1]
        for account in bench.accounts
    ]
    mine, others = (
        Client().get(path, headers={"Authorization": f"Bearer {token}"}) for token in tokens
    )
    assert others.status_code == 404
    (market,) = mine.json()["data"]["markets"]
    assert market["market"] == "BTC/USD"
    assert (market["maker"]["fee"], market["taker"]["fee"]) == ("-0.000025", "0.0003")
    assert market["maker"]["source"] == "AccountMarket"
    assert mine.json()["data"]["tiers"][0]["min_volume"] == "5000"


def test_the_page_says_what_and_why(priced: Any, bench: Bench) -> None:
    client = Client()
    client.force_login(priced.owner)
    assert f"/account/{priced.public_id}/fees" in client.get("/account").content.decode()
    page = client.get(f"/account/{priced.public_id}/fees").content.decode()
    for text in ("BTC/USD", "-0.0025 %", "0.03 %", "its own here, until", "No tier.", "5,000.00"):
        assert text in page, text
    assert client.get(f"/account/{bench.accounts[1].public_id}/fees").status_code == 404


def test_an_operator_changes_fees_by_a_form_that_asks_why(priced: Any) -> None:
    client = Client()
    client.force_login(ensure_user(by=SYSTEM, email="boss@example.com", is_superuser=True,
                                   is_staff=True))  # fmt: skip
    assert (
        "-25 ppm (its own here)"
        in client.get(f"/admin/accounts/account/{priced.pk}/change/").content.decode()
    )
    asked = {"action": "change_fees", "_selected_action": [str(priced.pk)]}
    page = client.post("/admin/accounts/account/", asked).content.decode()
    assert 'name="taker_ppm"' in page
    assert "errornote" not in page

    filled = {"market": "BTC/USD", "maker_ppm": "7", "taker_ppm": "", "reason": "checked"}
    refused = client.post("/admin/accounts/account/", asked | filled).content.decode()
    assert "expected both rates, or none" in refused
    answer = client.post("/admin/accounts/account/", asked | filled | {"taker_ppm": "9"})
    assert answer.status_code == 302, answer.content.decode()

    (rates,) = fee_terms_of(Account.objects.get(pk=priced.pk).fee_terms).markets
    assert (rates.maker_ppm, rates.taker_ppm, rates.until_us) == (7, 9, None)
    record = AuditRecord.objects.filter(act="fees.account").latest("pk")
    assert (record.reason, record.actor_name) == ("checked", f"user:{record.user_id}")
    assert record.details["now"]["fee_terms"] != record.details["was"]["fee_terms"]
