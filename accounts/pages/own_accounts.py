"""Forms of the account page about accounts: opening one, giving one another name."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.access.page_actors import customer_of, user_of
from accounts.pages.account import account_page
from accounts.pages.forms import LabelForm
from accounts.services import create_account, rename_account
from zavora.foundation.errors import AccountNotFound, ZavoraError
from zavora.foundation.forms import sentence, show_error


@never_cache
@login_required
@require_POST
def open_account(request: HttpRequest) -> HttpResponse:
    """Open one more account for the user."""
    form = LabelForm(request.POST)
    if form.is_valid():
        label = form.cleaned_data["label"]
        try:
            create_account(by=customer_of(request), owner_id=user_of(request).pk, label=label)
        except ZavoraError as error:
            show_error(form, error)
        else:
            messages.success(request, f"The account {label} is open.")
            return redirect("account")
    return account_page(request, status=400, new_account_form=form)


@never_cache
@login_required
@require_POST
def rename(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Give one of the user's accounts another name."""
    form = LabelForm(request.POST, about=str(account_id))
    if form.is_valid():
        label = form.cleaned_data["label"]
        try:
            rename_account(by=customer_of(request), account_id=account_id, label=label)
        except AccountNotFound as error:  # the page shows no form of it that could say so
            messages.error(request, sentence(str(error)))
            return redirect("account")
        except ZavoraError as error:
            show_error(form, error)
        else:
            messages.success(request, f"The account is called {label} now.")
            return redirect("account")
    return account_page(request, status=400, rename_form=(account_id, form))
