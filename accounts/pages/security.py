"""The page about how one gets in: password, second factors, sessions; and what changes them."""

import base64
from typing import Any, Final

from allauth.account.models import EmailAddress
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import generate_totp_secret
from allauth.mfa.webauthn.internal.auth import begin_registration
from allauth.usersessions.models import UserSession
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access.confirmation import has_second_factor
from accounts.access.factor_secrets import open_factor, seal_factor
from accounts.access.page_actors import customer_of, user_of
from accounts.access.security_log import note
from accounts.models import User
from accounts.pages.confirm import confirmed
from accounts.pages.factor_forms import NewPasskeyForm, count_guess
from accounts.pages.notices import mail_notice
from accounts.people.factors import CODE_LENGTH_MAX, list_factors, list_recovery_codes
from accounts.people.sessions import list_sessions
from accounts.services import (
    add_passkey,
    add_totp,
    end_other_sessions,
    end_own_session,
    remove_factor,
    renew_recovery_codes,
)
from zavora.foundation.errors import RateLimited, ZavoraError
from zavora.foundation.forms import sentence, show_error

UNPROVED: Final = "Confirm your e-mail address first: we have sent you a link."
AGENT_SHOWN_MAX: Final = 60
# By what of its own words a browser is told: the first that fits, as each also names older ones.
BROWSERS: Final = (
    ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)  # fmt: skip
SYSTEMS: Final = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
    ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip
_SECRET_IN_SESSION: Final = "new_app"  # noqa: S105 - where it is kept, sealed


class AppForm(forms.Form):
    """The first code of an authenticator app."""

    code = forms.CharField(
        label="Code",
        max_length=CODE_LENGTH_MAX,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
        help_text="The six figures that the app shows.",
    )


# --- the page ------------------------------------------------------------------------------------


@never_cache
@login_required
@require_GET
def security(request: HttpRequest) -> HttpResponse:
    """Show how the person gets in, and where they are in."""
    user = user_of(request)
    factors = list_factors(user.pk)
    apps = [one for one in factors if one.type == Authenticator.Type.TOTP]
    context = {
        "is_proved": EmailAddress.objects.filter(user=user, verified=True).exists(),
        "app": apps[0] if apps else None,
        "passkeys": [one for one in factors if one.type == Authenticator.Type.WEBAUTHN],
        "has_factor": bool(factors),
        "codes_left": len(list_recovery_codes(user.pk)) if factors else 0,
        "sessions": [_session_row(request, one) for one in list_sessions(user.pk)],
    }
    return render(request, "accounts/security.html", context)


def _session_row(request: HttpRequest, session: UserSession) -> dict[str, Any]:
    return {
        "id": session.pk,
        "address": session.ip,
        "device": device_of(session.user_agent),
        "since": session.created_at,
        "is_this": session.session_key == request.session.session_key,
    }


def device_of(agent: str) -> str:
    """Return what a person knows their device by: "Firefox on Linux", or what it says of itself."""
    browser, system = (
        next((name for mark, name in names if mark in agent), "") for names in (BROWSERS, SYSTEMS)
    )
    if browser and system:
        return f"{browser} on {system}"
    return agent[:AGENT_SHOWN_MAX] or "An unknown program"


# --- second factors ------------------------------------------------------------------------------


@never_cache
@sensitive_post_parameters()
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@confirmed(resumes=False)
def app(request: HttpRequest) -> HttpResponse:
    """Show a secret for an authenticator app, and take the app by its first code."""
    user = user_of(request)
    if not _may_add(request, user):
        return redirect("security")
    if request.method != "POST":
        secret = generate_totp_secret()
        request.session[_SECRET_IN_SESSION] = seal_factor(secret)
        return _app_page(request, user, secret, AppForm())
    kept = open_factor(request.session.get(_SECRET_IN_SESSION, ""))
    if kept is None:
        return redirect("new_app")
    form = AppForm(request.POST)
    if form.is_valid():
        attempt = count_guess(request, user)
        if attempt.refused_by:
            raise RateLimited("Too many attempts.", retry_after=attempt.retry_after_s)
        try:
            row = add_totp(by=customer_of(request), secret=kept, code=form.cleaned_data["code"])
        except ZavoraError as error:
            show_error(form, error)
        else:
            attempt.forget()
            del request.session[_SECRET_IN_SESSION]
            return _added(request, user, row, "An authenticator app")
    return _app_page(request, user, kept, form, status=400)


