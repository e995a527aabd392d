"""What people do brings no address of theirs into a log line, even where it fails.

In one process, with the handler and the formatter of all processes, at its most talkative.
"""

import io
import logging
import time
from collections.abc import Iterator

import pytest
import structlog
from django.core import mail
from django.core.mail import EmailMessage
from django.db import IntegrityError
from django.test import Client

from accounts.access.security_log import person_digest
from accounts.models import User
from accounts.people.mails import Mailer
from accounts.services import create_user, ensure_user, erase_own_person, sign_up
from tests.actors import SYSTEM, customer
from tests.factors import confirm
from tests.limits import forget_limits
from zavora.foundation.errors import Conflict

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL, OTHER, NEW = (f"{name}.kanarie@mail.example" for name in ("ann", "bob", "new"))
PASSWORD = "correct horse battery"
FORM = {"email": EMAIL, "password": PASSWORD}


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What all processes would write, each line as it is written."""
    root = logging.getLogger()
    (handler,) = (
        one
        for one in root.handlers
        if isinstance(one, logging.StreamHandler)
        and isinstance(one.formatter, structlog.stdlib.ProcessorFormatter)
    )
    written, level = io.StringIO(), root.level
    stream = handler.setStream(written)
    root.setLevel(logging.DEBUG)
    yield written
    root.setLevel(level)
    handler.setStream(stream)


class Broken:
    """A mail server that is not there, and says for whom the mail was."""

    def send_messages(self, mails: list[EmailMessage]) -> None:
        """Refuse, as smtplib does."""
        raise OSError(f"550 no such mailbox: {mails[0].to}")


def test_no_line_has_an_address(lines: io.StringIO) -> None:
    forget_limits()
    client = Client()
    for _ in range(2):  # the second finds the address taken
        client.post("/signup", FORM)
    client.post("/login", {**FORM, "password": "wrong words here"})
    client.post("/login", {"email": OTHER, "password": PASSWORD})
    client.post("/login/forgotten", {"email": EMAIL})
    client.post("/login", FORM)
    user = User.objects.get()
    confirm(client, user)
    client.post("/account/email", {"email": NEW})
    client.get(f"/no/such/page/{EMAIL}?q={EMAIL}")
    client.get(f"/login/email/{EMAIL}")
    boss = ensure_user(by=SYSTEM, email=OTHER, is_staff=True, is_superuser=True)
    client.force_login(boss)
    client.get("/admin/accounts/user/", {"q": EMAIL})
    client.post("/admin/accounts/user/add/", {"email": EMAIL, "reason": "twice"})
    with pytest.raises(Conflict):
        create_user(by=SYSTEM, email=EMAIL)
    broken = Mailer(pause_s=0.0)
    broken.put(EmailMessage("Hello", EMAIL, to=[EMAIL], connection=Broken()))
    assert broken.wait_until_sent()
    erase_own_person(by=customer(user, confirmed_at=time.time()), email=EMAIL)
    log = structlog.get_logger("somebody.elses")
    try:
        User.objects.create(email=OTHER)
    except IntegrityError:
        log.exception("what others log", of=OTHER)
    words = f"and what they put into their words: {NEW}"
    log.warning(words)

    text = lines.getvalue()
    for event in ("signed_up", "login_refused", "logged_in", "reset_mail_asked", "mail_lost",
                  "new_email_asked", "person_erased", "what others log", "Not Found"):  # fmt: skip
        assert event in text, event
    assert person_digest(EMAIL) in text  # lines about one person are found together
    assert len(mail.outbox) > 2
    assert "kanarie" not in text


def test_a_person_is_found_by_number(lines: io.StringIO) -> None:
    forget_limits()
    user = sign_up(**FORM)
    Client().post("/login", FORM)
    assert f"user_id={user.pk}" in lines.getvalue()
