"""What was mailed, in tests of one process."""

import re

from django.core import mail

from accounts.people.mails import mailer


def mails_to(email: str) -> list[mail.EmailMessage]:
    """Return the mails to an address, oldest first, once all are sent."""
    assert mailer.wait_until_sent()
    return [one for one in mail.outbox if one.to == [email]]


def path_in(message: mail.EmailMessage) -> str:
    """Return the page that a mail leads to."""
    found = re.search(r"https?://[^/\s]+(/\S+)", str(message.body))
    assert found is not None, message.body
    return found[1]
