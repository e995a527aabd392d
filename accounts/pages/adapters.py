"""What django-allauth asks us while somebody signs in: its log-in's steps, our door's rules.

The door has counted the attempt and looked at the password (``accounts.pages.door``); from there on
allauth leads through what is still asked for, and comes back here once the person is in.
"""

from typing import Any, Final

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.access.attempts import may_mail
from accounts.access.devices import known_device, remember_device
from accounts.access.factor_secrets import open_factor, seal_factor
from accounts.access.page_actors import address_of, person_at
from accounts.access.rights import is_privileged
from accounts.access.security_log import note
from accounts.access.session_store import begin_anew
from accounts.models import User
from accounts.pages.notices import agent_of, mail_new_device
from accounts.people.mails import mailer
from accounts.people.sessions import make_room
from accounts.services import confirm_own_email
from zavora.foundation.errors import ValidationFailed

SIGN_IN_STEPS: Final = (
    "allauth.account.stages.EmailVerificationStage",
    "allauth.mfa.stages.AuthenticateStage",
)
SHUT_OUT: Final = "Wrong e-mail address or password."
# What a page shows by itself.
_SAID_ALREADY: Final = frozenset(
    {"account/messages/logged_in.txt", "account/messages/email_confirmation_sent.txt"}
)


class FactorAdapter(DefaultMFAAdapter):
    """Second factors: their secrets are sealed."""

    def encrypt(self, text: str) -> str:
        """Return a secret as it is stored."""
        return seal_factor(text)

    def generate_authenticator_name(self, user: Any, type: Authenticator.Type) -> str:  # noqa: A002
        """Return what a new passkey is called unless its owner calls it something else."""
        return f"Passkey {Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1}"

    def decrypt(self, encrypted_text: str) -> str:
        """Return a secret that is stored; raises ValidationFailed where no known key opens it."""
        opened = open_factor(encrypted_text)
        if opened is None:
            raise ValidationFailed("the second factor cannot be read", code="expected another one")
        return opened


class AccountAdapter(DefaultAccountAdapter):
    """Signing in by e-mail address."""

    was_here = False

    def get_login_stages(self) -> list[str]:
        """Return what a log-in goes through after the password."""
        return list(SIGN_IN_STEPS)

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return where a request comes from, as the server knows it."""
        return address_of(request) or "::"

    def is_safe_url(self, url: str | None) -> bool:
        """Tell whether an address is a page of this very host."""
        return url_has_allowed_host_and_scheme(
            url, allowed_hosts={self.request.get_host()}, require_https=self.request.is_secure()
        )

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        """Say no more than a wrong password says."""
        note("login_refused", user_id=user.pk, reason="shut_out")
        messages.error(request, SHUT_OUT)
        return HttpResponseRedirect(reverse("login"))

    def login(self, request: HttpRequest, user: Any) -> None:
        """Begin the session, under a new key."""
        self.was_here = user.last_login is not None
        make_room(user.pk)
        super().login(request, user)
        begin_anew(request.session, is_operator=is_privileged(user))

    def post_login(
        self, request: HttpRequest, user: Any, *, signal_kwargs: Any = None, **more: Any
    ) -> HttpResponse:
        """Lead on who is in, and know their device again."""
        request.META["HTTP_USER_AGENT"] = agent_of(request)  # the list of sessions keeps it
        response: HttpResponse = super().post_login(
            request, user, signal_kwargs=signal_kwargs, **more
        )
        is_known = known_device(request, user.email) is not None
        if self.was_here and not is_known:
            mail_new_device(request, user)
        remember_device(request, response, user.email)
        door = (signal_kwargs or {}).get("door", "page")
        note("logged_in", user_id=user.pk, door=door, known_device=is_known)
        return response

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: Any = None,
        *args: Any,
        **more: Any,
    ) -> None:
        """Show what allauth has to say, but for what our pages say themselves."""
        if message_template not in _SAID_ALREADY:
            super().add_message(request, level, message_template, *args, **more)

    # --- mail ------------------------------------------------------------------------------------

    def should_send_confirmation_mail(
        self, request: HttpRequest, email_address: Any, signup: bool
    ) -> bool:
        """Send few to one address, whoever asks for them."""
        return may_mail(email_address.email)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Mail what a template says, beside the request."""
        mailer.put(self.render_mail(template_prefix, email, {"email": email, **context}))

    def format_email_subject(self, subject: str) -> str:
        """Return a subject as it is."""
        return subject

    def confirm_email(self, request: HttpRequest, email_address: Any) -> bool:
        """Take a proved address by our service: whoever has the link is the person."""
        user: User = email_address.user
        confirm_own_email(by=person_at(request, user), email=email_address.email)
        note("email_confirmed", user_id=user.pk)
        messages.success(request, "Your e-mail address is confirmed.")
        return True
