"""Pages about another e-mail address: the form, what its link leads to, and the way back."""

from typing import Final

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.access.attempts import count_attempt, may_mail
from accounts.access.page_actors import address_of, person_at, user_of
from accounts.access.security_log import note
from accounts.models import User
from accounts.pages.confirm import confirmed
from accounts.pages.emails import tell_of_sign_up
from accounts.people.email_links import (
    CHANGE_HOURS,
    UNDO_HOURS,
    EmailLink,
    change_link,
    checked_new_email,
    read_change_link,
    read_undo_link,
    undo_link,
)
from accounts.people.mails import mailer
from accounts.people.selectors import find_user
from accounts.people.services import EMAIL_LENGTH_MAX
from accounts.services import change_email, undo_email_change
from zavora.foundation.errors import RateLimited, ZavoraError
from zavora.foundation.forms import show_error

MAILED: Final = "A link is on its way to {email}. Until it is opened, nothing changes."
CHANGED: Final = "Your e-mail address is changed."
UNDONE: Final = (
    "Your old address is back, and everybody is logged out. Ask for a link to a new password."
)


class NewEmailForm(forms.Form):
    """Another address."""

    email = forms.EmailField(
        label="New e-mail address",
        max_length=EMAIL_LENGTH_MAX,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@confirmed(resumes=True)
def new_email(request: HttpRequest) -> HttpResponse:
    """Ask for another address, and mail a link there; who has it already is told, too."""
    user = user_of(request)
    form = NewEmailForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            email = checked_new_email(user, form.cleaned_data["email"])
        except ZavoraError as error:
            show_error(form, error)
        else:
            _count(request, user)
            _mail_link(request, user, email)
            messages.success(request, MAILED.format(email=email))
            return redirect("security")
    status = 400 if form.is_bound else 200
    return render(request, "accounts/new_email.html", {"form": form}, status=status)


def _count(request: HttpRequest, user: User) -> None:
    attempt = count_attempt(address=address_of(request), email=f"new address of {user.pk}")
    if attempt.refused_by:
        raise RateLimited("Too many attempts.", retry_after=attempt.retry_after_s)


def _mail_link(request: HttpRequest, user: User, email: str) -> None:
    note("new_email_asked", user_id=user.pk, email=email)
    if find_user(email) is not None:
        tell_of_sign_up(request, email)
    elif may_mail(email):
        path = reverse("confirm_new_email", args=(change_link(user, email),))
        _send(request, email, "Your new e-mail address", "new_email", path, hours=CHANGE_HOURS)


def _send(
    request: HttpRequest, email: str, subject: str, template: str, path: str, *, hours: int
) -> None:
    context = {"url": request.build_absolute_uri(path), "hours": hours}
    body = render_to_string(f"account/email/{template}.txt", context)
    mailer.put(EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [email]))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_new_email(request: HttpRequest, token: str) -> HttpResponse:
    """Make the address theirs whose link this is. A look proves nothing; the button does."""
    link = read_change_link(token)
    if request.method != "POST" or link is None:
        return _link_page(request, link, "accounts/confirm_new_email.html")
    user = User(pk=link.user_id, email=link.old)
    try:
        change_email(by=person_at(request, user), token=token)
    except ZavoraError as error:
        note("new_email_refused", user_id=link.user_id, reason=error.code)
        return _link_page(request, None, "accounts/confirm_new_email.html")
    note("email_changed", user_id=link.user_id)
    path = reverse("undo_new_email", args=(undo_link(link),))
    _send(
        request, link.old, "Your e-mail address was changed", "email_changed", path,
        hours=UNDO_HOURS,
    )  # fmt: skip
    messages.success(request, CHANGED)
    return redirect("security")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def undo_new_email(request: HttpRequest, token: str) -> HttpResponse:
    """Give the old address back, by the link that went there."""
    link = read_undo_link(token)
    if request.method != "POST" or link is None:
        return _link_page(request, link, "accounts/undo_new_email.html")
    user = User(pk=link.user_id, email=link.old)
    try:
        undo_email_change(by=person_at(request, user), token=token)
    except ZavoraError as error:
        note("email_undo_refused", user_id=link.user_id, reason=error.code)
        return _link_page(request, None, "accounts/undo_new_email.html")
    note("email_change_undone", user_id=link.user_id)
    messages.success(request, UNDONE)
    return redirect("account_reset_password")


def _link_page(request: HttpRequest, link: EmailLink | None, template: str) -> HttpResponse:
    status = 400 if link is None and request.method == "POST" else 200
    return render(request, template, {"link": link}, status=status)
