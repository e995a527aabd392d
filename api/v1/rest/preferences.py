"""What the caller chose of the trading page: read by any credential, written at a session alone."""

import math
from typing import Any, Final

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import services
from accounts.people.preferences import get_preferences
from api.transport.exact_json import Number
from api.v1.fields import Fields
from api.v1.openapi.operations import documented
from api.v1.preference_words import preferences
from api.v1.rest.base import (
    ApiView,
    actor_of,
    answer,
    caller_of,
    query_of,
    require_session,
)

VERSION_MAX: Final = 10**9
DIGITS_MAX: Final = 12


class PreferencesView(ApiView):
    """The caller's preferences."""

    @documented("preferences_get", "Preferences", tag="Preferences")
    def get(self, request: Request) -> Response:
        """Return what the caller chose of the trading page; `version` 0: nothing yet."""
        query_of(request).check()
        return answer(preferences(get_preferences(caller_of(request).user_id)))

    @documented(
        "preferences_put", "Preferences", body="PreferencesIn", tag="Preferences",
        is_for_sessions=True,
    )  # fmt: skip
    def put(self, request: Request) -> Response:
        """Replace what the caller chose, at a browser session.

        `version` is the one that was read: `conflict` where another browser has written since.
        """
        require_session(request, "Preferences are kept at a browser session alone.")
        fields = Fields(request.data)
        document = fields.take("document", required=True)
        version = None
        if fields.has("version"):
            version = fields.integer("version", default=0, low=0, high=VERSION_MAX)
        if document is not None and not isinstance(document, dict):
            fields.refuse("document", "expected an object")
        fields.check()
        kept = services.save_preferences(
            by=actor_of(request), document=_with_integers(document), version=version
        )
        return answer(preferences(kept))


def _with_integers(value: Any) -> Any:
    """Return a body's value with its whole numbers as such; other numbers have no place in it."""
    if isinstance(value, dict):
        return {name: _with_integers(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_with_integers(one) for one in value]
    if isinstance(value, Number):
        is_whole = len(value) <= DIGITS_MAX and value.lstrip("-").isdigit()
        return int(value) if is_whole else math.nan
    return value
