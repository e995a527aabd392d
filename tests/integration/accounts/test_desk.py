"""The desk: its overview, and what its pages may run in a browser."""

import re
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from django.utils import timezone

from accounts.models import (
    Account,
    LedgerEntry,
    LedgerTransaction,
    Withdrawal,
)
from accounts.money.overview import count_waiting_withdrawals, list_fees
from accounts.redis_client import get_redis
from marketdata.candles.volumes import list_volumes
from marketdata.health import get_health
from marketdata.models import Candle
from matching.tasks import reconcile_books
from matching.wire import RECONCILED_KEY, Reconciled
from tests.desk_pages import content, words

pytestmark = pytest.mark.django_db


# --- the overview --------------------------------------------------------------------------------


def test_what_waits_is_counted_by_state_and_age(desk):
    now = timezone.now()
    ages = (
        ("pending", timedelta(minutes=59)),
        ("pending", timedelta(hours=24)),
        ("approved", timedelta(hours=1)),
    )
    for row, (state, age) in zip(Withdrawal.objects.order_by("pk"), ages, strict=True):
        Withdrawal.objects.filter(pk=row.pk).update(state=state, created_at=now - age)
    found = {one.state: one.by_age for one in count_waiting_withdrawals(now)}
    assert found == {"pending": (1, 0, 1), "approved": (0, 1, 0)}


def test_the_overview_leads_from_each_figure_to_its_list(desk_operator):
    page = content(desk_operator.get("/admin/"))
    for address, text in (
        ("/admin/accounts/approval/?state__exact=requested", "Open approvals"),
        ("/admin/accounts/withdrawal/?state__exact=pending", "Withdrawals pending"),
        ("/admin/matching/shard/", "Matching"),
        ("/admin/accounts/ledgertransaction/", "Reconcile"),
    ):
        tile = re.search(rf'<a href="{re.escape(address)}"><span>{text}</span>', page)
        assert tile, (address, text)
        assert desk_operator.get(address).status_code == 200
    assert "<strong>3</strong>" in page  # each customer's withdrawal waits


def test_the_overview_shows_what_the_operator_may_look_at(staff):
    nothing = words(staff().get("/admin/"))
    for part in ("Waiting", "Health", "Volume", "Fees"):
        assert part not in nothing.split()
    treasury = words(staff("accounts.view_withdrawal").get("/admin/"))
    assert "Withdrawals pending 3" in treasury
    assert not any(part in treasury for part in ("Open approvals", "Health", "Volume", "Fees"))


def test_volumes_are_those_of_today_and_of_24_hours(desk):
    now = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
    midnight = now.replace(hour=0)
    one = Candle.objects.first()
    Candle.objects.all().delete()
    for interval, opened, volume in (
        ("1d", midnight, "7.5"),
        ("1d", midnight - timedelta(days=1), "100"),
        ("5m", now - timedelta(hours=24), "2"),
        ("5m", now - timedelta(minutes=5), "3.25"),
        ("5m", now - timedelta(hours=24, minutes=5), "50"),
        ("1h", now - timedelta(hours=1), "50"),
    ):
        one.pk, one.interval, one.open_time = None, interval, opened
        one.quote_volume, one.trades, one._state.adding = Decimal(volume), 2, True
        one.save()
    (found,) = list_volumes(now)
    figures = (found.today, found.trades_today, found.in_24_hours, found.trades_in_24_hours)
    assert (found.symbol, found.quote) == ("BTC/USD", "USD")
    assert figures == (Decimal("7.5"), 2, Decimal("5.25"), 4)


def add_fees(desk, *fees):
    account, _ = Account.objects.get_or_create(kind="fees", shard_id=0)
    outside, _ = Account.objects.get_or_create(kind="outside")
    for asset, amount, at in fees:
        act = LedgerTransaction.objects.create(kind="trade", reference="fee", created_at=at)
        LedgerEntry.objects.bulk_create(
            LedgerEntry(
                transaction=act, account=who, asset=desk.assets[asset], kind="fee",
                amount=given, created_at=at,
            )
            for who, given in ((account, Decimal(amount)), (outside, -Decimal(amount)))
        )  # fmt: skip


def test_fees_are_summed_to_the_last_unit_and_say_where_they_are_a_part(desk):
    now = timezone.now().replace(hour=12)
    today, since = now.replace(hour=0, minute=0), now - timedelta(days=1)
    add_fees(
        desk,
        ("USD", "1000", since - timedelta(seconds=1)),
        ("USD", "20", since),
        ("BTC", "0.00000001", since),
        ("USD", "0.00000003", now),
    )
    found = [
        (one.asset, one.today, one.in_24_hours, one.is_whole)
        for one in list_fees(today=today, since=since)
    ]
    assert found == [
        ("BTC", Decimal(0), Decimal("0.00000001"), True),
        ("USD", Decimal("0.00000003"), Decimal("20.00000003"), True),
    ]
    assert [one.is_whole for one in list_fees(today=today, since=since, entries_max=4)] == [
        True
    ] * 2
    (part, *_) = list_fees(today=today, since=since, entries_max=1)
    assert (part.asset, part.in_24_hours, part.is_whole) == ("USD", Decimal("0.00000003"), False)


def test_the_last_reconciliation_and_what_it_found_are_shown(desk_operator):
    get_redis().delete(RECONCILED_KEY)
    assert "no result yet" in words(desk_operator.get("/admin/"))
    told = Reconciled(int(timezone.now().timestamp() * 10**6), 2, ["held: account 7"])
    get_redis().set(RECONCILED_KEY, msgspec.json.encode(told))
    assert re.search(
        "Reconcile 2 breaks 0.minutes ago held: account 7", words(desk_operator.get("/admin/"))
    )
    get_redis().set(RECONCILED_KEY, b"of another version")
    assert "no result yet" in words(desk_operator.get("/admin/"))
    get_redis().delete(RECONCILED_KEY)


@pytest.mark.django_db(transaction=True)
def test_the_clockwork_tells_what_it_found():
    get_redis().delete(RECONCILED_KEY)
    reconcile_books()
    told = get_health().reconciled
    assert told is not None
    assert (told.breaks, told.first) == (0, [])
    assert abs(told.at_us / 10**6 - timezone.now().timestamp()) < 60


# --- what a browser may run ----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/admin/", "/admin/accounts/user/", "/admin/accounts/user/add/"])
def test_pages_need_no_script_but_files_of_ours(desk_operator, path):
    answer = desk_operator.get(path)
    page = content(answer)
    policy = answer["Content-Security-Policy"]
    assert re.search(r"script-src ([^;]*);", policy)[1] == "'self'"
    scripts = re.findall(r"<script[^>]*>", page)
    assert scripts
    assert all('src="/' in script for script in scripts), scripts
    assert not re.search(r'<[^>]+ (on[a-z]+|x-[a-z:.]+|@[a-z]+|hx-[a-z]+|style)="', page)
    assert "alpine" not in page
