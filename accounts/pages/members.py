"""Forms about who shares an account, and the page that an invitation's mail leads to."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access.page_actors import customer_of, user_of
from accounts.models import Invitation
from accounts.pages.account import account_page
from accounts.pages.confirm import confirmed
from accounts.pages.forms import InviteForm
from accounts.people.emails import has_proved_email
from accounts.people.invitations import find_invitation
from accounts.people.mails import mailer
from accounts.services import (
    INVITATION_DAYS,
    accept_invitation,
    change_member_role,
    decline_invitation,
    invite_member,
    leave_account,
    remove_member,
    withdraw_invitation,
)
from zavora.foundation.errors import AccountNotFound, ValidationFailed, ZavoraError
from zavora.foundation.forms import sentence, show_error

# Whether or not anybody has the address, this is what is said.
INVITED = "The invitation is on its way to {email}. It can be accepted for {days} days."


@never_cache
@login_required
@require_POST
@confirmed(resumes=True)
def invite(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Invite somebody to one of the user's accounts, by mail."""
    form = InviteForm(request.POST, about=str(account_id))
    if form.is_valid():
        email, role = form.cleaned_data["email"], form.cleaned_data["role"]
        try:
            invitation, token = invite_member(
                by=customer_of(request), account_id=account_id, email=email, role=role
            )
        except AccountNotFound as error:  # the page shows no form of it that could say so
            messages.error(request, sentence(str(error)))
            return redirect("account")
        except ZavoraError as error:
            show_error(form, error)
        else:
            _mail(request, invitation, token)
            messages.success(request, INVITED.format(email=invitation.email, days=INVITATION_DAYS))
            return _back(account_id)
    return account_page(request, status=400, invite_form=(account_id, form))


@sensitive_variables("token", "context", "body")
def _mail(request: HttpRequest, invitation: Invitation, token: str) -> None:
    """Mail the link, beside the request."""
    path = reverse("invitation", args=(token,))
    context = {
        "inviter": invitation.made_by.email,
        "role": invitation.role,
        "email": invitation.email,
        "days": INVITATION_DAYS,
        "page": request.build_absolute_uri(path),
        "signup": request.build_absolute_uri(reverse("signup")),
    }
    body = render_to_string("account/email/invitation.txt", context)
    subject = "You are invited to share an account"
    mailer.put(EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [invitation.email]))


@login_required
@require_POST
@confirmed(resumes=True)
def change_role(request: HttpRequest, account_id: UUID, member_id: int) -> HttpResponse:
    """Give a member of one of the user's accounts another role."""

    def act() -> str:
        member = change_member_role(
            by=customer_of(request),
            account_id=account_id,
            member_id=member_id,
            role=request.POST.get("role", ""),
        )
        return f"{member.user.email} is a {member.role} now."

    return _told(request, account_id, act)


@login_required
@require_POST
def remove(request: HttpRequest, account_id: UUID, member_id: int) -> HttpResponse:
    """End somebody's membership in one of the user's accounts."""

    def act() -> str:
        remove_member(by=customer_of(request), account_id=account_id, member_id=member_id)
        return "The member is removed, and so are their keys for the account."

    return _told(request, account_id, act)


@login_required
@require_POST
def withdraw(request: HttpRequest, account_id: UUID, invitation_id: int) -> HttpResponse:
    """End an open invitation to one of the user's accounts."""

    def act() -> str:
        withdraw_invitation(
            by=customer_of(request), account_id=account_id, invitation_id=invitation_id
        )
        return "The invitation is withdrawn."

    return _told(request, account_id, act)


@login_required
@require_POST
def leave(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """End the user's own membership in somebody else's account."""

    def act() -> str:
        leave_account(by=customer_of(request), account_id=account_id)
        return "You have left the account. Your keys for it are revoked."

    return _told(request, None, act)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponseBase:
    """Show an invitation to whom it is addressed, and take their answer.

    Everybody else sees what they would see of a link that was never made.
    """
    if request.method == "POST":
        return _answered(request, token)
    found = find_invitation(user_of(request).pk, token)
    return _invitation_page(request, found, status=200 if found else 404)


def _answered(request: HttpRequest, token: str) -> HttpResponse:
    by, is_accepted = customer_of(request), request.POST.get("answer") == "accept"
    try:
        if is_accepted:
            member = accept_invitation(by=by, token=token)
            told = f"You are a {member.role} of the account now."
        else:
            decline_invitation(by=by, token=token)
            told = "You have declined the invitation."
    except ZavoraError as error:
        messages.error(request, sentence(str(error)))
        return _invitation_page(request, None, status=400)
    messages.success(request, told)
    return redirect("account")


def _invitation_page(request: HttpRequest, found: Any, *, status: int) -> HttpResponse:
    context = {"invitation": found, "is_proved": has_proved_email(user_of(request).pk)}
    return render(request, "accounts/invitation.html", context, status=status)


def _told(request: HttpRequest, account_id: UUID | None, act: Callable[[], str]) -> HttpResponse:
    """Act, say how it went, and show the page."""
    try:
        done = act()
    except ZavoraError as error:
        told = error.details.get("role") if isinstance(error, ValidationFailed) else None
        messages.error(request, sentence(f"role: {told}" if told else str(error)))
    else:
        messages.success(request, done)
    return redirect("account") if account_id is None else _back(account_id)


def _back(account_id: UUID) -> HttpResponse:
    """Return to the page with the account's members unfolded."""
    address = f"{reverse('account')}?{urlencode({'members': str(account_id)})}#members-{account_id}"
    return redirect(address)