def _app_page(
    request: HttpRequest, user: User, secret: str, form: forms.Form, *, status: int = 200
) -> HttpResponse:
    adapter = get_adapter()
    url = adapter.build_totp_url(user, secret)
    picture = base64.b64encode(adapter.build_totp_svg(url).encode()).decode()
    context = {"form": form, "secret": secret, "picture": picture, "url": url}
    return render(request, "accounts/new_app.html", context, status=status)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@confirmed(resumes=False)
def passkey(request: HttpRequest) -> HttpResponse:
    """Give the page's script what a new passkey is made of, and take the passkey."""
    user = user_of(request)
    if not _may_add(request, user):
        return redirect("security")
    form = NewPasskeyForm(request.POST if request.method == "POST" else None, user=user)
    if request.method == "POST" and form.is_valid():
        try:
            row = add_passkey(
                by=customer_of(request),
                name=form.cleaned_data["name"],
                credential=form.cleaned_data["credential"],
            )
        except ZavoraError as error:
            show_error(form, error)
        else:
            return _added(request, user, row, "A passkey")
    context = {"form": form, "options": begin_registration(user, passwordless=False)}
    status = 400 if form.is_bound else 200
    return render(request, "accounts/new_passkey.html", context, status=status)


def _may_add(request: HttpRequest, user: User) -> bool:
    """Say that the address is to be proved first, where that is asked."""
    addresses = EmailAddress.objects.filter(user=user)
    is_free = (
        not settings.ZAVORA_EMAIL_VERIFICATION or not addresses.filter(verified=False).exists()
    )
    if not is_free:
        messages.error(request, UNPROVED)
    return is_free


def _added(request: HttpRequest, user: User, row: Authenticator, what: str) -> HttpResponse:
    """End the other sessions, which began without it, and lead to the recovery codes."""
    post_authentication(request, row, reauthenticated=True)
    end_other_sessions(by=customer_of(request), kept=request.session.session_key)
    note("second_factor_added", user_id=user.pk, type=row.type)
    mail_notice(request, user, "A new second factor", f"{what} was added to your account.")
    messages.success(request, f"{what} was added. Everywhere else you are logged out.")
    return redirect("recovery_codes")


@login_required
@require_POST
@confirmed(resumes=True)
def remove(request: HttpRequest, factor_id: int) -> HttpResponse:
    """Take away an app or a passkey."""
    user = user_of(request)
    try:
        remove_factor(by=customer_of(request), factor_id=factor_id)
    except ZavoraError as error:
        messages.error(request, sentence(str(error)))
    else:
        note("second_factor_removed", user_id=user.pk)
        mail_notice(
            request, user, "A second factor less", "A second factor was taken off your account."
        )
        messages.success(request, "The second factor is taken away.")
    return redirect("security")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@confirmed(resumes=True)
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Show the recovery codes that are left; POST makes new ones."""
    user = user_of(request)
    if not has_second_factor(user.pk):
        return redirect("security")
    if request.method == "POST":
        renew_recovery_codes(by=customer_of(request))
        note("recovery_codes_renewed", user_id=user.pk)
        mail_notice(
            request, user, "New recovery codes", "New recovery codes were made; the old ones ended."
        )
        messages.success(request, "These are new codes. The old ones are worthless now.")
        return redirect("recovery_codes")
    codes = list_recovery_codes(user.pk)
    return render(request, "accounts/recovery_codes.html", {"codes": codes})


# --- sessions ------------------------------------------------------------------------------------


@login_required
@require_POST
@confirmed(resumes=True)
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    """End one of the person's sessions."""
    try:
        end_own_session(by=customer_of(request), session_id=session_id)
    except ZavoraError as error:
        messages.error(request, sentence(str(error)))
    else:
        messages.success(request, "The session is ended.")
    return redirect("security")


@login_required
@require_POST
@confirmed(resumes=True)
def end_others(request: HttpRequest) -> HttpResponse:
    """End all of the person's sessions but this one."""
    count = end_other_sessions(by=customer_of(request), kept=request.session.session_key)
    messages.success(request, f"Ended sessions: {count}.")
    return redirect("security")
