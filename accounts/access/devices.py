"""Devices on which a person got in before: a signed cookie bound to that person.

It lets nobody in. It only spares its owner the limits that strangers can use up for them, and has a
budget of its own, so a stolen one is worth ten guesses in a quarter of an hour.
"""

import secrets
from typing import Final

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from accounts.access.security_log import person_digest

# What browsers keep a cookie for at most.
AGE_MAX_S: Final = 400 * 86_400
_SALT: Final = "zavora.accounts.device"


def known_device(request: HttpRequest, email: str) -> str | None:
    """Return the device's id where this person got in on it before."""
    text = request.COOKIES.get(settings.ZAVORA_DEVICE_COOKIE_NAME, "")
    try:
        person, device = signing.loads(text, salt=_SALT, max_age=AGE_MAX_S)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return device if email and person == person_digest(email) else None


def remember_device(request: HttpRequest, response: HttpResponse, email: str) -> None:
    """Make the device one that is known as this person's, and no longer as another's."""
    device = known_device(request, email) or secrets.token_urlsafe(16)
    response.set_cookie(
        settings.ZAVORA_DEVICE_COOKIE_NAME,
        signing.dumps([person_digest(email), device], salt=_SALT),
        max_age=AGE_MAX_S,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
