"""The operators' pages as actors."""

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from accounts.access.actor import Actor
from accounts.models import User
from zavora.foundation.errors import Unauthorized


def operator_of(request: HttpRequest) -> Actor:
    """Return who sits at an operators' page, with the permissions of this moment."""
    user = request.user
    if isinstance(user, AnonymousUser) or not isinstance(user, User):
        raise Unauthorized("not logged in")
    return Actor.operator(
        user_id=user.pk,
        name=user.email,
        permissions=user.get_all_permissions(),
        is_superuser=user.is_superuser and user.is_active,
        address=str(request.META.get("REMOTE_ADDR", "")),
        request_id=str(getattr(request, "request_id", "")),
    )
