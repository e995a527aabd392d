"""What every page of ours may need to know, whichever view makes it."""

from django.conf import settings
from django.http import HttpRequest


def page(_request: HttpRequest) -> dict[str, str]:
    """Return the name of the cookie that scripts of a page prove by that they are ours."""
    return {"csrf_cookie": settings.CSRF_COOKIE_NAME}
