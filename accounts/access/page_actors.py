"""Who sits at a page: a customer like any other or, at the operators' pages, an operator."""

from django.http import HttpRequest

from accounts.access.actor import Actor, ActorKind
from accounts.access.callers import SCOPES
from accounts.access.confirmation import shown_at
from accounts.models import User
from zavora.foundation.errors import Unauthorized


def customer_of(request: HttpRequest) -> Actor:
    """Return who is logged in as the customer that everybody is at these pages, staff too."""
    user = user_of(request)
    return Actor(
        kind=ActorKind.USER,
        name=user.email,
        user_id=user.pk,
        address=address_of(request),
        request_id=request_id_of(request),
        scopes=frozenset(SCOPES),
        confirmed_at=shown_at(request, user, by_factor=True),
    )


def person_at(request: HttpRequest, user: User) -> Actor:
    """Return somebody who is on the way in, or proved by a mailed link who they are: no scopes."""
    return Actor(
        kind=ActorKind.USER,
        name=user.email,
        user_id=user.pk,
        address=address_of(request),
        request_id=request_id_of(request),
    )


def operator_of(request: HttpRequest) -> Actor:
    """Return who sits at an operators' page, with the permissions of this moment.

    Their reason is what a form of the page asked for by that name.
    """
    user = user_of(request)
    return Actor.operator(
        user_id=user.pk,
        name=user.email,
        permissions=user.get_all_permissions(),
        is_superuser=user.is_superuser and user.is_active,
        address=address_of(request),
        request_id=request_id_of(request),
        reason=request.POST.get("reason", "").strip(),
    )


def user_of(request: HttpRequest) -> User:
    """Return who is logged in; raises Unauthorized where nobody is."""
    if not isinstance(request.user, User):
        raise Unauthorized("not logged in")
    return request.user


def address_of(request: HttpRequest) -> str:
    """Return where a request comes from."""
    return str(request.META.get("REMOTE_ADDR", ""))


def request_id_of(request: HttpRequest) -> str:
    """Return the id of a request, by which logs and records name it."""
    return str(getattr(request, "request_id", ""))
