"""What follows the password, or stands in for it: codes and passkeys at the door."""

from typing import Any

from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.webauthn.views import LoginWebAuthnView
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.access.attempts import count_attempt
from accounts.access.page_actors import address_of
from accounts.access.security_log import note
from accounts.pages.door import TOO_MANY_ATTEMPTS, waiting
from accounts.pages.factor_forms import CodeForm, PasskeyForm, PasskeyLoginForm
from accounts.people.factors import list_factors


@method_decorator(require_http_methods(["GET", "HEAD", "POST"]), name="dispatch")
@method_decorator(never_cache, name="dispatch")
@method_decorator(sensitive_post_parameters(), name="dispatch")
class SecondFactor(AuthenticateView):
    """Ask whoever gave the right password for their second factor."""

    template_name = "accounts/second_factor.html"
    form_class = CodeForm
    webauthn_form_class = PasskeyForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what the person has."""
        factors = list_factors(self.stage.login.user.pk)
        has_passkey = any(one.type == one.Type.WEBAUTHN for one in factors)
        return {**super().get_context_data(**kwargs), "has_passkey": has_passkey}

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again, and say when to come back where that is not now."""
        response: HttpResponse = super().form_invalid(form)
        if retry_after_s := getattr(form, "retry_after_s", 0):
            response.status_code = 429
            response["Retry-After"] = str(retry_after_s)
        return response


@method_decorator(require_http_methods(["GET", "HEAD", "POST"]), name="dispatch")
@method_decorator(never_cache, name="dispatch")
class PasskeyLogin(LoginWebAuthnView):
    """Give a page's script what a passkey signs (GET, as JSON), and let in who signed it."""

    form_class = PasskeyLoginForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Count who comes: each makes a session, or asks for arithmetic."""
        attempt = count_attempt(address=address_of(request))
        if not attempt.refused_by:
            return super().dispatch(request, *args, **kwargs)
        note("login_limited", reason=attempt.refused_by, door="passkey")
        wait_s = attempt.retry_after_s
        messages.error(request, TOO_MANY_ATTEMPTS.format(wait=waiting(wait_s)))
        return redirect("login")
