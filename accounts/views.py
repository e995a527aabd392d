"""The account pages: sign up, log in and out, balances, tokens, faucet, withdrawals."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.attempts import count_attempt, forget_attempts
from accounts.callers import Caller
from accounts.forms import (
    DepositForm,
    LoginForm,
    MoneyForm,
    SignUpForm,
    TokenForm,
    WithdrawForm,
    show_error,
)
from accounts.models import Account, Balance
from accounts.postings import total_of
from accounts.selectors import get_caller_of_user, list_accounts, list_assets, list_tokens
from accounts.services import (
    SOURCE_FAUCET,
    create_token,
    deposit,
    forget_sessions_of,
    request_withdrawal,
    revoke_key,
    sign_up,
)
from zavora.errors import Unauthorized, ZavoraError
from zavora.money import format_decimal

TOO_MANY_ATTEMPTS = "Too many attempts. Try again in a quarter of an hour."


class BalanceRow(msgspec.Struct, frozen=True):
    """A balance as the page shows it."""

    asset: str
    total: str
    available: str
    locked: str


class AccountRow(msgspec.Struct, frozen=True):
    """An account as the page shows it."""

    id: UUID
    label: str
    status: str
    balances: list[BalanceRow]


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


# --- in and out ----------------------------------------------------------------------------------


@never_cache
@require_http_methods(["GET", "POST"])
def signup(request: HttpRequest) -> HttpResponse:
    """Make a user with a first account and log them in."""
    if request.user.is_authenticated:
        return redirect(settings.LOGIN_REDIRECT_URL)
    form = SignUpForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 400
        if not count_attempt(address=_address(request)):
            form.add_error(None, TOO_MANY_ATTEMPTS)
            status = 429
        elif form.is_valid():
            try:
                user = sign_up(
                    email=form.cleaned_data["email"], password=form.cleaned_data["password"]
                )
            except ZavoraError as error:
                show_error(form, error)
            else:
                login(request, user)
                return redirect(_next_page(request))
    context = {"form": form, "next": request.POST.get("next") or request.GET.get("next", "")}
    return render(request, "accounts/signup.html", context, status=status)


def _next_page(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next", "")
    if url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return wanted
    return str(settings.LOGIN_REDIRECT_URL)


@method_decorator(never_cache, name="dispatch")
class Login(LoginView):
    """Let a user in, with a limit on guesses."""

    template_name = "accounts/login.html"
    authentication_form = LoginForm  # type: ignore[assignment]
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Count the attempt, check the password, and forget the count after a success."""
        email = request.POST.get("email", "")[:254]
        if not count_attempt(address=_address(request), email=email):
            form = LoginForm(request, initial={"email": email})
            context = self.get_context_data(form=form, next=request.POST.get("next", ""))
            messages.error(request, TOO_MANY_ATTEMPTS)
            return render(request, self.template_name, context, status=429)
        response = super().post(request, *args, **kwargs)
        if request.user.is_authenticated:
            forget_attempts(address=_address(request), email=email)
        return response


class Logout(LogoutView):
    """End the session, in the memory of every process too."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Log out and tell the processes that may remember the session."""
        user_id = request.user.pk
        response: HttpResponseBase = super().post(request, *args, **kwargs)
        if user_id is not None:
            forget_sessions_of(user_id=user_id)
        return response


# --- the account page ----------------------------------------------------------------------------


@never_cache
@login_required
@require_GET
def account(request: HttpRequest) -> HttpResponse:
    """Show accounts, balances, tokens and the forms."""
    return _account_page(request)


def _user_id(request: HttpRequest) -> int:
    if request.user.pk is None:
        raise Unauthorized("not logged in")
    return request.user.pk


def _account_page(request: HttpRequest, *, status: int = 200, **changed: Any) -> HttpResponse:
    accounts = list_accounts(_user_id(request))
    assets = list_assets()
    context = {
        "accounts": [_account_row(account) for account in accounts],
        "tokens": list_tokens(_user_id(request)),
        "new_token": None,
        "token_form": TokenForm(),
        "deposit_form": (
            DepositForm(accounts=accounts, assets=assets) if settings.ZAVORA_FAUCET else None
        ),
        "withdraw_form": WithdrawForm(accounts=accounts, assets=assets),
    }
    return render(request, "accounts/account.html", context | changed, status=status)


def _account_row(account: Account) -> AccountRow:
    balances = sorted(account.balances.all(), key=lambda balance: balance.asset.code)
    return AccountRow(
        id=account.public_id,
        label=account.label,
        status=account.status,
        balances=[_balance_row(balance) for balance in balances],
    )


def _balance_row(balance: Balance) -> BalanceRow:
    scale = balance.asset.scale
    return BalanceRow(
        asset=balance.asset.code,
        total=format_decimal(total_of(balance), scale),
        available=format_decimal(balance.available, scale),
        locked=format_decimal(balance.locked, scale),
    )


@never_cache
@login_required
@require_POST
def new_token(request: HttpRequest) -> HttpResponse:
    """Make a token and show it, this once."""
    form = TokenForm(request.POST)
    if form.is_valid():
        try:
            _, token = create_token(
                user_id=_user_id(request),
                scopes=form.cleaned_data["scopes"],
                label=form.cleaned_data["label"],
            )
        except ZavoraError as error:
            show_error(form, error)
        else:
            return _account_page(request, new_token=token)
    return _account_page(request, status=400, token_form=form)


@login_required
@require_POST
def revoke_token(request: HttpRequest, key_id: int) -> HttpResponse:
    """Make one of the user's tokens worthless."""
    try:
        revoke_key(key_id=key_id, owner_id=_user_id(request))
    except ZavoraError as error:
        messages.error(request, str(error).capitalize() + ".")
    else:
        messages.success(request, "The token is revoked.")
    return redirect("account")


@never_cache
@login_required
@require_POST
def faucet_deposit(request: HttpRequest) -> HttpResponse:
    """Give one of the user's accounts play money."""

    def move(caller: Caller, form: MoneyForm) -> str:
        data = form.cleaned_data
        caller.account_pk(data["account"])
        deposit(
            account_id=data["account"],
            asset=data["asset"],
            amount=data["amount"],
            source=SOURCE_FAUCET,
            key=f"page:{data['key']}",
        )
        return f"{data['amount']:f} {data['asset']} deposited."

    return _move_money(request, DepositForm, "deposit_form", move)


@never_cache
@login_required
@require_POST
def withdraw(request: HttpRequest) -> HttpResponse:
    """Pay out from one of the user's accounts."""

    def move(caller: Caller, form: MoneyForm) -> str:
        data = form.cleaned_data
        caller.account_pk(data["account"])
        request_withdrawal(
            account_id=data["account"],
            asset=data["asset"],
            amount=data["amount"],
            address=data["address"],
            key=f"page:{data['key']}",
        )
        return f"{data['amount']:f} {data['asset']} withdrawn."

    return _move_money(request, WithdrawForm, "withdraw_form", move)


def _move_money(
    request: HttpRequest,
    form_class: type[MoneyForm],
    name: str,
    move: Callable[[Caller, MoneyForm], str],
) -> HttpResponse:
    """Read the form, call ``move``, and say how it went."""
    form = form_class(request.POST, accounts=list_accounts(_user_id(request)), assets=list_assets())
    if form.is_valid():
        try:
            done = move(get_caller_of_user(_user_id(request)), form)
        except ZavoraError as error:
            show_error(form, error)
        else:
            messages.success(request, done)
            return redirect("account")
    return _account_page(request, status=400, **{name: form})
