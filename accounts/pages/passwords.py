"""New passwords: by a link that works once, mailed or handed over, or by the old one.

Django's own view keeps a link's token out of the page's address, so no link on the page tells it.
"""

from collections.abc import Callable
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView, PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.access.actor import Actor
from accounts.access.attempts import count_attempt, may_mail
from accounts.access.page_actors import (
    address_of,
    customer_of,
    operator_of,
    person_at,
    request_id_of,
    user_of,
)
from accounts.access.security_log import note
from accounts.models import User
from accounts.pages.confirm import confirmed
from accounts.pages.door import BUSY, BUSY_RETRY_S, TOO_MANY_ATTEMPTS, waiting
from accounts.pages.forms import ForgottenForm
from accounts.pages.notices import agent_of, mail_notice
from accounts.people.mails import mailer
from accounts.people.password_links import find_user_of_link, link_parts, reset_tokens
from accounts.people.selectors import find_user
from accounts.services import (
    RESET_LINK_HOURS,
    change_own_password,
    end_other_sessions,
    reset_password,
)
from zavora.foundation.errors import Overloaded, RateLimited, ZavoraError
from zavora.foundation.forms import show_error

MAILED = "If the address has an account, a link is on its way to it."
TOKEN_IN_SESSION = "_password_reset_token"  # noqa: S105 - Django's name for where it is kept


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """Mail a link to a new password; the answer and the work tell nobody who has an account."""
    if request.method != "POST":
        return render(request, "accounts/forgotten.html", {"form": ForgottenForm()})
    attempt = count_attempt(address=address_of(request))
    if attempt.refused_by:
        note("reset_mail_refused", reason=attempt.refused_by)
        wait_s = attempt.retry_after_s
        messages.error(request, TOO_MANY_ATTEMPTS.format(wait=waiting(wait_s)))
        page = render(request, "accounts/forgotten.html", {"form": ForgottenForm()}, status=429)
        page["Retry-After"] = str(wait_s)
        return page
    form = ForgottenForm(request.POST)
    if not form.is_valid():
        return render(request, "accounts/forgotten.html", {"form": form}, status=400)
    _mail_link(request, form.cleaned_data["email"])
    messages.success(request, MAILED)
    return redirect("login")


def _mail_link(request: HttpRequest, email: str) -> None:
    """Mail the link, or make one for nobody and drop it."""
    user = find_user(email)
    is_wanted = may_mail(email) and user is not None and user.is_active
    reference, token = link_parts(user or User(pk=0, email=email))
    path = reverse("set_password", args=(reference, token))
    mail = get_adapter(request).render_mail(
        "account/email/password_reset_key",
        email,
        {
            "email": email,
            "password_reset_url": request.build_absolute_uri(path),
            "hours": RESET_LINK_HOURS,
        },
    )
    if is_wanted:
        mailer.put(mail)
    note("reset_mail_asked", email=email, user_id=user.pk if user else None)


# Django's own would take a form by PUT, too.
@method_decorator(require_http_methods(["GET", "HEAD", "POST"]), name="dispatch")
@method_decorator(never_cache, name="dispatch")
class SetPassword(PasswordResetConfirmView):
    """Set a new password by a link that works once."""

    template_name = "accounts/set_password.html"
    token_generator = reset_tokens
    reset_url_token = "new"  # noqa: S105 - what the address says instead of the token
    success_url = reverse_lazy("login")

    def get_user(self, uidb64: str) -> User | None:
        """Return whose link it is; None where there is no such user, or they are shut out."""
        user = find_user_of_link(uidb64)
        return user if user is not None and user.is_active else None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Tell the page whether the link is good, and the log where it is not."""
        if not self.validlink:
            user = getattr(self, "user", None)
            note("reset_link_refused", user_id=user.pk if user else None, reason="not_valid")
        return super().get_context_data(**kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Set the password; where too many are hashed at once nothing was tried."""
        try:
            return super().post(request, *args, **kwargs)
        except Overloaded:
            messages.error(request, BUSY)
            form_class: Any = self.get_form_class()
            context = self.get_context_data(form=form_class(self.user))
            page = self.render_to_response(context, status=503)
            page["Retry-After"] = str(BUSY_RETRY_S)
            return page

    def form_valid(self, form: Any) -> HttpResponse:
        """Set the password by the service, which asks the token again under a lock."""
        try:
            reset_password(
                user_id=form.user.pk,
                token=self.request.session.get(TOKEN_IN_SESSION, ""),
                password=form.cleaned_data["new_password1"],
                address=address_of(self.request),
                request_id=request_id_of(self.request),
            )
        except Overloaded:
            raise
        except ZavoraError as error:
            show_error(form, error)
            return self.form_invalid(form)
        self.request.session.pop(TOKEN_IN_SESSION, None)
        end_other_sessions(by=person_at(self.request, form.user), kept=None)
        mail_notice(self.request, form.user, "A new password", "Your password was set by a link.")
        messages.success(self.request, "Your password is set. Log in with it.")
        return HttpResponse(status=302, headers={"Location": str(self.get_success_url())})


