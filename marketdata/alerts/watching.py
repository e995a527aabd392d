"""The watch of a market's alerts: each committed trade once, whatever is killed in between.

What alerts became and how far the market is watched commit together. Alerts that a run of trades
could concern are found by its highest and lowest price, through an index: the others cost nothing.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from django.db import connection, transaction

from marketdata.alerts.crossing import Path, Watched, watch
from marketdata.alerts.selectors import states_of
from marketdata.models import AlertProgress, PriceAlert
from marketdata.wire import AlertState
from matching.markets.terms import MarketTerms
from matching.orders.by_sequence import list_trades_after
from zavora.foundation.errors import InvariantBroken
from zavora.foundation.setting_values import SettingValue
from zavora.foundation.times import microseconds_of, moment_of

State, Condition = PriceAlert.State, PriceAlert.Condition
# How many trades one step looks at, and how many alerts its transaction changes.
TRADES_PER_STEP_MAX: Final = 5_000
ALERTS_PER_STEP_MAX: Final = 1_000
_PAUSE_S: Final = SettingValue("ZAVORA_ALERT_PAUSE_S")


class WatchedElsewhere(Exception):
    """Another process has looked at the same trades first; nothing was written."""


class Seen(NamedTuple):
    """What one step brought: the alerts that are to be told of, and how far the market is."""

    told: list[AlertState]
    sequence: int


def watch_trades(terms: MarketTerms, *, trades_max: int = TRADES_PER_STEP_MAX) -> Seen:
    """Look at a market's next committed trades for all of its alerts; one step.

    A step that found more alerts than it changes at once looks at the same trades again. Raises
    WatchedElsewhere.
    """
    progress = AlertProgress.objects.filter(pk=terms.market_id)
    watched = progress.values_list("last_trade_sequence", flat=True).first() or 0
    trades = list_trades_after(terms.market_id, after=watched, limit=trades_max)
    if not trades:
        return Seen([], watched)
    path = Path(trades)
    if path.first != watched + 1 or path.last != watched + len(trades):
        raise InvariantBroken(f"trades of {terms.symbol} after {watched} have a gap")
    with transaction.atomic(durable=True):
        # Whoever arms an alert of this market waits here, and so does a rival.
        known = progress.select_for_update().first()
        if known is None or known.last_trade_sequence != watched:
            raise WatchedElsewhere(f"market {terms.market_id} after {watched}")
        concerned = _concerned(terms.market_id, path)
        told = _follow(_locked(concerned, path), path)
        if len(concerned) < ALERTS_PER_STEP_MAX:
            known.last_trade_sequence = watched = path.last
            known.save()
        states = states_of(told)
    return Seen(states, watched)


def _concerned(market_id: int, path: Path) -> list[int]:
    """Return the alerts whose state a run of trades could change, by the index of prices."""
    live = PriceAlert.objects.filter(market_id=market_id, since_sequence__lt=path.last)
    armed = live.filter(state=State.ARMED)
    newest = moment_of(max(trade.time_us for trade in path.trades))
    # Those whose pause is not over by then stay as they are, and are not even looked at.
    away = live.filter(state=State.AWAY, told_at__lte=newest - _pause())
    first, *others = (
        rows.order_by("price").values_list("pk", flat=True)[:ALERTS_PER_STEP_MAX]
        for rows in (
            armed.filter(condition=Condition.RISES_TO, price__lte=path.high),
            armed.filter(condition=Condition.FALLS_TO, price__gte=path.low),
            away.filter(condition=Condition.RISES_TO, price__gt=path.low),
            away.filter(condition=Condition.FALLS_TO, price__lt=path.high),
        )
    )
    return list(first.union(*others, all=True))[:ALERTS_PER_STEP_MAX]


def _locked(alert_ids: list[int], path: Path) -> list[PriceAlert]:
    """Lock alerts, by id; whose person removed one meanwhile has none any more."""
    if not alert_ids:
        return []
    rows = PriceAlert.objects.select_for_update().filter(pk__in=alert_ids)
    return list(rows.filter(since_sequence__lt=path.last).order_by("pk"))


def _follow(alerts: Sequence[PriceAlert], path: Path) -> list[PriceAlert]:
    """Bring alerts up to the end of a run; return those that are to be told of."""
    pause_us = _pause() // timedelta(microseconds=1)
    told = []
    for alert in alerts:
        after, places = watch(_watched(alert), path, pause_us=pause_us)
        alert.state, alert.since_sequence = after.state, after.since
        if places:
            trade = path.trades[places[-1]]
            alert.told_count += len(places)
            alert.told_price, alert.told_sequence = trade.price, trade.sequence
            alert.told_at = moment_of(trade.time_us)
            alert.is_mail_due = alert.by_mail
            told.append(alert)
    _write(alerts)
    return told


def _pause() -> timedelta:
    return timedelta(seconds=_PAUSE_S.value)


def _watched(alert: PriceAlert) -> Watched:
    return Watched(
        rises=alert.condition == Condition.RISES_TO,
        level=alert.price,
        repeats=alert.repeats,
        state=alert.state,
        since=alert.since_sequence,
        told_us=0 if alert.told_at is None else microseconds_of(alert.told_at),
    )


_COLUMNS: Final = (
    ("id", "bigint"),
    ("state", "text"),
    ("since_sequence", "bigint"),
    ("told_count", "int"),
    ("told_price", "numeric"),
    ("told_sequence", "bigint"),
    ("told_at", "timestamptz"),
    ("is_mail_due", "boolean"),
)
_UPDATE: Final = (
    f"UPDATE {PriceAlert._meta.db_table} AS known SET"
    f" {', '.join(f'{name} = changed.{name}' for name, _ in _COLUMNS[1:])}"
    f" FROM unnest({', '.join(f'%s::{kind}[]' for _, kind in _COLUMNS)})"
    f" AS changed({', '.join(name for name, _ in _COLUMNS)}) WHERE known.id = changed.id"
)


def _write(alerts: Sequence[PriceAlert]) -> None:
    if not alerts:
        return
    columns = [[getattr(alert, name) for alert in alerts] for name, _ in _COLUMNS]
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, columns)
        if cursor.rowcount != len(alerts):
            raise InvariantBroken(f"{len(alerts)} alerts to write, {cursor.rowcount} written")
