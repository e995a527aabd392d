"""What the worker takes from calendars: each change once, of those that were missed the last."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from matching.commands import decode_command, encode, kind_of
from matching.commands.phase import SetMarketPhase
from matching.engine import Engine
from matching.engine.commands import ConfigureMarket, SetPhase
from matching.markets.terms import MarketTerms
from matching.worker.calendar import ACTOR, RETRY_US, Calendar
from tests.terms import btc_usd
from zavora.foundation.times import MOMENT_US_MAX, microseconds_of

SCHEDULE = """
    Mon-Fri 08:55 auction
    Mon-Fri 09:00 continuous
    Mon-Fri 17:30 closed
"""
DAY = "2026-12-01"  # a Tuesday; Berlin is an hour ahead of UTC


def us(text: str) -> int:
    moment = text if "T" in text else f"{DAY}T{text}"
    return microseconds_of(datetime.fromisoformat(moment).replace(tzinfo=UTC))


def market(market_id: int = 7, **changes: object) -> MarketTerms:
    calendar = {"schedule": SCHEDULE, "time_zone": "Europe/Berlin", "phase": "closed"}
    return btc_usd(market_id=market_id, **calendar | changes)


def engine_of(*markets: MarketTerms) -> Engine:
    engine = Engine()
    for terms in markets:
        phase: Any = terms.rules.phase
        engine.apply(ConfigureMarket(terms.integers, phase, 0))
    return engine


def taken(calendar: Calendar, engine: Engine, now: str) -> list[str]:
    """Return what is taken then, and let the engine have it."""
    now_us, found = us(now), []
    for command in calendar.take(engine, now_us):
        assert (command.actor, command.cause) == (ACTOR, "clock")
        phase: Any = command.phase
        engine.apply(SetPhase(command.market_id, phase, now_us, "clock"))
        found.append(f"{command.market_id} {command.phase}")
    return found


def test_each_change_is_taken_once_and_at_its_time() -> None:
    terms = market()
    calendar, engine = Calendar([terms], us("07:00")), engine_of(terms)
    assert calendar.before_us == calendar.wakes_us == us("07:55")

    assert taken(calendar, engine, "07:54:59.999999") == []
    assert taken(calendar, engine, "07:55") == ["7 auction"]
    assert taken(calendar, engine, "07:55:01") == []
    assert taken(calendar, engine, "08:00:02") == ["7 continuous"]
    assert taken(calendar, engine, "16:30") == ["7 closed"]
    assert calendar.before_us == us("2026-12-02T07:55")


def test_an_auction_knows_when_the_next_line_ends_it() -> None:
    terms = market()
    (command,) = Calendar([terms], us("07:00")).take(engine_of(terms), us("07:55"))

    assert command == SetMarketPhase(7, "auction", ACTOR, "clock", ends_us=us("08:00"))
    assert decode_command(encode(command)) == command
    assert kind_of(command).is_own(command)
    assert not kind_of(command).is_own(msgspec.structs.replace(command, cause="operator"))


MISSED = [
    # last batch, phase then, now, and what is done of what was missed
    ("2026-11-30T16:00", "continuous", "06:00", ["7 closed"]),
    ("2026-11-30T16:00", "continuous", "07:56", ["7 auction"]),
    ("2026-11-30T16:00", "continuous", "12:00", []),  # it closed and opened meanwhile
    ("2026-11-20T12:00", "continuous", "18:00", ["7 closed"]),
    ("2026-11-20T12:00", "closed", "18:00", []),
    ("07:58", "auction", "08:10", ["7 continuous"]),
    ("07:58", "auction", "16:31", ["7 closed"]),
    # Nothing was missed: it is as it was left, whatever the schedule says.
    ("08:10", "closed", "12:00", []),
    ("06:00", "continuous", "07:00", []),
    # What an operator has stopped is not for the clock to go on with.
    ("2026-11-30T16:00", "halted", "12:00", []),
    ("2026-11-30T16:00", "cancel_only", "18:00", []),
    ("2026-11-30T16:00", "post_only", "18:00", ["7 closed"]),
]


@pytest.mark.parametrize(("last_batch", "phase", "now", "expected"), MISSED)
def test_what_was_missed_comes_down_to_the_phase_of_now(
    last_batch: str, phase: str, now: str, expected: list[str]
) -> None:
    terms = market(phase=phase)
    calendar, engine = Calendar([terms], us(last_batch)), engine_of(terms)

    assert taken(calendar, engine, now) == expected
    assert calendar.before_us > us(now)
    assert taken(calendar, engine, now) == []


def test_a_halt_across_changes_is_left_and_the_next_one_after_it_is_followed() -> None:
    terms = market(phase="continuous")
    calendar, engine = Calendar([terms], us("10:00")), engine_of(terms)
    engine.apply(SetPhase(7, "halted", us("11:00")))
    assert taken(calendar, engine, "16:30") == []

    engine.apply(SetPhase(7, "continuous", us("18:00")))  # an operator lets it trade at night
    assert taken(calendar, engine, "23:00") == []
    assert taken(calendar, engine, "2026-12-02T07:55") == ["7 auction"]


def test_markets_are_taken_together_and_by_their_own_clocks() -> None:
    markets = [market(3), market(1), market(2, time_zone="Asia/Tokyo"), btc_usd(market_id=4)]
    calendar, engine = Calendar(markets, us("06:00")), engine_of(*markets)

    assert taken(calendar, engine, "07:55") == ["1 auction", "3 auction"]
    assert taken(calendar, engine, "08:31") == ["1 continuous", "3 continuous"]
    assert calendar.before_us == us("16:30")
    assert taken(calendar, engine, "23:55") == ["1 closed", "2 auction", "3 closed"]


def test_another_schedule_counts_from_when_it_was_set() -> None:
    terms = market(phase="continuous")
    calendar, engine = Calendar([terms], us("10:00")), engine_of(terms)
    longer = market(phase="continuous", schedule="Mon-Fri 10:00 pre_open\nMon-Fri 20:00 closed")
    calendar.follow(longer, us("12:00"))

    assert taken(calendar, engine, "16:30") == []
    assert taken(calendar, engine, "19:00") == ["7 closed"]
    calendar.follow(market(schedule="", phase="closed"), us("19:30"))
    assert calendar.before_us == calendar.wakes_us == MOMENT_US_MAX


def test_a_change_of_other_rules_or_of_the_phase_makes_nothing_be_taken_again() -> None:
    terms = market()
    calendar, engine = Calendar([terms], us("07:00")), engine_of(terms)
    assert taken(calendar, engine, "07:55") == ["7 auction"]
    calendar.follow(market(phase="auction", taker_fee_ppm=1), us("07:54"))
    assert calendar.before_us == us("08:00")


def test_a_market_ends_when_it_is_to_whatever_its_phase_and_its_schedule() -> None:
    ends_at = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
    terms, plain = market(delists_at=ends_at, phase="halted"), btc_usd(delists_at=ends_at)
    calendar, engine = Calendar([terms], us("07:58")), engine_of(terms)

    assert taken(calendar, engine, "07:59") == []
    assert taken(calendar, engine, "08:00") == ["7 delisted"]
    assert engine.market(7).phase == "delisted"
    assert Calendar([plain], us("07:58")).before_us == MOMENT_US_MAX  # a late batch loses nothing
    assert Calendar([plain], us("07:58")).wakes_us == us("08:00")


def test_what_was_to_end_is_tried_again_until_it_has_ended() -> None:
    ends_at = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
    terms = market(delists_at=ends_at)
    calendar, engine = Calendar([terms], us("09:00")), engine_of(terms)

    assert [each.phase for each in calendar.take(engine, us("09:00"))] == ["delisted"]
    assert calendar.take(engine, us("09:00") + RETRY_US - 1) == []
    assert [each.phase for each in calendar.take(engine, us("09:00") + RETRY_US)] == ["delisted"]
    calendar.follow(market(delists_at=ends_at, phase="delisted"), us("09:01"))
    assert calendar.wakes_us == MOMENT_US_MAX


def test_an_end_that_is_called_off_gives_the_market_its_schedule_back() -> None:
    calendar = Calendar([market(delists_at=datetime(2026, 12, 1, 7, 0, tzinfo=UTC))], us("06:00"))
    assert calendar.wakes_us == us("07:00")
    calendar.follow(market(), us("06:30"))
    assert calendar.wakes_us == us("07:55")


def test_a_calendar_that_cannot_be_read_here_stops_no_other() -> None:
    odd = market(1, time_zone="Europe/Bielefeld")
    calendar = Calendar([odd, market(2)], us("06:00"))
    assert taken(calendar, engine_of(odd, market(2)), "07:55") == ["2 auction"]
