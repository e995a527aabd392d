"""What every answer of Django carries and asks: who may keep it, our own host, readable texts.

For pages a content security policy; our envelope for foreign hosts and for what services refuse
outside of a form.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from django.conf import settings
from django.core.exceptions import BadRequest as DjangoBadRequest
from django.core.exceptions import DisallowedHost, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse

from api.transport.caching import is_public
from api.transport.errors import (
    answer_error,
    bad_request_view,
    known_error,
    lost_database_view,
)
from api.transport.http import FILE_NAME
from zavora.foundation.errors import BadRequest, ZavoraError

# The one style element that is written into a page: the chart library's, for its maker's sign.
CHART_STYLE: Final = "sha256-3pRED1tOXas1FXFoPb9TGCjmYe9XQsmO9OV23khV2nY="
# Scripts and styles come from us alone.
POLICY: Final = (
    "default-src 'self'; script-src 'self'; "
    f"style-src 'self' '{CHART_STYLE}'; "
    "img-src 'self' data:; connect-src 'self' {sockets}; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
# Nothing of a device that a page of an exchange has any use for, whatever script may come to ask.
PERMISSIONS: Final = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
# What has a page of Django's own where DEBUG is on.
_SHOWN_BY_DEBUG: Final = (Http404, SuspiciousOperation, DjangoBadRequest)
FORM_TYPES: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
TEXT_LENGTH_MAX: Final = 4_096
# Control characters but for tab and line breaks, and halves of surrogate pairs: no form of ours
# asks for one, and PostgreSQL takes neither NUL nor the latter.
_UNREADABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class PolicyMiddleware:
    """Refuses a host that is not ours before anything else sees it; sets the policy's headers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        try:
            host = request.get_host()
        except DisallowedHost as error:
            return bad_request_view(request, error)
        response = self.get_response(request)
        # Whatever does not say that it is public is somebody's own.
        if not response.has_header("Cache-Control") and not is_public(response):
            response["Cache-Control"] = "no-store"
        kind = response.get("Content-Type", "")
        if kind.startswith("application/json"):
            response.setdefault("Content-Disposition", FILE_NAME)
        if kind.startswith("text/html"):
            # 'self' does not mean sockets in every browser yet.
            scheme = "wss" if request.is_secure() else "ws"
            response.setdefault(
                "Content-Security-Policy", POLICY.format(sockets=f"{scheme}://{host}")
            )
            response.setdefault("Referrer-Policy", "same-origin")
            response.setdefault("Permissions-Policy", PERMISSIONS)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer what a service refused and no view put into a form, and what Django would.

        Where DEBUG is on Django would show pages of its own for the latter.
        """
        if isinstance(exception, (OperationalError, InterfaceError)):
            return lost_database_view(request, exception)
        if isinstance(exception, ZavoraError) or (
            settings.DEBUG and isinstance(exception, _SHOWN_BY_DEBUG)
        ):
            return answer_error(request, known_error(exception))
        return None


class TextMiddleware:
    """Refuses texts that no page asks for, in queries and forms, before a view sees them.

    The API reads its own texts, each with what it expects (``api.v1.fields``).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        if request.path.startswith("/api/"):
            return self.get_response(request)
        wrong = wrong_text(request.GET.lists())
        if wrong is None and request.method == "POST" and request.content_type in FORM_TYPES:
            wrong = wrong_text(request.POST.lists())
        if wrong is not None:
            expected = f"expected at most {TEXT_LENGTH_MAX} characters, none of them a control one"
            return bad_request_view(request, BadRequest(f"{wrong}: {expected}."))
        return self.get_response(request)


def wrong_text(fields: Iterable[tuple[str, list[str]]]) -> str | None:
    """Return the name of the first field with a text that is none, to be shown; None: all are."""
    for name, values in fields:
        if _is_wrong(name):
            return "A field's name"
        if any(map(_is_wrong, values)):
            return name[:64]
    return None


def _is_wrong(text: str) -> bool:
    return len(text) > TEXT_LENGTH_MAX or _UNREADABLE.search(text) is not None
