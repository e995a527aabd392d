"""What all views share: who asks, what they may, how often, and the envelope."""

from typing import Any, ClassVar, Final
from uuid import UUID

from django.db import connection
from django.http import HttpRequest
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_200_OK
from rest_framework.views import APIView

from accounts.access.actor import Actor
from accounts.access.callers import SCOPE_READ, Caller
from api import limits
from api.access.auth import CallerUser
from api.process import web_process
from api.transport.caching import mark_public
from api.transport.http import is_json
from api.v1.fields import Fields, is_uuid, query_fields
from api.v1.times import moment_text
from zavora.foundation import lasting
from zavora.foundation.digits import number_of
from zavora.foundation.errors import AccountNotFound, Forbidden, NotFound, RateLimited
from zavora.foundation.partitions.selectors import kept_since

# Of a list from the tables.
LIST_WEIGHTS: Final = {"GET": limits.LIST_WEIGHT, "HEAD": limits.LIST_WEIGHT}


class OnlyJSON(BaseContentNegotiation):
    """Answers are JSON whatever the Accept header prefers."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Return the parser, None for another media type (415)."""
        kind = (request.content_type or "application/json").encode("latin-1", "replace")
        return parsers[0] if is_json(kind) else None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        """Return the renderer."""
        return renderers[0], renderers[0].media_type


class ApiView(APIView):
    """A view for callers; ``scopes`` names the scope of each method (default: read).

    With ``is_public`` anybody may ask, and keep the answer.
    """

    content_negotiation_class = OnlyJSON
    is_public: ClassVar[bool] = False
    # Whether it lists rows of before, which may have left for archives.
    is_history: ClassVar[bool] = False
    scopes: ClassVar[dict[str, str]] = {}
    # What a request of each method counts for (default: 1).
    weights: ClassVar[dict[str, int]] = {}
    paid: limits.Paid = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Count the request, find the caller and check the scope."""
        address = request.META.get("REMOTE_ADDR", "")
        weight = self.weights.get(request.method or "", 1)
        of_address = limits.of_address(address, weight)
        self.paid = limits.take_in_thread(of_address)
        super().initial(request, *args, **kwargs)
        caller = request.auth
        if isinstance(caller, Caller):
            try:
                used = limits.take_in_thread(limits.of_caller(caller, weight))
            except RateLimited:
                limits.give_back(of_address)
                self.paid = None  # the refusal says where it stands
                raise
            self.paid = limits.tighter(self.paid, used)
            web_process().key_uses.note(caller, address)
            caller.require(self.scopes.get(request.method or "", SCOPE_READ))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Tell the caller what is left of its limit."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response["X-Content-Type-Options"] = "nosniff"
        if self.is_public:
            mark_public(response)
        if self.is_history and response.status_code == HTTP_200_OK:
            _tell_since(response)
        if self.paid is not None:
            for name, text in limits.headers(self.paid):
                response[name.decode()] = text.decode()
        return response

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """Name the methods of this path."""
        response = Response({"data": {"methods": self.allowed_methods}})
        response["Allow"] = ", ".join(self.allowed_methods)
        return response


def _tell_since(response: Response) -> None:
    """Say since when there is all of it, where what was before is in archives."""
    with connection.cursor() as cursor:
        since = kept_since(cursor)
    if since is not None:
        response["Zavora-History-Since"] = moment_text(since)


def caller_of(request: Request) -> Caller:
    """Return who asks; the permission classes let nobody else in."""
    caller = request.auth
    if not isinstance(caller, Caller):
        raise TypeError("a view for callers was reached without one")
    return caller


def actor_of(request: Request) -> Actor:
    """Return who acts, and from where."""
    return caller_of(request).actor(
        address=request.META.get("REMOTE_ADDR", ""),
        request_id=getattr(request._request, "request_id", ""),
    )


def require_session(request: Request, refusal: str) -> None:
    """Raise Forbidden, with these words, for whoever came with a key."""
    user: Any = request.user
    if isinstance(user, CallerUser):
        raise Forbidden(refusal)


def query_of(request: Request) -> Fields:
    """Return the query's fields; a repeated one is refused."""
    return query_fields(request.META.get("QUERY_STRING", "").encode("utf-8", "replace"))


def account_uuid(text: str) -> UUID:
    """Return the id of an account in a path; raises AccountNotFound for what is none."""
    if not is_uuid(text):
        raise AccountNotFound("There is no such account.")
    return UUID(text)


def row_id(text: str, *, what: str) -> int:
    """Return the id of something in a path; raises NotFound for what is none."""
    found = number_of(text)
    if found is None:
        raise NotFound(f"There is no such {what}.")
    return found


def reached_account(request: Request, text: str) -> tuple[UUID, int]:
    """Return public id and primary key of an account that the caller may look at.

    Raises AccountNotFound for one that is out of reach.
    """
    account_id = account_uuid(text)
    return account_id, caller_of(request).account_pk(account_id)


def own_account(request: Request, text: str) -> tuple[UUID, int]:
    """Return public id and primary key of an account that the caller owns.

    Raises AccountNotFound for one that is out of reach, Forbidden for one that is shared.
    """
    account_id = account_uuid(text)
    return account_id, caller_of(request).own_account_pk(account_id)


def answer(data: Any, **meta: Any) -> Response:
    """Return an answer about the caller's own with its envelope, once what it says will last.

    Raises OutcomeUnknown where that cannot be said in time (docs/durability.md).
    """
    lasting.wait()
    return public_answer(data, **meta)


def public_answer(data: Any, **meta: Any) -> Response:
    """Return an answer that confirms nothing to anybody with its envelope."""
    return Response({"data": data, "meta": meta} if meta else {"data": data})
