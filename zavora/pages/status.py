"""The page of the exchange's status: what is up now, and what was not, of the last 90 days.

For everybody, and also while the database is away: then it says so.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.status.selectors import Span, list_spans
from api.v1.words import PHASE
from marketdata.health import MARKET, Health, get_health
from matching.markets.selectors import list_market_phases
from zavora.pages import status_days
from zavora.pages.market_rows import in_words

# Parts that are looked at, and what people call them.
PARTS: Final = (
    ("web", "Website and API"),
    ("matching", "Matching of orders"),
    ("queue", "Queue of orders"),
    ("market_data", "Prices and charts"),
)
INTERRUPTIONS_MAX: Final = 50
_STATES: Final = {"down": "Down", "partly": "Partly down", "set_aside": "Not matched"}
_UP: Final = "Up"
_UNKNOWN: Final = "Not known"


class Part(NamedTuple):
    """A part of the exchange: how it is, and how it was."""

    name: str
    state: str
    is_up: bool
    availability: str
    days: Sequence[status_days.Day]


@never_cache
@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """Show how the exchange is and was."""
    try:
        context = _whole()
    except (OperationalError, InterfaceError):
        parts = [Part(name, _UNKNOWN, False, "", ()) for _, name in PARTS[1:]]
        context = {
            "parts": [Part("Database", "Down", False, "", ()), *parts],
            "is_well": False,
            "is_plain": True,
        }
    return render(request, "status.html", context)


def _whole() -> dict[str, Any]:
    now = timezone.now()
    spans = list_spans(status_days.first_day(now))
    phases = list_market_phases()
    health = get_health()
    looked = status_days.watched(spans)
    parts = [_part(name, text, health, spans, looked) for name, text in PARTS]
    parts.append(_background(health))
    odd = [
        {"symbol": symbol, "state": in_words(PHASE[phase]), "address": _address(symbol)}
        for symbol, phase in phases.items()
        if phase != "continuous"
    ]
    return {
        "parts": parts,
        "is_well": all(part.is_up for part in parts),
        "markets": {"total": len(phases), "open": len(phases) - len(odd), "odd": odd},
        "interruptions": [
            {"what": _part_name(one.component), "state": _state_name(one.state), "one": one}
            for one in status_days.interruptions(spans, now, limit=INTERRUPTIONS_MAX)
        ],
        "days": status_days.DAYS,
        "now": now,
    }


def _part(
    name: str, text: str, health: Health, spans: Sequence[Span], looked: status_days.Times
) -> Part:
    now = timezone.now()
    trouble = status_days.troubled(spans, name)
    state = _state(name, health)
    return Part(
        text,
        state,
        state == _UP,
        status_days.availability(looked, trouble, now),
        list(status_days.days_of(looked, trouble, now)),
    )


def _state(name: str, health: Health) -> str:
    if name == "web":
        return _UP  # it answers this
    if not health.is_queue_up:
        return "Down" if name == "queue" else _UNKNOWN
    if name == "matching" and health.shards_down:
        return f"{len(health.shards_down)} of {health.shards} parts down"
    if name == "market_data" and not health.is_data_up:
        return "Down"
    return _UP


def _background(health: Health) -> Part:
    """Return the part that keeps the record, of which there is none where it is down itself."""
    state = _UP if health.is_celery_up else "Down" if health.is_queue_up else _UNKNOWN
    return Part("Withdrawals, reports and this record", state, health.is_celery_up, "", ())


def _part_name(component: str) -> str:
    return dict(PARTS).get(component) or component.removeprefix(MARKET)


def _state_name(state: str) -> str:
    return _STATES.get(state) or in_words(PHASE.get(state, state))


def _address(symbol: str) -> str:
    return f"/trade/{symbol.replace('/', '-')}"
