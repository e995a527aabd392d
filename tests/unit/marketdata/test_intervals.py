"""Where candles open."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.candles.intervals import INTERVALS, check_interval, next_open_us, open_us
from zavora.foundation.errors import ValidationFailed


def _us(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("interval", "opens"),
    [
        ("1s", "2024-02-29T13:37:59"),
        ("1m", "2024-02-29T13:37:00"),
        ("3m", "2024-02-29T13:36:00"),
        ("5m", "2024-02-29T13:35:00"),
        ("15m", "2024-02-29T13:30:00"),
        ("30m", "2024-02-29T13:30:00"),
        ("1h", "2024-02-29T13:00:00"),
        ("2h", "2024-02-29T12:00:00"),
        ("4h", "2024-02-29T12:00:00"),
        ("6h", "2024-02-29T12:00:00"),
        ("8h", "2024-02-29T08:00:00"),
        ("12h", "2024-02-29T12:00:00"),
        ("1d", "2024-02-29T00:00:00"),
        ("1w", "2024-02-26T00:00:00"),  # a Monday
        ("1M", "2024-02-01T00:00:00"),
    ],
)
def test_candles_open_aligned_to_utc(interval: str, opens: str) -> None:
    assert open_us(interval, _us("2024-02-29T13:37:59") + 999_999) == _us(opens)


@pytest.mark.parametrize(
    ("opened", "following"),
    [
        ("2024-01-01T00:00:00", "2024-02-01T00:00:00"),
        ("2023-12-01T00:00:00", "2024-01-01T00:00:00"),
    ],
)
def test_months_are_the_calendars(opened: str, following: str) -> None:
    assert next_open_us("1M", _us(opened)) == _us(following)


@given(st.sampled_from(INTERVALS), st.integers(0, 4_102_444_800_000_000))
def test_every_moment_lies_in_its_candle(interval: str, time_us: int) -> None:
    opened = open_us(interval, time_us)
    assert opened <= time_us < next_open_us(interval, opened)
    assert open_us(interval, opened) == opened
    assert open_us(interval, next_open_us(interval, opened)) == next_open_us(interval, opened)


def test_an_unknown_interval_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValidationFailed) as refused:
        check_interval("7m")
    assert "1s, 1m, 3m, 5m" in refused.value.details["interval"]
