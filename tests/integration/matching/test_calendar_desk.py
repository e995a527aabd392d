"""Calendars and ends of markets as operators set them: services, commands, and the desk's form."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from accounts.access.actor import Permission
from accounts.models import AuditRecord, User
from accounts.services import create_asset
from matching.commands import decode_command
from matching.markets.selectors import get_market_terms
from matching.models import Command, Market
from matching.services import change_market, create_market, resume_market, set_market_phase
from tests.actors import SYSTEM, operator
from tests.integration.matching.worker_setup import make_market, running_worker, until
from zavora.foundation.errors import Conflict, Forbidden, ValidationFailed

pytestmark = pytest.mark.django_db(transaction=True)

DESK = operator(Permission.CHANGE_MARKET, Permission.DELIST_MARKET, user_id=12)
NOON = datetime(2100, 1, 1, 12, tzinfo=UTC)
SESSIONS: dict[str, Any] = {
    "schedule": "daily 08:55 auction\ndaily 09:00 continuous\ndaily 17:30 closed",
    "time_zone": "Europe/Berlin",
    "cancels_on_close": False,
}


@pytest.fixture
def market() -> Iterator[Market]:
    made = make_market("BTC", "USD")
    with running_worker():
        yield made


def rules_of(symbol: str) -> Any:
    return get_market_terms(symbol).rules


def acts() -> list[tuple[str, str, Any]]:
    rows = AuditRecord.objects.filter(act__startswith="market").order_by("pk")
    return [(row.act, row.details["outcome"], row.details.get("now")) for row in rows]


def test_a_calendar_is_set_recorded_and_journaled(market: Market) -> None:
    change_market(by=DESK, symbol="BTC/USD", **SESSIONS)

    rules = rules_of("BTC/USD")
    assert {name: getattr(rules, name) for name in SESSIONS} == SESSIONS
    assert acts() == [("market.change", "asked", SESSIONS), ("market.change", "done", None)]
    journaled: Any = decode_command(bytes(Command.objects.latest("sequence").body))
    assert (journaled.schedule, journaled.actor) == (SESSIONS["schedule"], "user:12")


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"schedule": "Mon 9 closed"}, "schedule", "expected a time such as 09:00 in line 1"),
        ({"schedule": "Mon 09:00 halted"}, "schedule", "expected one of pre_open, auction"),
        ({"time_zone": "Europe/Bielefeld"}, "time_zone", "expected a time zone's name"),
        ({"time_zone": ""}, "time_zone", "expected a time zone's name"),
        ({"time_zone": "../../etc/passwd"}, "time_zone", "expected a time zone's name"),
        (
            {"schedule": "Mon 09:00 closed", "cancels_on_close": True},
            "cancels_on_close",
            "expected off where the schedule closes the market",
        ),
        ({"delists_at": NOON.replace(tzinfo=None)}, "delists_at", "expected a time with its"),
    ],
)
def test_what_is_no_calendar_is_refused_by_name_and_changes_nothing(
    market: Market, changes: dict[str, Any], field: str, said: str
) -> None:
    before, journaled = rules_of("BTC/USD"), Command.objects.count()
    with pytest.raises(ValidationFailed) as refused:
        change_market(by=DESK, symbol="BTC/USD", **changes)
    assert str(refused.value.details[field]).startswith(said)
    assert rules_of("BTC/USD") == before
    assert Command.objects.count() == journaled


def test_a_time_that_has_passed_is_no_end(market: Market) -> None:
    with pytest.raises(ValidationFailed, match="delists_at: expected a time to come, or nothing"):
        change_market(by=DESK, symbol="BTC/USD", delists_at=datetime.now(UTC) - timedelta(hours=1))
    assert rules_of("BTC/USD").delists_at is None


def test_ending_a_market_takes_a_permission_of_its_own(market: Market) -> None:
    may_change = operator(Permission.CHANGE_MARKET, Permission.ADD_MARKET)
    may_end = operator(Permission.DELIST_MARKET)
    with pytest.raises(Forbidden):
        change_market(by=may_change, symbol="BTC/USD", delists_at=NOON)
    with pytest.raises(Forbidden):
        change_market(by=may_end, symbol="BTC/USD", delists_at=NOON, band_ppm=5)
    with pytest.raises(Forbidden):
        create_market(
            by=may_change, base="BTC", quote="USD", tick_size=1, lot_size=1, delists_at=NOON
        )
    assert rules_of("BTC/USD").delists_at is None

    change_market(by=may_end, symbol="BTC/USD", delists_at=NOON)
    assert rules_of("BTC/USD").delists_at == NOON
    change_market(by=may_end, symbol="BTC/USD", delists_at=None)
    assert rules_of("BTC/USD").delists_at is None


def test_a_market_that_has_ended_is_nobodys_to_change(market: Market) -> None:
    change_market(
        by=DESK, symbol="BTC/USD", delists_at=datetime.now(UTC) + timedelta(milliseconds=300)
    )
    until(lambda: rules_of("BTC/USD").phase == "delisted", what="the end of the market")
    asked = len(acts())
    for change in (
        lambda: change_market(by=DESK, symbol="BTC/USD", band_ppm=5),
        lambda: change_market(by=DESK, symbol="BTC/USD", delists_at=None),
        lambda: set_market_phase(by=DESK, symbol="BTC/USD", phase="continuous"),
        lambda: resume_market(by=DESK, symbol="BTC/USD"),
    ):
        with pytest.raises(Conflict, match="BTC/USD was delisted: nothing of it changes"):
            change()
    assert len(acts()) == asked
    assert rules_of("BTC/USD").phase == "delisted"


def test_an_operator_cannot_say_that_it_is_delisted(market: Market) -> None:
    with pytest.raises(ValidationFailed, match="unknown phase"):
        set_market_phase(by=DESK, symbol="BTC/USD", phase="delisted")
    with pytest.raises(ValidationFailed) as refused:
        change_market(by=DESK, symbol="BTC/USD", phase="delisted")
    assert "phase" in refused.value.details


@pytest.mark.parametrize(
    ("schedule", "phase"),
    [
        ("", "continuous"),
        ("daily 00:00 post_only", "post_only"),
        ("daily 00:00 auction", "auction"),
        ("2100-01-01 closed", "continuous"),  # nothing has begun yet
        ("2020-01-01 closed", "closed"),
    ],
)
def test_who_resumes_a_market_lets_it_be_as_its_schedule_says(
    market: Market, schedule: str, phase: str
) -> None:
    change_market(by=DESK, symbol="BTC/USD", schedule=schedule, cancels_on_close=False)
    set_market_phase(by=DESK, symbol="BTC/USD", phase="halted")
    assert resume_market(by=DESK, symbol="BTC/USD").rules.phase == phase


def test_an_auction_that_is_resumed_into_ends_with_the_next_line(market: Market) -> None:
    now = datetime.now(UTC)
    schedule = f"{now:%Y-%m-%d} 00:00 auction\n{now + timedelta(days=1):%Y-%m-%d} 00:00 continuous"
    change_market(by=DESK, symbol="BTC/USD", schedule=schedule)
    call_command("halt_market", "BTC/USD")
    call_command("halt_market", "BTC/USD", "--resume")

    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    row = Market.objects.select_related("state").get()
    assert (row.phase, row.state.auction_ends_at) == ("auction", tomorrow)


def test_a_market_is_made_with_a_calendar_and_ended_at_the_command_line(market: Market) -> None:
    create_asset(by=SYSTEM, code="ETH", name="Ether", scale=8)
    steps = ("--tick-size", "0.01", "--lot-size", "0.01")
    text = "Mon-Fri 09:00 continuous; Mon-Fri 17:30 closed"
    call_command(
        "create_market", "ETH/USD", *steps, "--schedule", text, "--time-zone", "Asia/Tokyo"
    )
    rules = rules_of("ETH/USD")
    assert rules.schedule == "Mon-Fri 09:00 continuous\nMon-Fri 17:30 closed"
    assert (rules.time_zone, rules.cancels_on_close) == ("Asia/Tokyo", False)

    reason = ("--reason", "no volume")
    call_command("delist_market", "ETH/USD", "--at", "2100-01-01T13:00+01:00", *reason)
    assert rules_of("ETH/USD").delists_at == NOON
    assert AuditRecord.objects.filter(act="market.change").latest("pk").reason == "no volume"
    call_command("delist_market", "ETH/USD", "--cancel", *reason)
    assert rules_of("ETH/USD").delists_at is None
    for at in ("2100-01-01", "2100-01-01T12:00", "soon", "2020-01-01T12:00Z"):
        with pytest.raises(CommandError):
            call_command("delist_market", "ETH/USD", "--at", at, *reason)
    with pytest.raises(CommandError, match="expected days such as Mon-Fri"):
        call_command("create_market", "BTC/ETH", *steps, "--schedule", "Mondays 09:00 closed")


def test_the_desks_form_takes_a_calendar_and_says_what_is_wrong_with_one(market: Market) -> None:
    desk = Client()
    desk.force_login(User.objects.create_superuser(email="root@example.com", password="x" * 12))
    page = f"/admin/matching/market/{market.pk}/change/"
    form = {**desk.get(page).context["form"].initial, "reason": "sessions"}
    form = {name: "" if value is None else value for name, value in form.items()}
    form["cancels_on_close"] = ""
    lines = SESSIONS["schedule"].replace("\n", "\r\n") + "\r\n"

    wrong = desk.post(page, form | {"schedule": "Mon 9 closed", "time_zone": "Mars"})
    assert wrong.context["form"].errors == {
        "schedule": ["expected a time such as 09:00 in line 1, not '9'"],
        "time_zone": ["expected a time zone's name, such as Europe/Berlin"],
    }
    assert rules_of("BTC/USD").schedule == ""
    sent = form | {
        "schedule": lines,
        "time_zone": "Europe/Berlin",
        "delists_at": "2100-01-01 12:00",
    }
    assert desk.post(page, sent).status_code == 302
    rules = rules_of("BTC/USD")
    assert (rules.schedule, rules.delists_at) == (SESSIONS["schedule"], NOON)

    journaled = Command.objects.count()
    assert desk.post(page, sent).status_code == 302  # the same again is no change
    assert Command.objects.count() == journaled
