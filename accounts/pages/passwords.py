"""New passwords: by an operator's link, once, or at the operators' pages by the old one.

Django's own view keeps a link's token out of the page's address, so no link on the page tells it.
"""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView, PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.access.attempts import count_attempt
from accounts.access.page_actors import address_of, operator_of, request_id_of, user_of
from accounts.access.security_log import note
from accounts.models import User
from accounts.pages.door import BUSY, BUSY_RETRY_S
from accounts.people.password_links import find_user_of_link, reset_tokens
from accounts.services import change_own_password, reset_password
from zavora.foundation.errors import Overloaded, RateLimited, ZavoraError
from zavora.foundation.forms import show_error

TOKEN_IN_SESSION = "_password_reset_token"  # noqa: S105 - Django's name for where it is kept


# Django's own would take a form by PUT, too.
@method_decorator(require_http_methods(["GET", "HEAD", "POST"]), name="dispatch")
@method_decorator(never_cache, name="dispatch")
class SetPassword(PasswordResetConfirmView):
    """Set a new password by a link that works once."""

    template_name = "accounts/set_password.html"
    token_generator = reset_tokens
    reset_url_token = "new"  # noqa: S105 - what the address says instead of the token
    success_url = reverse_lazy("login")

    def get_user(self, uidb64: str) -> User | None:
        """Return whose link it is; None where there is no such user, or they are shut out."""
        user = find_user_of_link(uidb64)
        return user if user is not None and user.is_active else None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Tell the page whether the link is good, and the log where it is not."""
        if not self.validlink:
            user = getattr(self, "user", None)
            note("reset_link_refused", user_id=user.pk if user else None, reason="not_valid")
        return super().get_context_data(**kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Set the password; where too many are hashed at once nothing was tried."""
        try:
            return super().post(request, *args, **kwargs)
        except Overloaded:
            messages.error(request, BUSY)
            form_class: Any = self.get_form_class()
            context = self.get_context_data(form=form_class(self.user))
            page = self.render_to_response(context, status=503)
            page["Retry-After"] = str(BUSY_RETRY_S)
            return page

    def form_valid(self, form: Any) -> HttpResponse:
        """Set the password by the service, which asks the token again under a lock."""
        try:
            reset_password(
                user_id=form.user.pk,
                token=self.request.session.get(TOKEN_IN_SESSION, ""),
                password=form.cleaned_data["new_password1"],
                address=address_of(self.request),
                request_id=request_id_of(self.request),
            )
        except Overloaded:
            raise
        except ZavoraError as error:
            show_error(form, error)
            return self.form_invalid(form)
        self.request.session.pop(TOKEN_IN_SESSION, None)
        messages.success(self.request, "Your password is set. Log in with it.")
        return HttpResponse(status=302, headers={"Location": str(self.get_success_url())})


# --- an operator's own password ------------------------------------------------------------------


class OwnPasswordForm(PasswordChangeForm):
    """The old password and a new one; the service asks the old one, under its lock."""

    required_css_class = "required"

    def clean_old_password(self) -> str:
        """Take it as it is."""
        return str(self.cleaned_data["old_password"])


class ChangePassword(PasswordChangeView):
    """Change one's own password at the operators' pages."""

    form_class = OwnPasswordForm
    success_url = reverse_lazy("admin:password_change_done")

    def form_valid(self, form: Any) -> HttpResponse:
        """Change it by the service; this session alone goes on."""
        try:
            user = change_own_password(
                by=operator_of(self.request),
                old_password=form.cleaned_data["old_password"],
                new_password=form.cleaned_data["new_password1"],
            )
        except Overloaded:
            raise
        except ZavoraError as error:
            show_error(form, error)
            return self.form_invalid(form)
        update_session_auth_hash(self.request, user)
        return HttpResponse(status=302, headers={"Location": str(self.get_success_url())})


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def change_password(request: HttpRequest) -> HttpResponseBase:
    """Let an operator change their own password; a guess at the old one counts like any other."""
    page = ChangePassword.as_view(extra_context=admin.site.each_context(request))
    if request.method != "POST":
        return page(request)
    user = user_of(request)
    attempt = count_attempt(address=address_of(request), email=user.email)
    if attempt.refused_by:
        note("password_change_limited", user_id=user.pk, reason=attempt.refused_by)
        raise RateLimited("Too many attempts.", retry_after=attempt.retry_after_s)
    try:
        response = page(request)
    except Overloaded:
        attempt.give_back()
        raise
    if response.status_code == 302:
        attempt.forget()
    else:
        note("password_change_refused", user_id=user.pk, reason="bad_form")
    return response
