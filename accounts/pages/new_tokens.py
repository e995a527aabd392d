"""A key that was just made, from the request that made it to the page that shows it, once.

Its secret waits in the session, sealed: neither a copy of the database nor of the cookie shows it.
"""

import base64
import time
from typing import Final, NamedTuple

from django.http import HttpRequest

from accounts.access.key_secrets import open_secret, seal_secret

_NAME: Final = "new_key"
# Somebody who comes back later finds it no more.
SHOWN_WITHIN_S: Final = 600


class NewKey(NamedTuple):
    """What is shown: the name of a signing key, and the token or secret where there is one."""

    name: str
    secret: str


def keep_new_key(request: HttpRequest, *, name: str | None, secret: str | None) -> None:
    """Keep a key for the next page."""
    sealed = seal_secret(f"{name or ''} {secret or ''}".encode(), name=_bound_to(request))
    request.session[_NAME] = [base64.b64encode(sealed).decode(), int(time.time())]


def take_new_key(request: HttpRequest) -> NewKey | None:
    """Return the key that is kept, and keep it no longer; None where there is none."""
    kept = request.session.pop(_NAME, None)
    if kept is None or time.time() - kept[1] > SHOWN_WITHIN_S:
        return None
    opened = open_secret(base64.b64decode(kept[0]), name=_bound_to(request))
    if opened is None:
        return None
    name, _, secret = opened.decode().partition(" ")
    return NewKey(name, secret)


def _bound_to(request: HttpRequest) -> str:
    return f"new key of user {request.user.pk}"
