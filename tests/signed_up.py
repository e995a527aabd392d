"""A browser's session without a browser: somebody who signed up and logged in by the pages."""

import contextlib
from collections.abc import Iterator

import httpx

from tests.exchange import Exchange

PASSWORD = "correct horse battery staple"


@contextlib.contextmanager
def signed_up(exchange: Exchange, email: str) -> Iterator[httpx.Client]:
    """Give a client with the session of somebody new, and with the token that pages send."""
    with httpx.Client(base_url=exchange.base_url, timeout=30) as http:
        for path in ("/signup", "/login"):
            http.get(path)
            form = {"email": email, "password": PASSWORD}
            sent = {**form, "csrfmiddlewaretoken": http.cookies["csrftoken"]}
            assert http.post(path, data=sent).status_code == 302
        http.headers["X-CSRFToken"] = http.cookies["csrftoken"]
        yield http
