"""Price alerts of the caller: read by any credential, set at a session alone."""

from typing import Any, Final

from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1 import alert_words
from api.v1.fields import Fields
from api.v1.openapi.operations import documented
from api.v1.requests import SYMBOL_LENGTH_MAX, symbol_of
from api.v1.rest.base import (
    ApiView,
    actor_of,
    answer,
    caller_of,
    query_of,
    require_session,
    row_id,
)
from marketdata.alerts import services
from marketdata.alerts.selectors import list_alerts

AT_SESSION: Final = "Alerts are set at a browser session alone."
FLAGS: Final = ("repeats", "by_page", "by_mail")


class AlertsView(ApiView):
    """The caller's alerts."""

    @documented("alerts_list", "Alert", is_list=True, tag="Alerts")
    def get(self, request: Request) -> Response:
        """List your alerts: those that wait for the price first, each newest first."""
        query_of(request).check()
        return answer([alert_words.alert(one) for one in list_alerts(caller_of(request).user_id)])

    @documented("alerts_set", "Alert", body="AlertIn", tag="Alerts", is_for_sessions=True)
    def post(self, request: Request) -> Response:
        """Set an alert, at a browser session: trades from now on are watched for it.

        Where there are as many as there may be, the oldest that was told makes room.
        """
        require_session(request, AT_SESSION)
        fields = Fields(request.data)
        symbol = fields.text("market", required=True, length_max=SYMBOL_LENGTH_MAX)
        taken = _take(fields, is_new=True)
        fields.check()
        state = services.set_alert(
            by=actor_of(request),
            market=symbol_of(symbol or "").upper(),
            terms=services.AlertTerms(**taken),
            page_url=request.build_absolute_uri(reverse("alerts")),
        )
        return answer(alert_words.alert(state))


class AlertView(ApiView):
    """One alert."""

    @documented("alerts_change", "Alert", body="ChangeAlertIn", tag="Alerts", is_for_sessions=True)
    def patch(self, request: Request, alert: str) -> Response:
        """Change an alert, at a browser session; another price or condition arms it anew."""
        require_session(request, AT_SESSION)
        fields = Fields(request.data)
        changes = _take(fields, is_new=False)
        if not changes and not fields.wrong:
            fields.refuse("price", "expected something to change")
        fields.check()
        state = services.change_alert(
            by=actor_of(request), alert_id=row_id(alert, what="alert"), changes=changes
        )
        return answer(alert_words.alert(state))

    @documented("alerts_remove", "Alert", tag="Alerts", is_for_sessions=True)
    def delete(self, request: Request, alert: str) -> Response:
        """Remove an alert, told or not, at a browser session."""
        require_session(request, AT_SESSION)
        query_of(request).check()
        removed = services.remove_alert(by=actor_of(request), alert_id=row_id(alert, what="alert"))
        return answer(alert_words.alert(removed))


def _take(fields: Fields, *, is_new: bool) -> dict[str, Any]:
    """Return what was said of an alert, by the names of ``AlertTerms``."""
    condition = fields.choice("condition", alert_words.CONDITION_OF, required=is_new)
    found: dict[str, Any] = {
        "condition": None if condition is None else alert_words.condition_inside(condition),
        "price": fields.decimal("price", required=is_new),
        "note": fields.label("note", length_max=services.NOTE_LENGTH_MAX),
    }
    for name in FLAGS:
        is_on = fields.flag(name)
        found[name] = is_on if fields.has(name) else None
    return {name: value for name, value in found.items() if value is not None}
