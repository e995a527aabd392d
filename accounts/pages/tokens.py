"""Forms of the account page about tokens."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.access.page_actors import customer_of, user_of
from accounts.pages.account import account_page
from accounts.pages.confirm import confirmed
from accounts.pages.forms import TokenForm
from accounts.pages.new_tokens import keep_new_token
from accounts.services import create_token, revoke_key
from zavora.foundation.errors import ZavoraError
from zavora.foundation.forms import sentence, show_error


@never_cache
@login_required
@require_POST
@confirmed(resumes=True)
def new_token(request: HttpRequest) -> HttpResponse:
    """Make a token and lead to the page that shows it, so that a reload makes no other."""
    form = TokenForm(request.POST)
    if form.is_valid():
        try:
            _, token = create_token(
                by=customer_of(request),
                user_id=user_of(request).pk,
                scopes=form.cleaned_data["scopes"],
                label=form.cleaned_data["label"],
            )
        except ZavoraError as error:
            show_error(form, error)
        else:
            keep_new_token(request, token)
            return redirect(reverse("account") + "#tokens")
    return account_page(request, status=400, token_form=form)


@login_required
@require_POST
def revoke_token(request: HttpRequest, key_id: int) -> HttpResponse:
    """Make one of the user's tokens worthless."""
    try:
        revoke_key(by=customer_of(request), key_id=key_id)
    except ZavoraError as error:
        messages.error(request, sentence(str(error)))
    else:
        messages.success(request, "The token is revoked.")
    return redirect("account")
