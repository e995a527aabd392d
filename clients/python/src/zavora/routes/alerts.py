"""Price alerts: read by any credential, set at a browser's session alone."""

from typing import Any

from zavora.core.calls import Call, Figure, figure, given
from zavora.core.routes import route
from zavora.models import Alert


class AlertRoutes:
    """What is asked of alerts."""

    @route
    def alerts(self) -> Call[list[Alert]]:
        """Return the caller's alerts, those that wait first."""
        return Call("GET", "/alerts", list[Alert])

    @route
    def set_alert(
        self,
        market: str,
        condition: str,
        price: Figure,
        *,
        note: str | None = None,
        repeats: bool | None = None,
        by_page: bool | None = None,
        by_mail: bool | None = None,
    ) -> Call[Alert]:
        """Set an alert (`RisesTo` or `FallsTo`), by a BrowserSession.

        Not repeated by itself: a repeat would be another alert.
        """
        body: dict[str, Any] = {"market": market, "condition": condition}
        body |= given(price=figure(price, name="price"), note=note, repeats=repeats)
        return Call("POST", "/alerts", Alert, body=body | given(by_page=by_page, by_mail=by_mail))

    @route
    def change_alert(
        self,
        alert_id: str,
        *,
        condition: str | None = None,
        price: Figure | None = None,
        note: str | None = None,
        repeats: bool | None = None,
        by_page: bool | None = None,
        by_mail: bool | None = None,
    ) -> Call[Alert]:
        """Change an alert, by a BrowserSession; another price or condition arms it anew."""
        body = given(condition=condition, price=figure(price, name="price"), note=note)
        body |= given(repeats=repeats, by_page=by_page, by_mail=by_mail)
        return Call("PATCH", "/alerts/{alert}", Alert, {"alert": alert_id}, body=body)

    @route
    def remove_alert(self, alert_id: str) -> Call[Alert]:
        """Remove an alert, by a BrowserSession."""
        return Call("DELETE", "/alerts/{alert}", Alert, {"alert": alert_id}, is_repeatable=True)
