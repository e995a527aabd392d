"""The page that tells somebody at a browser what went wrong, and where to go from there.

It asks the database nothing where that may be what failed: the navigation is then the same for
everybody.
"""

from typing import Final, NamedTuple

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from zavora.foundation.errors import ZavoraError
from zavora.foundation.forms import sentence


class Words(NamedTuple):
    """What a status means to people, and what to do about it."""

    title: str
    advice: str


# From this status on the failure is ours.
_OURS: Final = 500
_REFUSED: Final = Words("This cannot be done", "Go back, check what was entered, and try again.")
_FAILED: Final = Words("Something went wrong on our side", "It is on record. Try again later.")
WORDS: Final = {
    400: Words("This request could not be read", "Go back, check it, and try again."),
    403: Words("This is not allowed", "Log in as somebody who may, or go back."),
    404: Words("There is nothing here", "The address may be mistyped, or what it led to is gone."),
    405: Words("This address takes no such request", "Go back and try again."),
    413: Words("This is too large", "Send less at once."),
    429: Words("Too many requests", "Wait a moment, then try again."),
    500: _FAILED,
    503: Words(
        "The exchange cannot answer right now",
        "Orders and balances are safe. Try again in a moment.",
    ),
    504: Words(
        "It is not known whether this was done",
        "Look before you repeat it: at your orders, or at your balances.",
    ),
}
# A form that was open for too long is not the fault of whoever sent it.
_FORM: Final = Words(
    "This form is out of date",
    "Go back, load the page anew and send it again. The browser must take cookies of this site.",
)


def error_page(
    request: HttpRequest, error: ZavoraError, *, status: int, request_id: str
) -> HttpResponse:
    """Return the page of a failure."""
    words = WORDS.get(status, _FAILED if status >= _OURS else _REFUSED)
    if status == 403 and "reason" in error.details:
        words = _FORM
    wait_s = error.details.get("retry_after")
    context = {
        "status": status,
        "title": words.title,
        "message": sentence(str(error)),
        "advice": f"Try again in {wait_s} s." if wait_s else words.advice,
        "request_id": request_id,
        "code": error.code,
        "is_plain": status >= _OURS or not _is_known(request),
    }
    return render(request, "error.html", context, status=status)


def _is_known(request: HttpRequest) -> bool:
    """Find out who looks; return whether that can be found out.

    Asked once, here: a template would take a database that is away for somebody unknown, again at
    each place that asks.
    """
    try:
        bool(getattr(request, "user", None) and request.user.is_authenticated)
    except (OperationalError, InterfaceError):
        return False
    return True
