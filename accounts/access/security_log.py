"""One line for each log-in, refusal, lock-out, log-out, sign-up and new password.

A line has the user's id where there is one. What a stranger typed is never written: of an e-mail
address there is a keyed digest, by which lines about one person can be found together.
"""

import logging
from typing import Any, Final

import structlog
from django.utils.crypto import salted_hmac

from zavora.foundation.logs import client_address

# Shorter than what the log takes for a key and hides (``zavora.foundation.redaction``).
DIGEST_LENGTH: Final = 24
_SALT: Final = "zavora.accounts.person"

log = structlog.get_logger(__name__)


def person_digest(email: str) -> str:
    """Return what stands for an e-mail address in logs and counters; it tells nothing by itself."""
    name = email.strip().lower().encode("utf-8", "replace")
    return salted_hmac(_SALT, name, algorithm="sha256").hexdigest()[:DIGEST_LENGTH]


def note(event: str, *, user_id: int | None = None, email: str = "", **facts: Any) -> None:
    """Write a line with the client's address; ``email`` becomes its digest.

    A ``reason`` among the facts makes it a warning: somebody was not let in.
    """
    if user_id is not None:
        facts["user_id"] = user_id
    if email:
        facts["person"] = person_digest(email)
    if address := client_address.get():
        facts["address"] = address
    log.log(logging.WARNING if "reason" in facts else logging.INFO, event, **facts)
