"""Pages about what is known of oneself: a file of it to take along, and the end of it."""

from functools import partial
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access.page_actors import customer_of, user_of
from accounts.pages.confirm import confirmed
from accounts.privacy.erasure import list_obstacles
from accounts.reports.exports import get_own_export, list_exports
from accounts.reports.selectors import get_part
from accounts.reports.services import EXPORTS_DAYS
from accounts.services import erase_own_person, request_own_data
from api.transport.parts import PartedResponse
from zavora.foundation import lasting
from zavora.foundation.errors import ZavoraError
from zavora.foundation.forms import sentence, show_error

DELETED: Final = "Your account is deleted, and what named you is gone."


class EraseForm(forms.Form):
    """One's own address, typed once more by whoever means it."""

    email = forms.EmailField(
        label="Your e-mail address",
        help_text="Type it to say that you mean it.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def own_data(request: HttpRequest) -> HttpResponseBase:
    """Show the files of one's data and what keeps one's account from being deleted."""
    if request.method == "POST":
        return _ask(request)
    user = user_of(request)
    context = {
        "exports": list_exports(user.pk),
        "kept_days": EXPORTS_DAYS.value,
        "obstacles": _sentences(list_obstacles(user)),
    }
    return render(request, "accounts/own_data.html", context)


@confirmed(resumes=True)
def _ask(request: HttpRequest) -> HttpResponse:
    try:
        request_own_data(by=customer_of(request))
    except ZavoraError as error:
        messages.error(request, sentence(str(error)))
    else:
        messages.success(request, "The file is being made.")
    return redirect("own_data")


@never_cache
@login_required
@require_safe
@confirmed(resumes=False)
def download(request: HttpRequest, report_id: int) -> HttpResponse:
    """Hand over a file of one's own data."""
    try:
        report = get_own_export(user_of(request).pk, report_id)
    except ZavoraError as error:
        messages.error(request, sentence(str(error)))
        return redirect("own_data")
    lasting.wait()
    return PartedResponse(
        (lambda _number: None) if request.method == "HEAD" else partial(get_part, report.pk),
        size=report.size,
        name=f"zavora-data-{report.period_to:%Y%m%d}.zip",
        content_type="application/zip",
    )


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@confirmed(resumes=False)
def delete_account(request: HttpRequest) -> HttpResponse:
    """Delete one's account, by one's address typed once more."""
    obstacles = _sentences(list_obstacles(user_of(request)))
    form = EraseForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            erase_own_person(by=customer_of(request), email=form.cleaned_data["email"])
        except ZavoraError as error:
            show_error(form, error)
            obstacles = _sentences(error.details) or obstacles
        else:
            return _goodbye(request)
    context = {"form": form, "obstacles": obstacles}
    status = 400 if form.is_bound else 200
    return render(request, "accounts/delete_account.html", context, status=status)


def _goodbye(request: HttpRequest) -> HttpResponse:
    """Lead out who is nobody any more, and forget the device as theirs."""
    logout(request)
    messages.success(request, DELETED)
    response = redirect("login")
    response.delete_cookie(settings.ZAVORA_DEVICE_COOKIE_NAME)
    return response


def _sentences(obstacles: dict[str, Any]) -> list[str]:
    return [sentence(f"{name}: {text}") for name, text in obstacles.items()]
