"""Second factors of people in tests."""

import time
from typing import Any

from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
)

STEP_S = 30


def code_of(secret: str, *, steps: int = 0) -> str:
    """Return the code that an app with this secret shows now, or some steps of 30 s from now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // STEP_S + steps))


def add_app(user: Any) -> str:
    """Give somebody an authenticator app; return its secret. The last step's code is used."""
    from accounts.services import add_totp
    from tests.actors import customer

    secret = generate_totp_secret()
    add_totp(by=customer(user), secret=secret, code=code_of(secret, steps=-1))
    return secret


def confirm(client: Any, user: Any, *, method: str = "password", at: float | None = None) -> None:
    """Let a browser's session have shown just now, or at another time, that it is the user's."""
    session = client.session
    session["account_authentication_methods"] = [
        {"method": method, "at": time.time() if at is None else at}
    ]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
