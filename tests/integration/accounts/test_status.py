"""The record of the exchange's status: spans that looks make longer, and gaps in which none was."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.access.actor import Actor
from accounts.models import StatusSpan
from accounts.privacy.retention import STATUS_DAYS
from accounts.services import note_status, purge_kept
from accounts.status.selectors import Span, list_spans
from accounts.status.services import GAP_MAX, TROUBLES_MAX, WATCH
from marketdata.health import MARKETS_MAX, Health, troubles_of

pytestmark = pytest.mark.django_db(transaction=True)

BY = Actor.system("zavora.note_status")
BEGAN = datetime(2026, 11, 1, 12, tzinfo=UTC)
LOOK = timedelta(seconds=15)


@pytest.fixture(autouse=True)
def _nothing_on_record() -> None:
    StatusSpan.objects.all().delete()


def look(at: datetime, **troubles: str) -> None:
    note_status(by=BY, troubles=troubles, now=at)


def test_looks_make_one_span_until_something_changes() -> None:
    look(BEGAN)
    look(BEGAN + LOOK, matching="down")
    look(BEGAN + 2 * LOOK, matching="down")
    look(BEGAN + 3 * LOOK)
    assert sorted(list_spans(BEGAN)) == [
        Span("matching", "down", BEGAN + LOOK, BEGAN + 2 * LOOK),
        Span(WATCH, "up", BEGAN, BEGAN + 3 * LOOK),
    ]


def test_another_state_is_another_span() -> None:
    look(BEGAN, matching="partly")
    look(BEGAN + LOOK, matching="down")
    states = [one.state for one in list_spans(BEGAN) if one.component == "matching"]
    assert sorted(states) == ["down", "partly"]


def test_after_a_gap_everything_begins_anew() -> None:
    look(BEGAN, queue="down")
    later = BEGAN + GAP_MAX + LOOK
    look(later, queue="down")
    assert {(one.component, one.began_at) for one in list_spans(BEGAN)} == {
        *(("queue", BEGAN), ("queue", later), (WATCH, BEGAN), (WATCH, later)),
    }


def test_a_look_writes_no_more_than_it_may() -> None:
    look(BEGAN, **{f"part{number}": "down" for number in range(TROUBLES_MAX + 50)})
    assert StatusSpan.objects.count() == TROUBLES_MAX + 1


def test_what_is_shown_no_more_is_purged() -> None:
    look(BEGAN, matching="down")
    look(BEGAN + timedelta(days=1))
    now = BEGAN + timedelta(days=STATUS_DAYS, hours=1)
    assert purge_kept(by=Actor.system("accounts.purge"), kind="status", now=now) == 2
    assert [one.component for one in list_spans(BEGAN)] == [WATCH]


def test_troubles_are_what_shows_no_life_and_markets_that_are_held() -> None:
    well = Health(is_queue_up=True, is_data_up=True, is_web_up=True, shards=2)
    phases = {"A/USD": "continuous", "B/USD": "halted", "C/USD": "closed", "D/USD": "auction"}
    assert troubles_of(well, phases) == {"market:B/USD": "halted"}
    ill = Health(is_queue_up=True, shards=2, shards_down=[1], markets_set_aside=["A/USD"])
    assert troubles_of(ill, {}) == {
        "matching": "partly",
        "market_data": "down",
        "web": "down",
        "market:A/USD": "set_aside",
    }
    assert troubles_of(Health(is_queue_up=False), phases) == {"queue": "down"}
    many = {f"M{number}/USD": "halted" for number in range(MARKETS_MAX + 9)}
    assert len(troubles_of(well, many)) == MARKETS_MAX
