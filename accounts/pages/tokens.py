"""The page of API keys: what there is, a form to make one, and what becomes of them."""

from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access.page_actors import customer_of, user_of
from accounts.access.rates import take_new_key as count_new_key
from accounts.access.selectors import list_keys
from accounts.pages.confirm import confirmed
from accounts.pages.forms import KeyForm
from accounts.pages.new_tokens import keep_new_key, take_new_key
from accounts.pages.sharing import reached_choices
from accounts.services import create_key, rename_key, revoke_key
from zavora.foundation.digits import number_of
from zavora.foundation.errors import ZavoraError
from zavora.foundation.forms import sentence, show_error

KEYS_SHOWN_MAX: Final = 20


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def keys(request: HttpRequest) -> HttpResponseBase:
    """Show the keys, and one that was just made this once; or make one."""
    if request.method == "POST":
        return _make(request)
    accounts = reached_choices(user_of(request).pk)
    return _page(request, KeyForm(accounts=accounts), new_key=take_new_key(request))


@confirmed(resumes=True)
def _make(request: HttpRequest) -> HttpResponse:
    """Make a key and lead back to the page, so that a reload makes no other."""
    count_new_key(user_of(request).pk)
    form = KeyForm(request.POST, accounts=reached_choices(user_of(request).pk))
    if form.is_valid():
        try:
            row, secret = create_key(
                by=customer_of(request),
                kind=form.cleaned_data["kind"],
                terms=form.terms(),
                public_key_pem=form.cleaned_data["public_key"] or None,
            )
        except ZavoraError as error:
            show_error(form, error)
        else:
            name = None if row.kind == row.Kind.BEARER else row.lookup
            keep_new_key(request, name=name, secret=secret)
            return redirect("keys")
    return _page(request, form, status=400)


@login_required
@require_POST
def revoke(request: HttpRequest, key_id: int) -> HttpResponse:
    """Make one of the user's keys worthless."""
    try:
        revoke_key(by=customer_of(request), key_id=key_id)
    except ZavoraError as error:
        messages.error(request, sentence(str(error)))
    else:
        messages.success(request, "The key is revoked.")
    return redirect("keys")


@login_required
@require_POST
def rename(request: HttpRequest, key_id: int) -> HttpResponse:
    """Give one of the user's keys another name."""
    label = request.POST.get("label", "").strip()
    try:
        rename_key(by=customer_of(request), key_id=key_id, label=label)
    except ZavoraError as error:
        told = error.details.get("label")
        messages.error(request, sentence(f"name: {told}" if told else str(error)))
    else:
        messages.success(request, "The key is renamed.")
    return redirect("keys")


def _page(
    request: HttpRequest, form: KeyForm, *, status: int = 200, new_key: Any = None
) -> HttpResponse:
    found = list_keys(user_of(request).pk, cursor=_cursor_of(request), limit=KEYS_SHOWN_MAX + 1)
    shown = found[:KEYS_SHOWN_MAX]
    context = {
        "keys": shown,
        "next": shown[-1].pk if len(found) > KEYS_SHOWN_MAX else None,
        "is_first_page": _cursor_of(request) is None,
        "new_key": new_key,
        "form": form,
    }
    return render(request, "accounts/keys.html", context, status=status)


def _cursor_of(request: HttpRequest) -> int | None:
    return number_of(request.GET.get("before", ""))
