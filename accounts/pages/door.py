"""The door: sign up, log in and out. One control for all of it.

``/login`` and ``/admin/login/`` are this one view, so that no limit can be walked around. Whatever
is refused reads alike, whoever has an account; the reason is in the log alone.
"""

from typing import Any, Final

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login as SigningIn
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.access.attempts import Attempt, count_attempt
from accounts.access.devices import known_device
from accounts.access.page_actors import address_of, customer_of
from accounts.access.rates import take_sign_up
from accounts.access.security_log import note
from accounts.pages.emails import send_confirmation, tell_of_sign_up
from accounts.pages.forms import LoginForm, SignUpForm
from accounts.services import forget_own_sessions, sign_up
from zavora.foundation.errors import Conflict, Overloaded, RateLimited, ZavoraError
from zavora.foundation.forms import show_error

TOO_MANY_ATTEMPTS: Final = "Too many attempts. Try again in {wait}."
BUSY: Final = "Too many people are logging in right now. Try again in a moment."
SIGNED_UP: Final = "If the address was free, the account is made. Log in."
BUSY_RETRY_S: Final = 1
EMAIL_LENGTH_MAX: Final = 254
# Where the next log-in page finds the address that was just signed up with.
_EMAIL_IN_SESSION: Final = "signed_up_email"