# --- one's own password --------------------------------------------------------------------------


class OwnPasswordForm(PasswordChangeForm):
    """The old password and a new one; the service asks the old one, under its lock."""

    required_css_class = "required"

    def clean_old_password(self) -> str:
        """Take it as it is."""
        return str(self.cleaned_data["old_password"])


class ChangePassword(PasswordChangeView):
    """Change one's own password at the operators' pages."""

    form_class = OwnPasswordForm
    success_url = reverse_lazy("admin:password_change_done")

    def actor(self) -> Actor:
        """Return who comes by this door."""
        return operator_of(self.request)

    def form_valid(self, form: Any) -> HttpResponse:
        """Change it by the service; this session alone goes on, under a new key."""
        try:
            user = change_own_password(
                by=self.actor(),
                old_password=form.cleaned_data["old_password"],
                new_password=form.cleaned_data["new_password1"],
            )
        except Overloaded:
            raise
        except ZavoraError as error:
            show_error(form, error)
            return self.form_invalid(form)
        update_session_auth_hash(self.request, user)
        self.request.META["HTTP_USER_AGENT"] = agent_of(self.request)
        UserSession.objects.create_from_request(self.request)
        key = self.request.session.session_key
        end_other_sessions(by=customer_of(self.request), kept=key)
        mail_notice(self.request, user, "A new password", "Your password was changed.")
        return HttpResponse(status=302, headers={"Location": str(self.get_success_url())})


class ChangeOwnPassword(ChangePassword):
    """The same at the account pages."""

    template_name = "accounts/own_password.html"
    success_url = reverse_lazy("security")

    def actor(self) -> Actor:
        """Return who comes by this door."""
        return customer_of(self.request)

    def form_valid(self, form: Any) -> HttpResponse:
        """Say that it is done."""
        response = super().form_valid(form)
        if response.status_code == 302:
            messages.success(self.request, "Your password is changed.")
        return response


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def change_password(request: HttpRequest) -> HttpResponseBase:
    """Let an operator change their own password at the operators' pages."""
    page = ChangePassword.as_view(extra_context=admin.site.each_context(request))
    return _count_guesses(request, page)


@never_cache
@sensitive_post_parameters()
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@confirmed(resumes=False)
def change_own(request: HttpRequest) -> HttpResponseBase:
    """Let anybody change their own password."""
    return _count_guesses(request, ChangeOwnPassword.as_view())


def _count_guesses(
    request: HttpRequest, page: Callable[[HttpRequest], HttpResponseBase]
) -> HttpResponseBase:
    """Answer by a page that asks for the old password; a guess at it counts like any other."""
    if request.method != "POST":
        return page(request)
    user = user_of(request)
    attempt = count_attempt(address=address_of(request), email=user.email)
    if attempt.refused_by:
        note("password_change_limited", user_id=user.pk, reason=attempt.refused_by)
        raise RateLimited("Too many attempts.", retry_after=attempt.retry_after_s)
    try:
        response = page(request)
    except Overloaded:
        attempt.give_back()
        raise
    if response.status_code == 302:
        attempt.forget()
    else:
        note("password_change_refused", user_id=user.pk, reason="bad_form")
    return response
