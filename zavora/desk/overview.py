"""The first page of the desk: what waits, what is unwell, what was traded and earned.

Each figure is a bounded read or what a part says of itself, leads to the list that it is of, and is
there for those who may look at that list.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.http import HttpRequest
from django.utils import timezone
from django.utils.timesince import timesince

from accounts.approvals.selectors import OPEN_MAX, count_open
from accounts.money.overview import WAITING_MAX, count_waiting_withdrawals, list_fees
from marketdata.candles.volumes import DAY, get_trades_behind, list_volumes
from marketdata.health import Health, get_health
from zavora.foundation.admin.cells import Unit, figure, list_address
from zavora.foundation.times import moment_of

# Reconciliation runs each hour; one that is older than this was missed.
RECONCILED_AGE_MAX_S: Final = 2 * 3_600
# More than so many commands that wait are a queue that grows.
QUEUE_LONG: Final = 1_000
AGES: Final = ("under 1 h", "under 24 h", "longer")


class Tile(NamedTuple):
    """A figure that leads to its list. ``mood``: "good", "bad" or nothing."""

    name: str
    text: str
    address: str
    mood: str = ""
    notes: tuple[str, ...] = ()


class TradingRow(NamedTuple):
    """A market's or an asset's figures."""

    name: str
    address: str
    today: str
    in_24_hours: str


def overview(request: HttpRequest) -> dict[str, Any]:
    """Return what the first page shows to this operator."""
    now = timezone.now()
    return {
        "waiting": list(_waiting(request, now)),
        "health": list(_health(request, now)),
        "volumes": _volumes(request, now),
        "fees": _fees(request, now),
    }


# --- what waits ----------------------------------------------------------------------------------


def _waiting(request: HttpRequest, now: datetime) -> Iterator[Tile]:
    address = list_address(request, "accounts.approval", state__exact="requested")
    if address:
        count = count_open()
        yield Tile("Open approvals", _count(count, OPEN_MAX), address, "bad" if count else "good")
    if not list_address(request, "accounts.withdrawal"):
        return
    for waiting in count_waiting_withdrawals(now):
        ages = (
            f"{count:,} {age}" for age, count in zip(AGES, waiting.by_age, strict=True) if count
        )
        yield Tile(
            f"Withdrawals {waiting.state}",
            _count(waiting.count, WAITING_MAX),
            list_address(request, "accounts.withdrawal", state__exact=waiting.state),
            "bad" if waiting.by_age[-1] else "good",
            tuple(ages),
        )


def _count(count: int, most: int) -> str:
    return f"{count:,}{'+' if count >= most else ''}"


# --- what is unwell ------------------------------------------------------------------------------


def _health(request: HttpRequest, now: datetime) -> Iterator[Tile]:
    shards = list_address(request, "matching.shard")
    ledger = list_address(request, "accounts.ledgertransaction")
    if not (shards or ledger):
        return
    health = get_health()
    if not health.is_queue_up:
        yield Tile("Queue", "does not answer", shards or ledger, "bad", ("Nothing else is known.",))
        return
    if shards:
        yield from _parts(request, health, shards)
    if ledger:
        yield _reconciled(health, now, ledger)


def _parts(request: HttpRequest, health: Health, shards: str) -> Iterator[Tile]:
    yield _part(
        "Matching", shards,
        [f"shard {one} shows no life" for one in health.shards_down]
        + [f"{symbol} is set aside" for symbol in health.markets_set_aside],
    )  # fmt: skip
    journal = list_address(request, "matching.command") or shards
    mood = "bad" if health.waiting > QUEUE_LONG else "good"
    yield Tile("Queue", f"{health.waiting:,} waiting", journal, mood)
    behind = get_trades_behind()
    states = list_address(request, "matching.marketstate") or shards
    yield Tile(
        "Market data", "up" if health.is_data_up else "no life", states,
        "good" if health.is_data_up else "bad", (f"{behind:,} trades behind",),
    )  # fmt: skip
    reports = list_address(request, "accounts.report") or shards
    yield _part("Celery", reports, [] if health.is_celery_up else ["shows no life"])


def _part(name: str, address: str, faults: Iterable[str]) -> Tile:
    found = tuple(faults)
    return Tile(name, "down" if found else "up", address, "bad" if found else "good", found)


def _reconciled(health: Health, now: datetime, address: str) -> Tile:
    last = health.reconciled
    if last is None:
        return Tile("Reconcile", "no result yet", address)
    moment = moment_of(last.at_us)
    is_old = (now - moment).total_seconds() > RECONCILED_AGE_MAX_S
    text = f"{last.breaks:,} breaks" if last.breaks else "adds up"
    notes = (f"{timesince(moment, now)} ago", *last.first)
    return Tile("Reconcile", text, address, "bad" if last.breaks or is_old else "good", notes)


# --- what was traded and earned ------------------------------------------------------------------


def _volumes(request: HttpRequest, now: datetime) -> list[TradingRow] | None:
    if not list_address(request, "matching.trade"):
        return None
    return [
        TradingRow(
            one.symbol,
            list_address(request, "matching.trade", q=one.symbol),
            f"{figure(one.today, Unit(one.scale, one.quote))}, {one.trades_today:,} trades",
            f"{figure(one.in_24_hours, Unit(one.scale, one.quote))},"
            f" {one.trades_in_24_hours:,} trades",
        )
        for one in list_volumes(now)
    ]


def _fees(request: HttpRequest, now: datetime) -> list[TradingRow] | None:
    address = list_address(request, "accounts.ledgerentry", kind__exact="fee")
    if not address:
        return None
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    rows = []
    for one in list_fees(today=today, since=now - DAY):
        unit, least = Unit(one.scale, one.asset), "" if one.is_whole else "at least "
        rows.append(
            TradingRow(
                one.asset,
                address,
                f"{least}{figure(one.today, unit)}",
                f"{least}{figure(one.in_24_hours, unit)}",
            )
        )
    return rows
