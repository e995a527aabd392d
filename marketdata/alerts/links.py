"""Links in mails about alerts that switch these off; kept nowhere, and without an end."""

from typing import Final

from django.core import signing

_SALT: Final = "zavora.marketdata.alert_mails"


def mails_link(user_id: int) -> str:
    """Return the token of a link that switches the mails of a person's alerts off."""
    return signing.dumps(user_id, salt=_SALT)


def read_mails_link(token: str) -> int | None:
    """Return whose mails a link switches off; None where it is forged. It has no end."""
    try:
        found = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        return None
    return found if isinstance(found, int) else None
