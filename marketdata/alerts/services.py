"""Setting, changing and removing alerts; what people may do with their own.

Whoever arms an alert locks how far its market is watched, so that no trade falls between: the
trades before are none of the alert's, and all later ones are looked at.
"""

from decimal import Decimal
from typing import Any, Final

import msgspec
from django.db import transaction

from accounts.access.actor import Actor, ActorKind
from accounts.people.emails import has_proved_email
from accounts.people.locks import lock_user
from marketdata.alerts.links import read_mails_link
from marketdata.alerts.selectors import states_of
from marketdata.figures import figure_text
from marketdata.models import (
    ALERT_NOTE_LENGTH_MAX,
    PAGE_URL_LENGTH_MAX,
    AlertProgress,
    PriceAlert,
)
from marketdata.wire import AlertState
from matching.markets.selectors import get_market_terms
from matching.markets.terms import MarketTerms
from matching.orders.by_sequence import list_trades_before
from zavora.foundation.errors import Conflict, Forbidden, NotFound, ValidationFailed
from zavora.foundation.money import NotExact
from zavora.foundation.setting_values import SettingValue

State, Condition = PriceAlert.State, PriceAlert.Condition
ENDED: Final = "delisted"
_ALERTS_MAX: Final = SettingValue("ZAVORA_ALERTS_MAX")
NOTE_LENGTH_MAX: Final = ALERT_NOTE_LENGTH_MAX
NOT_VALID: Final = "this link is not valid"


class AlertTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said of an alert; the market alone never changes."""

    condition: str
    price: str
    note: str = ""
    repeats: bool = False
    by_page: bool = True
    by_mail: bool = False


@transaction.atomic(durable=True)
def set_alert(*, by: Actor, market: str, terms: AlertTerms, page_url: str = "") -> AlertState:
    """Set an alert that trades from now on are watched for.

    Raises Forbidden for all who are at no session, MarketNotFound, ValidationFailed, which names
    the fields, or Conflict where the person has as many as there may be; the oldest that was told
    makes room. Then nothing was written.
    """
    user_id = _require_person(by)
    market_terms = get_market_terms(market)
    price = _checked(market_terms, terms, user_id)
    if market_terms.rules.phase == ENDED:
        raise ValidationFailed("the market has ended", market="expected one that trades")
    _make_room(user_id)
    sequence = _begin(market_terms, terms, price)
    alert = PriceAlert.objects.create(
        user_id=user_id,
        market_id=market_terms.market_id,
        since_sequence=sequence,
        page_url=page_url[:PAGE_URL_LENGTH_MAX],
        **(msgspec.structs.asdict(terms) | {"price": price, "note": terms.note.strip()}),
    )
    return states_of([alert])[0]


@transaction.atomic(durable=True)
def change_alert(*, by: Actor, alert_id: int, changes: dict[str, Any]) -> AlertState:
    """Change one's own alert by the names of ``AlertTerms``; another price arms it anew.

    Raises as ``set_alert``, and NotFound.
    """
    user_id = _require_person(by)
    alert = PriceAlert.objects.filter(pk=alert_id, user_id=user_id).first()
    if alert is None:
        raise NotFound("There is no such alert.")
    market_terms = get_market_terms(alert.market.symbol)
    known = AlertTerms(
        condition=alert.condition,
        price=figure_text(alert.price, market_terms.tick_decimals),
        note=alert.note,
        repeats=alert.repeats,
        by_page=alert.by_page,
        by_mail=alert.by_mail,
    )
    terms = msgspec.structs.replace(known, **changes)
    is_armed = "price" in changes or "condition" in changes
    price = _checked(market_terms, terms, user_id, kept=None if is_armed else alert.price)
    sequence = _begin(market_terms, terms, price) if is_armed else 0
    # Whoever watches may have told of it until now; from here on it stays.
    alert = PriceAlert.objects.select_for_update().get(pk=alert.pk)
    alert.condition, alert.note, alert.repeats = terms.condition, terms.note.strip(), terms.repeats
    alert.by_page, alert.by_mail = terms.by_page, terms.by_mail
    alert.is_mail_due = alert.is_mail_due and terms.by_mail
    if is_armed:
        alert.price, alert.state, alert.since_sequence = price, State.ARMED, sequence
    elif alert.state == State.AWAY and not terms.repeats:
        alert.state = State.TOLD
    alert.save()
    return states_of([alert])[0]


@transaction.atomic(durable=True)
def remove_alert(*, by: Actor, alert_id: int) -> AlertState:
    """Remove one's own alert, told or not. Raises Forbidden, or NotFound."""
    user_id = _require_person(by)
    alerts = PriceAlert.objects.select_for_update().filter(pk=alert_id, user_id=user_id)
    alert = alerts.first()
    if alert is None:
        raise NotFound("There is no such alert.")
    (state,) = states_of([alert])
    alert.delete()
    return state


