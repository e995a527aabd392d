"""A token that was just made, from the request that made it to the page that shows it, once.

It waits in the session, sealed: neither a copy of the database nor of the cookie shows it.
"""

import base64
import time
from typing import Final

from django.http import HttpRequest

from accounts.access.key_secrets import open_secret, seal_secret

_NAME: Final = "new_token"
# Somebody who comes back later finds it no more.
SHOWN_WITHIN_S: Final = 600


def keep_new_token(request: HttpRequest, token: str) -> None:
    """Keep a token for the next page."""
    sealed = seal_secret(token.encode(), name=_bound_to(request))
    request.session[_NAME] = [base64.b64encode(sealed).decode(), int(time.time())]


def take_new_token(request: HttpRequest) -> str | None:
    """Return the token that is kept, and keep it no longer; None where there is none."""
    kept = request.session.pop(_NAME, None)
    if kept is None or time.time() - kept[1] > SHOWN_WITHIN_S:
        return None
    opened = open_secret(base64.b64decode(kept[0]), name=_bound_to(request))
    return None if opened is None else opened.decode()


def _bound_to(request: HttpRequest) -> str:
    return f"new token of user {request.user.pk}"
