"""The page that an operator's link leads to: the person sets a new password, once.

Django's own view keeps the token out of the page's address, so no link on the page tells it.
"""

from typing import Any

from django.contrib import messages
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.access.security_log import note
from accounts.models import User
from accounts.pages.door import BUSY, BUSY_RETRY_S
from accounts.people.password_links import find_user_of_link, reset_tokens
from accounts.services import reset_password
from zavora.foundation.errors import Overloaded, ZavoraError
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
                address=str(self.request.META.get("REMOTE_ADDR", "")),
                request_id=str(getattr(self.request, "request_id", "")),
            )
        except Overloaded:
            raise
        except ZavoraError as error:
            show_error(form, error)
            return self.form_invalid(form)
        self.request.session.pop(TOKEN_IN_SESSION, None)
        messages.success(self.request, "Your password is set. Log in with it.")
        return HttpResponse(status=302, headers={"Location": str(self.get_success_url())})
