"""E-mail addresses: proved before anybody gets in, and what is mailed to them."""

import threading
from importlib import import_module
from types import SimpleNamespace

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.core.mail import EmailMessage
from django.db import connection
from django.test import Client

from accounts.access.attempts import MAILS_PER_DAY_MAX
from accounts.models import AuditRecord, User
from accounts.people.mails import TRIES_MAX, Mailer
from accounts.redis_client import get_redis
from accounts.services import create_user, ensure_user, sign_up
from tests.actors import SYSTEM
from tests.limits import forget_limits
from tests.mails import mails_to, path_in

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL, PASSWORD = "ann@example.com", "correct horse battery"
FORM = {"email": EMAIL, "password": PASSWORD}


@pytest.fixture(autouse=True)
def no_counts():
    forget_limits()


@pytest.fixture
def asked(settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"


def is_in(client):
    return "_auth_user_id" in client.session


@pytest.mark.usefixtures("asked")
def test_nobody_gets_in_before_their_address_is_proved(client):
    assert client.post("/signup", FORM).status_code == 302
    (message,) = mails_to(EMAIL)
    answer = client.post("/login?next=/account", FORM)
    assert (answer["Location"], is_in(client)) == ("/login/mail", False)
    assert client.get("/account")["Location"].startswith("/login")
    assert client.get("/login/mail").status_code == 200

    link = path_in(message)
    assert b"Confirm" in client.get(link).content
    assert not EmailAddress.objects.get().verified  # a look proves nothing
    answer = client.post(link)
    assert (answer["Location"], is_in(client)) == ("/account", True)
    record = AuditRecord.objects.get(act="user.confirm_email")
    assert record.user_id == User.objects.get().pk
    # The link has done what it does.
    assert client.post(link).status_code == 400


@pytest.mark.usefixtures("asked")
def test_a_link_lets_nobody_in_who_has_no_password(client):
    sign_up(**FORM)
    client.post("/login", FORM)
    link = path_in(mails_to(EMAIL)[0])
    thief = Client()
    assert thief.post(link)["Location"] == "/login"
    assert not is_in(thief)
    assert client.post("/login", FORM).status_code == 302
    assert is_in(client)


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("key", ["x", "MQ:1abcde:forged"])
def test_a_forged_link_proves_nothing(client, key):
    sign_up(**FORM)
    assert client.get(f"/login/mail/{key}").status_code == 200
    assert client.post(f"/login/mail/{key}").status_code == 400
    assert not EmailAddress.objects.get().verified


def test_where_it_is_not_asked_people_get_in_at_once(client):
    sign_up(**FORM)
    client.post("/login", FORM)
    assert is_in(client)


def test_who_vouches_for_an_address():
    ensure_user(by=SYSTEM, email="command@example.com")
    User.objects.create_superuser("root@example.com", PASSWORD)
    create_user(by=SYSTEM, email="made@example.com")
    sign_up(**FORM)
    found = dict(EmailAddress.objects.values_list("email", "verified"))
    assert found == {
        "command@example.com": True, "root@example.com": True, "made@example.com": False,
        EMAIL: False,
    }  # fmt: skip
    assert EmailAddress.objects.filter(primary=True).count() == 4


def test_whoever_was_here_before_counts_as_proved():
    User.objects.create(email="old@example.com")
    sign_up(**FORM)
    migration = import_module("accounts.migrations.0015_sign_in")
    for _ in range(2):
        migration.take_as_proved(apps, SimpleNamespace(connection=connection))
    rows = EmailAddress.objects.values_list("user__email", "email", "verified", "primary")
    assert sorted(rows) == [
        (EMAIL, EMAIL, False, True),
        ("old@example.com", "old@example.com", True, True),
    ]


def test_signing_up_again_is_told_to_the_owner_alone(client):
    sign_up(**FORM)
    assert client.post("/signup", FORM).status_code == 302
    (message,) = mails_to(EMAIL)
    assert message.subject == "You have an account already"
    assert path_in(message) == "/login/forgotten"


def test_nobody_is_flooded_with_mail(client):
    sign_up(**FORM)
    for _ in range(3):
        client.post("/signup", FORM)
        client.post("/login/forgotten", {"email": EMAIL})
    assert len(mails_to(EMAIL)) == 1
    for _ in range(MAILS_PER_DAY_MAX + 2):  # a minute later, each
        for pause in get_redis().scan_iter("attempts:mail:*:pause"):
            get_redis().delete(pause)
        client.post("/login/forgotten", {"email": EMAIL})
    assert len(mails_to(EMAIL)) == MAILS_PER_DAY_MAX


# --- a forgotten password ------------------------------------------------------------------------


def test_a_mailed_link_sets_a_new_password_once(client):
    user = sign_up(**FORM)
    client.post("/login/forgotten", {"email": EMAIL.upper()})
    link = path_in(mails_to(EMAIL.upper())[0])
    new = "a third horse battery"
    form = {"new_password1": new, "new_password2": new}
    page = client.get(link)["Location"]
    assert client.post(page, form).status_code == 302
    user.refresh_from_db()
    assert user.check_password(new)
    assert b"not valid any more" in Client().get(link).content


def test_asking_for_a_link_tells_nobody_who_has_an_account():
    sign_up(**FORM)
    create_user(by=SYSTEM, email="out@example.com")
    User.objects.filter(email="out@example.com").update(is_active=False)
    answers = []
    for email in (EMAIL, "nobody@example.com", "out@example.com"):
        answer = Client().post("/login/forgotten", {"email": email})
        answers.append((answer.status_code, answer["Location"], answer.content))
    assert len(set(answers)) == 1
    assert mails_to("nobody@example.com") == mails_to("out@example.com") == []
    assert len(mails_to(EMAIL)) == 1


def test_an_address_asks_for_few_links(client, settings):
    settings.ZAVORA_LOGIN_ATTEMPTS_PER_ADDRESS = 2
    emails = [f"{n}@example.com" for n in range(3)]
    answers = [client.post("/login/forgotten", {"email": email}) for email in emails]
    assert [answer.status_code for answer in answers] == [302, 302, 429]
    assert int(answers[-1]["Retry-After"]) > 0


# --- sending ------------------------------------------------------------------------------------


class MailServer:
    """A mail server that does not answer the first times."""

    def __init__(self, *, failures: int) -> None:
        self.failures = failures
        self.tries = 0
        self.taken: list[EmailMessage] = []
        self.is_open = threading.Event()

    def send_messages(self, messages: list[EmailMessage]) -> int:
        self.is_open.wait(10)
        self.tries += 1
        if self.tries <= self.failures:
            raise ConnectionRefusedError
        self.taken += messages
        return len(messages)


def mail_by(server: MailServer) -> EmailMessage:
    return EmailMessage(
        "Subject", "Text", "from@example.com", ["to@example.com"], connection=server
    )


def test_a_mail_server_that_is_away_for_a_moment_loses_nothing():
    server = MailServer(failures=TRIES_MAX - 1)
    server.is_open.set()
    box = Mailer(pause_s=0.01)
    box.put(mail_by(server))
    assert box.wait_until_sent()
    assert (len(server.taken), server.tries) == (1, TRIES_MAX)


def test_a_mail_that_cannot_be_sent_is_noted_and_holds_up_no_other(caplog):
    gone, good = MailServer(failures=100), MailServer(failures=0)
    box = Mailer(pause_s=0.01)
    for server in (gone, good):
        server.is_open.set()
        box.put(mail_by(server))
    assert box.wait_until_sent()
    assert (gone.tries, len(good.taken)) == (TRIES_MAX, 1)
    (line,) = [record.msg for record in caplog.records if "mail_lost" in str(record.msg)]
    assert "to@example.com" not in str(line)


def test_what_waits_is_bounded(caplog):
    box, server = Mailer(waiting_max=1), MailServer(failures=0)
    for _ in range(3):  # one is being sent, one waits
        box.put(mail_by(server))
    assert "too many wait" in caplog.text
    server.is_open.set()
    assert box.wait_until_sent()
    assert 1 <= len(server.taken) <= 2
