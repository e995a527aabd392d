"""Reads of alerts."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.db.models import Exists, OuterRef

from marketdata.figures import figure_text
from marketdata.models import AlertProgress, PriceAlert
from marketdata.wire import AlertState
from matching.markets.selectors import list_market_terms
from zavora.foundation.money import scale_of
from zavora.foundation.times import microseconds_of

State = PriceAlert.State
# Told again after an interruption, at most.
TOLD_AGAIN_MAX: Final = 1_000


def list_alerts(user_id: int) -> list[AlertState]:
    """Return a person's alerts: those that wait for the price first, each newest first.

    Bounded by ``ZAVORA_ALERTS_MAX``.
    """
    rows = PriceAlert.objects.filter(user_id=user_id).order_by("-pk")
    states = states_of(rows)
    live = [one for one in states if one.state != State.TOLD]
    told = [one for one in states if one.state == State.TOLD]
    return live + sorted(told, key=lambda one: one.told_us, reverse=True)


def list_told_since(since: datetime) -> list[AlertState]:
    """Return the alerts that were last told of since a time, newest last."""
    rows = PriceAlert.objects.filter(told_at__gte=since).order_by("-told_at", "-pk")
    return states_of(rows[:TOLD_AGAIN_MAX])[::-1]


def list_watched() -> dict[int, int]:
    """Return how far each market is watched of which some alert waits for the price."""
    live = PriceAlert.objects.filter(market_id=OuterRef("pk")).exclude(state=State.TOLD)
    rows = AlertProgress.objects.filter(Exists(live))
    return dict(rows.values_list("pk", "last_trade_sequence"))


def states_of(rows: Iterable[PriceAlert]) -> list[AlertState]:
    """Return alerts as they are told, figures in their markets' decimals."""
    found = list(rows)
    terms = {one.market_id: one for one in list_market_terms()} if found else {}
    return [
        _state(row, terms[row.market_id].symbol, terms[row.market_id].tick_decimals)
        for row in found
        if row.market_id in terms
    ]


def _state(row: PriceAlert, symbol: str, decimals: int) -> AlertState:
    told = row.told_price
    return AlertState(
        alert_id=row.pk,
        user_id=row.user_id,
        market=symbol,
        condition=row.condition,
        price=figure_text(row.price, max(decimals, scale_of(row.price))),
        note=row.note,
        repeats=row.repeats,
        by_page=row.by_page,
        by_mail=row.by_mail,
        state=row.state,
        told_count=row.told_count,
        told_price="" if told is None else figure_text(told, decimals),
        told_us=0 if row.told_at is None else microseconds_of(row.told_at),
        created_us=microseconds_of(row.created_at),
    )
