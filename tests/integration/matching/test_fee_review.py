"""The nightly review: volumes counted once, in bounded pages, and tiers from a stated time on."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, AuditRecord
from accounts.people.fee_terms import fee_terms_of
from accounts.services import create_account, deposit
from matching.fee_models import FeeDay, FeeTier, FeeVolume
from matching.fees.selectors import get_account_fees
from matching.fees.services import remove_fee_tier, review_fees, set_fee_tier
from matching.fees.volumes import count_day, last_day, volume_factors
from matching.models import Trade
from tests.actors import SYSTEM
from tests.integration.matching.conftest import Bench
from zavora.foundation.errors import ValidationFailed
from zavora.foundation.times import microseconds_of

pytestmark = pytest.mark.django_db(transaction=True)

DAY = date(2026, 3, 10)


def at(day: date, hour: int = 12, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def trade(bench: Bench, market: int, when: datetime, quantity: str, price: str = "100") -> None:
    """Let the first account buy of the second at a time."""
    bench.time_us = microseconds_of(when) - 1_000
    sell, buy = (f"{side} {quantity} @ {price}" for side in ("sell", "buy"))
    replies = bench.apply(bench.order(1, market, sell), bench.order(0, market, buy))
    assert [reply.code for reply in replies] == ["", ""]


def tier(level: int, volume: str, maker: int = 5, taker: int = 9) -> FeeTier:
    return set_fee_tier(
        by=SYSTEM, level=level, min_volume=Decimal(volume), maker_ppm=maker, taker_ppm=taker,
        reason="for the test",
    )  # fmt: skip


def tier_of(account: Any, when: datetime) -> int:
    found = fee_terms_of(Account.objects.get(pk=account.pk).fee_terms)
    held = found.tier_at(microseconds_of(when))
    return 0 if held is None else held.level


def test_a_day_is_counted_once_and_whole(bench: Bench) -> None:
    market = bench.market()
    trade(bench, market, at(DAY) - timedelta(hours=12, milliseconds=2), "0.1")  # the day before
    trade(bench, market, at(DAY, 0), "0.2")
    trade(bench, market, at(DAY, 23, 59), "0.3", "110")
    trade(bench, market, at(DAY + timedelta(days=1), 0), "0.4")

    assert count_day(DAY, at(DAY))
    assert not count_day(DAY, at(DAY))

    rows = FeeVolume.objects.values_list("account_id", "day", "market_id", "amount")
    assert set(rows) == {(account.pk, DAY, market, Decimal(53)) for account in bench.accounts}
    count_day(DAY - timedelta(days=1), at(DAY))
    count_day(DAY + timedelta(days=1), at(DAY))
    counted = FeeVolume.objects.aggregate(total=Sum("amount"))["total"]
    assert counted == 2 * Trade.objects.aggregate(total=Sum("amount"))["total"]


def test_a_day_is_over_when_its_last_batch_must_have_committed() -> None:
    midnight = at(DAY + timedelta(days=1), 0)
    assert last_day(midnight + timedelta(minutes=14, seconds=59)) == DAY - timedelta(days=1)
    assert last_day(midnight + timedelta(minutes=15)) == DAY
    assert last_day(midnight + timedelta(hours=24)) == DAY


def test_trades_between_accounts_of_one_owner_do_not_count(bench: Bench) -> None:
    market = bench.market(self_trade_scope="account")
    second = create_account(by=SYSTEM, owner_id=bench.accounts[0].owner_id)
    deposit(by=SYSTEM, account_id=second.public_id, asset="BTC", amount=Decimal(1), source="bank")
    bench.accounts[1] = second
    trade(bench, market, at(DAY), "0.5")

    assert Trade.objects.count() == 1
    count_day(DAY, at(DAY))
    assert not FeeVolume.objects.exists()


def test_a_day_is_read_by_the_range_of_its_ids_alone(bench: Bench) -> None:
    market = bench.market()
    trade(bench, market, at(DAY), "0.2")
    with CaptureQueriesContext(connection) as queries:
        count_day(DAY, at(DAY))
    (counting,) = (query["sql"] for query in queries if "sum(t.amount)" in query["sql"])
    with transaction.atomic(), connection.cursor() as cursor:
        # The tables are small here, and whatever walks all of them costs as much as a range.
        cursor.execute("SET LOCAL enable_seqscan = off")
        # Of the first partition's own, whichever name it has.
        cursor.execute(
            "SELECT conname FROM pg_constraint"
            " WHERE conrelid = 'matching_trade_first'::regclass AND contype = 'u'"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"ALTER TABLE matching_trade_first DROP CONSTRAINT {name}")
        cursor.execute("DROP INDEX trade_maker_account, trade_taker_account")
        cursor.execute(f"EXPLAIN {counting}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
        transaction.set_rollback(True)
    assert re.search(r"Index Cond: \(\(id >= \S+\) AND \(id < \S+\)\)", plan), plan
    assert "Seq Scan" not in plan, plan


def test_accounts_rise_and_fall_by_their_volume_of_thirty_days(bench: Bench) -> None:
    market = bench.market(maker_fee_ppm=1_000, taker_fee_ppm=2_000)
    first = bench.accounts[0]
    tier(1, "10")
    tier(2, "50", -3, 7)
    trade(bench, market, at(DAY), "0.5")
    morning = at(DAY + timedelta(days=1), 0, 20)

    review = review_fees(by=SYSTEM, now=morning)

    assert (review.day, review.effective_at) == (DAY, at(DAY + timedelta(days=1), 1))
    assert review.accounts_moved == 2
    assert FeeDay.objects.count() == 30
    assert tier_of(first, at(DAY + timedelta(days=1), 0, 59)) == 0
    assert tier_of(first, at(DAY + timedelta(days=1), 1)) == 2
    shown = get_account_fees(Account.objects.get(pk=first.pk), now=at(DAY + timedelta(days=1), 2))
    assert (shown.volume, shown.tier and shown.tier.level) == (Decimal(50), 2)
    (rates,) = shown.markets
    assert (rates.maker.ppm, rates.maker.source, rates.taker.ppm) == (-3, "tier", 7)
    records = AuditRecord.objects.filter(act="fees.review")
    assert [record.details["accounts"] for record in records] == [2]

    # The same day again does nothing; the last day of the window keeps the tier, the next does not.
    assert review_fees(by=SYSTEM, now=morning + timedelta(hours=3)).effective_at == (
        review.effective_at
    )
    last = DAY + timedelta(days=30)
    assert review_fees(by=SYSTEM, now=at(last, 0, 20)).accounts_moved == 0
    review = review_fees(by=SYSTEM, now=at(last + timedelta(days=1), 0, 20))
    assert review.accounts_moved == 2
    assert tier_of(first, at(last + timedelta(days=1), 2)) == 0


def test_every_account_is_done_whatever_fits_a_page(bench: Bench) -> None:
    market = bench.market()
    trade(bench, market, at(DAY), "0.5")
    others = [create_account(by=SYSTEM, owner_id=bench.accounts[0].owner_id) for _ in range(5)]
    FeeVolume.objects.bulk_create(
        FeeVolume(account=one, market_id=market, day=DAY - timedelta(days=2), amount=20 * number)
        for number, one in enumerate(others)
    )
    tier(1, "10")
    tier(2, "50")
    review_fees(by=SYSTEM, now=at(DAY + timedelta(days=1), 0, 20), page_max=2)
    later = at(DAY + timedelta(days=2))
    assert [tier_of(one, later) for one in (*bench.accounts, *others)] == [2, 2, 0, 1, 1, 2, 2]


def test_a_changed_table_holds_with_the_next_review(bench: Bench) -> None:
    market = bench.market()
    first = bench.accounts[0]
    tier(1, "10")
    trade(bench, market, at(DAY), "0.5")
    review_fees(by=SYSTEM, now=at(DAY + timedelta(days=1), 0, 20))
    tier(1, "10", 4, 9)
    remove_fee_tier(by=SYSTEM, level=1, reason="no more")
    tier(3, "20", 1, 2)
    assert tier_of(first, at(DAY + timedelta(days=1), 23)) == 1
    review_fees(by=SYSTEM, now=at(DAY + timedelta(days=2), 0, 20))
    assert tier_of(first, at(DAY + timedelta(days=2), 0, 59)) == 1
    assert tier_of(first, at(DAY + timedelta(days=2), 1)) == 3
    acts = AuditRecord.objects.filter(subject__startswith="fee-tier:").order_by("pk")
    assert [record.act for record in acts] == [
        "fees.tier", "fees.tier", "fees.remove_tier", "fees.tier",
    ]  # fmt: skip
    changed = acts[1].details
    assert (changed["was"]["maker_fee_ppm"], changed["now"]["maker_fee_ppm"]) == ("5", "4")
    assert changed["was"] == {"min_volume": "10", "maker_fee_ppm": "5", "taker_fee_ppm": "9"}


def test_tiers_rise_with_their_volumes() -> None:
    tier(2, "100")
    for level, volume, expected in ((1, "100", "below"), (1, "101", "below"), (3, "99", "above")):
        with pytest.raises(ValidationFailed, match="rise") as refused:
            tier(level, volume)
        assert expected in str(refused.value.details["min_volume"])
    assert FeeTier.objects.count() == 1


@pytest.mark.parametrize(("asset", "factor"), [("USD", "1"), ("BTC", "0.003333333333333333")])
def test_volume_counts_in_one_asset_by_the_last_price(
    bench: Bench, settings: Any, asset: str, factor: str
) -> None:
    market = bench.market()
    trade(bench, market, at(DAY), "0.5", "300")
    settings.ZAVORA_VOLUME_ASSET = asset
    assert volume_factors() == {market: Decimal(factor)}
    settings.ZAVORA_VOLUME_ASSET = "EUR"  # which has no market here
    assert volume_factors() == {}
