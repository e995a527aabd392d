"""What every page of ours may need to know, whichever view makes it."""

from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from zavora.pages.navigation import navigation_of


def page(request: HttpRequest) -> dict[str, Any]:
    """Return the cookie that scripts of a page prove by that they are ours, and the navigation."""
    # Called by the templates that show it: the operators' pages have their own.
    return {
        "csrf_cookie": settings.CSRF_COOKIE_NAME,
        "navigation": partial(navigation_of, request),
    }
