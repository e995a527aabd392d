"""Pages about one's e-mail address: look into your mail, and what the mailed link leads to."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.account.views import ConfirmEmailView
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access.attempts import may_mail
from accounts.models import User


@never_cache
@require_safe
def look_into_mail(request: HttpRequest) -> HttpResponse:
    """Say that there is a link in the mail, without which nobody goes on."""
    return render(request, "accounts/look_into_mail.html")


# A look at the page proves nothing: programs that read mail follow links. The button does.
@method_decorator(require_http_methods(["GET", "HEAD", "POST"]), name="dispatch")
@method_decorator(never_cache, name="dispatch")
class ConfirmEmail(ConfirmEmailView):
    """Take the address as proved, and let in who is waiting for it in this very browser."""

    template_name = "accounts/confirm_email.html"

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        """Take it; a link that is not good any more says so on the page."""
        try:
            return super().post(*args, **kwargs)
        except Http404:
            self.object = None
            return self.render_to_response(self.get_context_data(), status=400)

    def logout_other_user(self, confirmation: Any) -> None:
        """Leave whoever is logged in alone: a link must not be able to log anybody out."""


def send_confirmation(request: HttpRequest, user: User) -> None:
    """Mail somebody who has just signed up the link that proves their address."""
    if may_mail(user.email):
        EmailAddress.objects.get(user=user, primary=True).send_confirmation(request, signup=True)


def tell_of_sign_up(request: HttpRequest, email: str) -> None:
    """Mail the owner of an account that somebody signed up with their address again."""
    if may_mail(email):
        get_adapter(request).send_account_already_exists_mail(email)