def waiting(seconds: int) -> str:
    """Return a wait as people say it."""
    if seconds < 60:
        return "a minute" if seconds > 5 else "a few seconds"
    minutes = -(-seconds // 60)
    return f"{minutes} minutes" if minutes > 1 else "a minute"


def safe_next(request: HttpRequest) -> str:
    """Return the page of ours that the request wants to end on; empty where it names none."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else ""


# --- in ------------------------------------------------------------------------------------------


# Django's own would take a form by PUT, too.
@method_decorator(require_http_methods(["GET", "HEAD", "POST"]), name="dispatch")
@method_decorator(never_cache, name="dispatch")
class Login(LoginView):
    """Let a person in, with limits on guesses; with ``staff_only`` none but operators."""

    template_name = "accounts/login.html"
    authentication_form = LoginForm  # type: ignore[assignment]
    staff_only = False
    _attempt: Attempt

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Lead on whoever is in already, but nobody in circles who may not enter."""
        self.redirect_authenticated_user = not self.staff_only or bool(
            getattr(request.user, "is_staff", False)
        )
        return super().dispatch(request, *args, **kwargs)

    def get_initial(self) -> dict[str, Any]:
        """Fill in the address of somebody who has just signed up, once."""
        email = self.request.session.pop(_EMAIL_IN_SESSION, "") if self._is_get else ""
        return {**super().get_initial(), "email": email}

    def get_form_kwargs(self) -> dict[str, Any]:
        """Add who may enter; what Django's own admin called the address is understood."""
        kwargs = super().get_form_kwargs()
        data = kwargs.get("data")
        if data is not None and "email" not in data and "username" in data:
            data = data.copy()
            data["email"] = data["username"]
            kwargs["data"] = data
        return {**kwargs, "staff_only": self.staff_only}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Count the attempt, then check the password."""
        email = self._email
        device = known_device(request, email)
        self._attempt = count_attempt(address=address_of(request), email=email, device=device)
        if self._attempt.refused_by:
            note("login_limited", email=email, reason=self._attempt.refused_by, door=self._door)
            wait_s = self._attempt.retry_after_s
            return self._refused(429, TOO_MANY_ATTEMPTS.format(wait=waiting(wait_s)), wait_s)
        try:
            return super().post(request, *args, **kwargs)
        except Overloaded:
            self._attempt.give_back()
            note("login_limited", email=email, reason="busy", door=self._door)
            return self._refused(503, BUSY, BUSY_RETRY_S)

    def form_valid(self, form: Any) -> HttpResponse:
        """Go on to what else is asked of the person; ``AccountAdapter`` lets them in."""
        user = form.get_user()
        self._attempt.forget()
        log_in = SigningIn(
            user=user,
            email=user.email,
            redirect_url=self.get_success_url(),
            signal_kwargs={"door": self._door},
        )
        response: HttpResponse = perform_password_login(self.request, {"email": user.email}, log_in)
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again."""
        note("login_refused", email=self._email, reason=form.refused_as, door=self._door)
        return super().form_invalid(form)

    def _refused(self, status: int, message: str, retry_after_s: int) -> HttpResponse:
        """Show the form with its address, and say when to come back; nothing was tried."""
        form = LoginForm(self.request, initial={"email": self._email})
        context = self.get_context_data(form=form)
        messages.error(self.request, message)
        response = render(self.request, self.template_name, context, status=status)
        response["Retry-After"] = str(retry_after_s)
        return response

    @property
    def _is_get(self) -> bool:
        return self.request.method == "GET"

    @property
    def _email(self) -> str:
        sent = self.request.POST
        # Stripped first, as the form does: spaces must not make another person of it.
        return sent.get("email", sent.get("username", "")).strip()[:EMAIL_LENGTH_MAX]

    @property
    def _door(self) -> str:
        return "admin" if self.staff_only else "page"


# --- out -----------------------------------------------------------------------------------------


class Logout(LogoutView):
    """End the session, in the memory of every process too."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Log out and tell the processes that may remember the session."""
        by = customer_of(request) if request.user.is_authenticated else None
        key = request.session.session_key or ""
        response: HttpResponseBase = super().post(request, *args, **kwargs)
        if by is not None:
            forget_own_sessions(by=by, session_key=key)
            note("logged_out", user_id=by.user_id)
        # Nobody who comes to this browser next goes back to what it has shown.
        response["Clear-Site-Data"] = '"cache"'
        return response


# --- sign up -------------------------------------------------------------------------------------


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def signup(request: HttpRequest) -> HttpResponse:
    """Make a user with a first account, and lead to the log-in page.

    The answer and the work are the same where the address has an account already: nobody learns
    from here who has one.
    """
    if request.user.is_authenticated:
        return redirect(settings.LOGIN_REDIRECT_URL)
    if request.method == "GET":
        return _signup_page(request, SignUpForm())
    attempt = count_attempt(address=address_of(request))
    if attempt.refused_by:
        note("signup_refused", email=request.POST.get("email", ""), reason=attempt.refused_by)
        return _signup_later(request, attempt.retry_after_s)
    try:
        take_sign_up(address_of(request))
    except RateLimited as error:
        note("signup_refused", email=request.POST.get("email", ""), reason="sign_ups")
        return _signup_later(request, int(error.details["retry_after"]))
    form = SignUpForm(request.POST)
    try:
        if form.is_valid():
            _sign_up(request, form.cleaned_data["email"], form.cleaned_data["password"])
            return _to_log_in(request, form.cleaned_data["email"])
    except Overloaded:  # looking at a password is slow work, too
        email = request.POST.get("email", "")
        note("signup_refused", email=email, reason="busy")
        messages.error(request, BUSY)
        form = SignUpForm(initial={"email": email[:EMAIL_LENGTH_MAX]})
        return _signup_page(request, form, status=503, retry_after_s=BUSY_RETRY_S)
    except ZavoraError as error:
        show_error(form, error)
    note("signup_refused", email=request.POST.get("email", ""), reason="bad_form")
    return _signup_page(request, form, status=400)


def _sign_up(request: HttpRequest, email: str, password: str) -> None:
    """Make the user, or change nothing where there is one; both get a mail, and end alike."""
    try:
        user = sign_up(email=email, password=password)
    except Conflict:
        note("signup_refused", email=email, reason="taken")
        tell_of_sign_up(request, email)
    else:
        note("signed_up", user_id=user.pk)
        send_confirmation(request, user)


def _to_log_in(request: HttpRequest, email: str) -> HttpResponse:
    request.session[_EMAIL_IN_SESSION] = email
    messages.success(request, SIGNED_UP)
    wanted = safe_next(request)
    answer = redirect("login")
    if wanted:
        answer["Location"] += "?" + urlencode({"next": wanted})
    return answer


def _signup_later(request: HttpRequest, wait_s: int) -> HttpResponse:
    form = SignUpForm(initial={"email": request.POST.get("email", "")[:EMAIL_LENGTH_MAX]})
    messages.error(request, TOO_MANY_ATTEMPTS.format(wait=waiting(wait_s)))
    return _signup_page(request, form, status=429, retry_after_s=wait_s)


def _signup_page(
    request: HttpRequest, form: forms.Form, *, status: int = 200, retry_after_s: int = 0
) -> HttpResponse:
    context = {"form": form, "next": safe_next(request)}
    response = render(request, "accounts/signup.html", context, status=status)
    if retry_after_s:
        response["Retry-After"] = str(retry_after_s)
    return response
