"""Candles of an interval that was added late: every trade counts once, however often it is run."""

import random
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.integration.marketdata.conftest import Bench
from tests.integration.marketdata.test_candles import (
    _naive_candles,
    _stored_candles,
    _terms,
    _write_trades,
)

pytestmark = pytest.mark.django_db(transaction=True)


def _trades(count: int) -> list[tuple[int, int, int, bool]]:
    draw = random.Random(11)
    return [
        (draw.choice((0, 0, 1, 70)), draw.randrange(90, 110), draw.randrange(1, 9), True)
        for _ in range(count)
    ]


def _forget_seconds(*, keep: int = 0) -> None:
    """Leave the interval's candles as the version before it would have: it counts from then on."""
    from marketdata.candles.counting import parts_of_interval
    from marketdata.candles.services import _upsert
    from marketdata.models import Candle
    from matching.orders.by_sequence import list_trades_after

    terms = _terms()
    Candle.objects.filter(interval="1s").delete()
    if keep:
        later = list_trades_after(terms.market_id, after=keep, limit=20_000)
        _upsert(terms.market_id, parts_of_interval("1s", later))


@pytest.mark.parametrize("counted_since", [0, 61])
def test_a_backfill_in_steps_leaves_what_counting_from_the_start_would(
    bench: Bench, counted_since: int
) -> None:
    from marketdata.candles.services import backfill_candles, count_trades

    _write_trades(bench.market(), _trades(200))
    while count_trades(_terms()):
        pass
    _forget_seconds(keep=counted_since)
    assert _stored_candles() != _naive_candles()

    before = None
    for _ in range(3):  # interrupted: the next one finds out where to go on
        before = backfill_candles(_terms(), "1s", before=before, trades_max=7)
    assert _stored_candles() != _naive_candles()
    call_command("backfill_candles")
    assert _stored_candles() == _naive_candles()
    call_command("backfill_candles")
    assert _stored_candles() == _naive_candles()


def test_what_counts_already_is_refused_and_candles_can_be_made_anew(bench: Bench) -> None:
    from marketdata.candles.services import backfill_candles, count_trades
    from marketdata.models import Candle
    from zavora.foundation.errors import InvariantBroken

    _write_trades(bench.market(), _trades(50))
    count_trades(_terms())
    before = _stored_candles()
    with pytest.raises(InvariantBroken):
        backfill_candles(_terms(), "1s", before=51)
    assert _stored_candles() == before

    Candle.objects.filter(interval="1s").update(trades=99)
    call_command("backfill_candles", "--anew")
    assert _stored_candles() == before


def test_a_second_backfill_does_not_run_beside_the_first(bench: Bench) -> None:
    import psycopg
    from django.core.management.base import CommandError
    from django.db import connection

    from marketdata.candles.services import BACKFILL_LOCK_KEY

    bench.market()
    parameters: Any = connection.get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    known = {name: parameters[name] for name in names if parameters.get(name)}
    with psycopg.connect(**known) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [BACKFILL_LOCK_KEY])
        with pytest.raises(CommandError, match="another backfill"):
            call_command("backfill_candles")
    call_command("backfill_candles")


def test_a_market_that_cannot_be_gone_through_stops_no_other(bench: Bench) -> None:
    from marketdata.candles.services import count_trades
    from marketdata.models import Candle
    from matching.markets.selectors import list_market_terms
    from matching.models import Trade

    bad, good = bench.market("BTC/USD"), bench.market("USD/BTC")
    for _ in range(2):
        bench.apply(bench.order(0, bad, "buy 1 @ 20000"), bench.order(1, bad, "sell 1 @ 20000"))
        bench.apply(
            bench.order(0, good, "buy 0.001 @ 2000"), bench.order(1, good, "sell 0.001 @ 2000")
        )
    for terms in list_market_terms():
        count_trades(terms)
    last = Trade.objects.filter(market_id=bad, sequence=2)
    last._raw_delete("default")  # type: ignore[attr-defined]
    Candle.objects.filter(market_id=good, interval="1m").delete()
    with pytest.raises(CommandError, match="not done, the others are: BTC/USD"):
        call_command("backfill_candles", interval="1m", anew=True)
    (candle,) = Candle.objects.filter(market_id=good, interval="1m")
    assert candle.trades == 2