@transaction.atomic(durable=True)
def stop_alert_mails(*, by: Actor, token: str) -> int:
    """Switch off the mails of all of a person's alerts, by the link of such a mail; again is fine.

    Returns of how many. Raises Forbidden for a forged link, or somebody else's.
    """
    user_id = read_mails_link(token)
    if user_id is None or by.user_id != user_id:
        raise Forbidden(NOT_VALID)
    lock_user(user_id)
    alerts = PriceAlert.objects.filter(user_id=user_id, by_mail=True)
    # Those told by mail alone are told by page from now on: nobody's alert ends in silence.
    return alerts.update(by_mail=False, is_mail_due=False, by_page=True)


def _require_person(by: Actor) -> int:
    """Return who it is, whose alerts change one after the other."""
    if by.user_id is None or by.kind is not ActorKind.USER:
        raise Forbidden("only people at a session set alerts")
    user = lock_user(by.user_id)
    if not user.is_active:
        raise NotFound("the user is shut out")
    return by.user_id


def _checked(
    market: MarketTerms, terms: AlertTerms, user_id: int, *, kept: Decimal | None = None
) -> Decimal:
    """Return the price of terms that can be; raise ValidationFailed, which names what is wrong.

    A price that is ``kept`` is not asked again: the market's rules may have changed.
    """
    wrong: dict[str, Any] = {}
    price = kept or Decimal(0)
    try:
        if kept is None:
            price = Decimal(market.price_text(market.price_to_ticks(terms.price)))
    except NotExact as error:
        wrong["price"] = str(error)
    if kept is None and price > market.rules.max_price:
        wrong["price"] = f"expected at most {market.rules.max_price.normalize():f}"
    if terms.condition not in Condition.values:
        wrong["condition"] = f"expected one of: {', '.join(Condition.values)}"
    note = terms.note.strip()
    if len(note) > NOTE_LENGTH_MAX or not note.isprintable():
        wrong["note"] = f"expected at most {NOTE_LENGTH_MAX} printable characters"
    if not terms.by_page and not terms.by_mail:
        wrong["by_page"] = "expected to be told by page, by mail, or by both"
    if terms.by_mail and not has_proved_email(user_id):
        wrong["by_mail"] = "confirm your e-mail address first"
    if wrong:
        raise ValidationFailed("the alert is not as expected", **wrong)
    return price


def _make_room(user_id: int) -> None:
    """Let the oldest alert go that was told where there is no room for another."""
    alerts = PriceAlert.objects.filter(user_id=user_id)
    alerts_max = _ALERTS_MAX.value
    if alerts.count() < alerts_max:
        return
    oldest = alerts.filter(state=State.TOLD).order_by("told_at", "pk").first()
    if oldest is None:
        raise Conflict(f"there are at most {alerts_max} alerts: remove one first")
    oldest.delete()


def _begin(market: MarketTerms, terms: AlertTerms, price: Decimal) -> int:
    """Return the last trade of a market, after which an alert of it begins.

    Locks how far the market is watched. Raises ValidationFailed where the last price is at the
    alert's, or beyond it, already.
    """
    AlertProgress.objects.bulk_create(
        [AlertProgress(market_id=market.market_id)], ignore_conflicts=True
    )
    progress = AlertProgress.objects.select_for_update().get(pk=market.market_id)
    newest = list_trades_before(market.market_id, before_sequence=None, limit=1)
    if newest:
        _require_ahead(market, terms.condition, price, newest[0].price)
    sequence = newest[0].sequence if newest else 0
    live = PriceAlert.objects.filter(market_id=market.market_id).exclude(state=State.TOLD)
    if not live.exists():
        # Nobody waited for what was traded meanwhile.
        progress.last_trade_sequence = sequence
        progress.save()
    return sequence


def _require_ahead(market: MarketTerms, condition: str, price: Decimal, last: Decimal) -> None:
    rises = condition == Condition.RISES_TO
    if price > last if rises else price < last:
        return
    side = "above" if rises else "below"
    text = figure_text(last, market.tick_decimals)
    raise ValidationFailed(
        "the price is there already", price=f"expected a price {side} the last one, {text}"
    )
