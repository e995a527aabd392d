"""The operators' pages ask for a second factor, where that is set, and tell the log who looks."""

from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from accounts.access.confirmation import has_second_factor, shown_at
from accounts.access.rights import is_privileged
from accounts.access.security_log import note
from accounts.models import User
from accounts.pages.door import Login, Logout

NEEDED: Final = "Operators need a second factor: an app or a passkey."
# The way in and out.
_DOORS: Final = (Login, Logout)


class OperatorsMiddleware:
    """Lets operators in whose session showed a second factor; others are led to where it is shown.

    All under the operators' address but the door is held, whatever pages will come to be there. Who
    is no operator is refused by the pages themselves.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        """Lead an operator without it elsewhere; note what others look at."""
        if getattr(view, "view_class", None) in _DOORS:
            return None
        user = request.user
        is_held = request.path.startswith(reverse("admin:index"))
        if not is_held or not isinstance(user, User) or not is_privileged(user):
            return None
        if not settings.ZAVORA_OPERATORS_MFA or shown_at(request, user, by_factor=True):
            # Not the query: what was searched for is somebody's address.
            note("operator_looked", user_id=user.pk, method=request.method, path=request.path)
            return None
        note("operator_refused", user_id=user.pk, reason="no_second_factor")
        if has_second_factor(user.pk):
            return redirect(f"{reverse('confirm')}?{urlencode({'next': request.get_full_path()})}")
        messages.error(request, NEEDED)
        return redirect("security")
