"""Mail about what was done to how somebody gets in: who did it themselves need do nothing."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts.access.page_actors import address_of
from accounts.models import User
from accounts.people.mails import mailer

AGENT_LENGTH_MAX = 200


def mail_notice(request: HttpRequest, user: User, subject: str, text: str) -> None:
    """Tell a person by mail: what, when, from where, and what to do where it was not they."""
    context = {
        "text": text,
        "at": timezone.now(),
        "address": address_of(request),
        "agent": agent_of(request),
        "page": request.build_absolute_uri(reverse("security")),
        "forgotten": request.build_absolute_uri(reverse("account_reset_password")),
    }
    body = render_to_string("account/email/notice.txt", context)
    mailer.put(EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [user.email]))


def mail_new_device(request: HttpRequest, user: User) -> None:
    """Tell a person of a log-in on a device that was not known as theirs."""
    mail_notice(
        request, user, "A log-in on a new device", "Somebody has logged in on a new device."
    )


def agent_of(request: HttpRequest) -> str:
    """Return what a browser says of itself, as far as it can be shown."""
    sent = request.META.get("HTTP_USER_AGENT", "")[:AGENT_LENGTH_MAX]
    return "".join(letter for letter in sent if letter.isprintable())
