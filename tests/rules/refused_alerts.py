"""What is refused about alerts: to all but the person, and what no alert can be."""

from collections.abc import Mapping
from typing import Any, Final

from accounts.access.actor import Actor
from marketdata.alerts import services as alerts
from marketdata.alerts.links import mails_link
from tests.actors import SYSTEM, customer
from tests.rules.refusing import NOT_SUPERUSER, Call, key


def _set(by: Actor, **more: Any) -> object:
    terms = alerts.AlertTerms(**{"condition": "rises_to", "price": "5", **more})
    return alerts.set_alert(by=by, market="NO/SUCH", terms=terms)


def _change(by: Actor, alert_id: int, **changes: Any) -> object:
    return alerts.change_alert(by=by, alert_id=alert_id, changes=changes)


REFUSED_ALERTS: Final[Mapping[str, tuple[Call, ...]]] = {
    "set_alert": (
        lambda ann, bob: _set(SYSTEM),
        lambda ann, bob: _set(NOT_SUPERUSER),
        lambda ann, bob: _set(key(ann, "read", "trade", "withdraw")),
        lambda ann, bob: _set(customer(ann.user)),  # there is no such market
    ),
    "change_alert": (
        lambda ann, bob: _change(SYSTEM, 1, note="x"),
        lambda ann, bob: _change(key(ann, "read", "trade"), 1, note="x"),
        lambda ann, bob: _change(customer(bob.user), 1, note="x"),
    ),
    "remove_alert": (
        lambda ann, bob: alerts.remove_alert(by=SYSTEM, alert_id=1),
        lambda ann, bob: alerts.remove_alert(by=key(ann, "read", "trade"), alert_id=1),
        lambda ann, bob: alerts.remove_alert(by=customer(bob.user), alert_id=1),
    ),
    "stop_alert_mails": (
        lambda ann, bob: alerts.stop_alert_mails(by=customer(ann.user), token="forged"),
        lambda ann, bob: alerts.stop_alert_mails(
            by=customer(bob.user), token=mails_link(ann.user.pk)
        ),
        lambda ann, bob: alerts.stop_alert_mails(by=SYSTEM, token=mails_link(ann.user.pk)),
    ),
}
