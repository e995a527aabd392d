"""Before anything dangerous: show again that it is you."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.reauthentication import resume_request, suspend_request
from allauth.mfa.webauthn.internal.auth import begin_authentication
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.access.attempts import count_attempt
from accounts.access.confirmation import has_second_factor, is_confirmed
from accounts.access.devices import known_device
from accounts.access.page_actors import address_of, user_of
from accounts.access.security_log import note
from accounts.models import User
from accounts.pages.door import TOO_MANY_ATTEMPTS, safe_next, waiting
from accounts.pages.factor_forms import ConfirmCodeForm, ConfirmPasskeyForm
from accounts.people.factors import list_factors
from zavora.foundation.errors import Overloaded

FACTOR_FIRST: Final = "This asks for a second factor. Add an app or a passkey first."
REFUSED: Final = "Wrong password."
View = Callable[..., HttpResponseBase]


def confirmed(*, resumes: bool) -> Callable[[View], View]:
    """Let a view be called by those alone who have shown just now that they are who they are.

    ``resumes``: a form that was sent before takes effect afterwards. One with a secret in it must
    not, as it would lie in the session meanwhile: its page comes again, empty.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def ask_first(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if is_confirmed(request, user_of(request)):
                return view(request, *args, **kwargs)
            page = reverse("confirm")
            if resumes:
                answer: HttpResponseBase = suspend_request(request, page)
                return answer
            return redirect(f"{page}?{urlencode({'next': request.path})}")

        return ask_first

    return decorate


def factor_asked(setting: str) -> Callable[[View], View]:
    """Let a view be called, where a setting is on, by whoever has just shown a second factor."""

    def decorate(view: View) -> View:
        guarded = confirmed(resumes=True)(view)

        @wraps(view)
        def ask_first(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not getattr(settings, setting):
                return view(request, *args, **kwargs)
            if has_second_factor(user_of(request).pk):
                return guarded(request, *args, **kwargs)
            messages.error(request, FACTOR_FIRST)
            return redirect("security")

        return ask_first

    return decorate


class ConfirmPasswordForm(forms.Form):
    """The password again, of somebody who has nothing stronger. Guesses count as at the door."""

    password = forms.CharField(
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )

    def __init__(self, *args: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request, self._user = request, user
        self.retry_after_s = 0

    def clean_password(self) -> str:
        """Check it."""
        password = str(self.cleaned_data["password"])
        email = self._user.email
        device = known_device(self._request, email)
        attempt = count_attempt(address=address_of(self._request), email=email, device=device)
        if attempt.refused_by:
            self.retry_after_s = attempt.retry_after_s
            note("confirmation_limited", user_id=self._user.pk, reason=attempt.refused_by)
            raise forms.ValidationError(
                TOO_MANY_ATTEMPTS.format(wait=waiting(attempt.retry_after_s))
            )
        try:
            is_right = self._user.check_password(password)
        except Overloaded:
            attempt.give_back()
            raise
        if not is_right:
            note("confirmation_refused", user_id=self._user.pk, reason="wrong_credentials")
            raise forms.ValidationError(REFUSED)
        attempt.forget()
        return password

    def save(self) -> None:
        """Write down in the session that it was shown."""
        record_authentication(self._request, self._user, "password", reauthenticated=True)


@never_cache
@sensitive_post_parameters()
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """Ask for the strongest that the person has, then lead on to what they wanted."""
    user = user_of(request)
    form = _form_of(request, user)
    if request.method == "POST" and form.is_valid():
        form.save()
        note("confirmed", user_id=user.pk)
        return resume_request(request) or redirect("security")
    has_passkey = any(one.type == one.Type.WEBAUTHN for one in list_factors(user.pk))
    is_code = has_second_factor(user.pk)
    context = {
        "form": ConfirmCodeForm(user=user) if isinstance(form, ConfirmPasskeyForm) else form,
        "errors": form.errors.get("credential", []),
        "is_code": is_code,
        "passkey_options": begin_authentication(user) if has_passkey else None,
        "next": safe_next(request),
    }
    response = render(request, "accounts/confirm.html", context)
    if retry_after_s := getattr(form, "retry_after_s", 0):
        response.status_code = 429
        response["Retry-After"] = str(retry_after_s)
    return response


def _form_of(request: HttpRequest, user: User) -> Any:
    """Return the form that counts for this person, filled in with what was sent."""
    data = request.POST if request.method == "POST" else None
    if not has_second_factor(user.pk):
        return ConfirmPasswordForm(data, request=request, user=user)
    if data is not None and "credential" in data:
        return ConfirmPasskeyForm(data, user=user)
    return ConfirmCodeForm(data, user=user)
