"""Who is asking: tokens, signatures and browser sessions, by the same rules for every edge.

A key comes before a session, and one that is not valid is refused even where a session is at hand.
A session's unsafe requests pass Django's own cross-site check.
"""

import ipaddress
from collections.abc import Mapping
from importlib import import_module
from io import BytesIO
from typing import Any, Final
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.request import Request

from accounts.access.actor import Actor
from accounts.access.callers import Caller
from accounts.access.confirmation import shown_at
from accounts.access.selectors import find_api_key, find_caller_by_token, get_caller_of_user
from accounts.people.selectors import find_user
from accounts.services import ensure_user
from api.access import replays
from api.access.signatures import HEADERS, Signed, check_signed, read_signed, signed_text
from api.access.usable import check_usable
from zavora.foundation.errors import BadRequest, Forbidden, Unauthorized

BEARER: Final = "bearer"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Owns what unauthenticated local clients make where ZAVORA_OPEN_API is on.
OPEN_API_EMAIL: Final = "open-api@localhost"


def bearer_token(authorization: str | None) -> str | None:
    """Return the token of an Authorization header, None without one. Raises Unauthorized."""
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != BEARER or not token:
        raise Unauthorized("Send the credential as 'Authorization: Bearer TOKEN'.")
    return token


def require_one_credential(token: str | None, signed: Signed | None) -> None:
    """Raise Unauthorized for a request that comes with a token and with a signature."""
    if token is not None and signed is not None:
        raise Unauthorized("Send a token or a signature, not both.", reason="two_credentials")


def target_of(scope: Mapping[str, Any]) -> bytes:
    """Return the path of a request with its query, as it was sent: what v1 has signed."""
    path = scope.get("raw_path") or quote(scope["path"]).encode()  # Daphne keeps no raw path
    query: bytes = scope.get("query_string", b"")
    return path + b"?" + query if query else path


def session_key(cookies: str | None) -> str | None:
    """Return the session of a Cookie header, None without one."""
    name: str = settings.SESSION_COOKIE_NAME
    if cookies is None or name not in cookies:
        return None
    for part in cookies.split(";"):
        key, _, value = part.strip().partition("=")
        if key == name and value:
            return value
    return None


def find_caller_by_session(session_key: str) -> Caller | None:
    """Return the user of a session cookie as a caller; None where it is no live session."""
    engine = import_module(settings.SESSION_ENGINE)
    request = HttpRequest()
    request.session = engine.SessionStore(session_key)
    user = get_user(request)
    if not user.is_authenticated or user.pk is None:
        return None
    return get_caller_of_user(user.pk, confirmed_at=shown_at(request, user, by_factor=True))


def get_open_api_caller() -> Caller:
    """Return the caller that stands for every unauthenticated local client (ZAVORA_OPEN_API)."""
    user = find_user(OPEN_API_EMAIL) or ensure_user(
        by=Actor.system("ZAVORA_OPEN_API"), email=OPEN_API_EMAIL
    )
    return get_caller_of_user(user.pk)


# --- cross-site requests --------------------------------------------------------------------------


def _csrf_answer(_request: HttpRequest) -> Any:
    """Stand for the view that Django's check guards; it is never called."""


def check_csrf(request: HttpRequest) -> None:
    """Raise Forbidden unless an unsafe request passes Django's check (token, Origin, Referer)."""
    check = CSRFCheck(_csrf_answer)
    check.process_request(request)
    reason = check.process_view(request, _csrf_answer, (), {})
    if reason:
        raise Forbidden("The cross-site request check failed.", reason=str(reason))


def check_local_origin(request: HttpRequest) -> None:
    """Raise Forbidden for a request that a foreign page makes to an open exchange."""
    host = request.get_host()  # checks ALLOWED_HOSTS, so a rebound name does not pass either
    origin = request.META.get("HTTP_ORIGIN")
    if origin is not None and origin != f"{request.scheme}://{host}":
        raise Forbidden("Requests of other sites are not taken.")
    try:
        is_local = ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        is_local = False
    if not is_local:
        raise Unauthorized("Without a credential only local clients are served.")


def django_request(scope: dict[str, Any]) -> HttpRequest:
    """Return an ASGI request as Django sees it, without its body (for Django's own checks)."""
    try:
        return ASGIRequest(scope, BytesIO(b""))
    except (ValueError, UnicodeError):
        raise BadRequest("The request's headers could not be read.") from None


# --- REST framework -------------------------------------------------------------------------------


class CallerUser:
    """What REST framework calls the user of a request that came with a token."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def __init__(self, caller: Caller) -> None:
        self.pk = self.id = caller.user_id
        self.email = caller.email

    def __str__(self) -> str:
        return self.email


class CallerAuthentication(BaseAuthentication):
    """Sets ``request.auth`` to the Caller; without any credential the request stays anonymous."""

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        """Return user and caller, None without a credential; raises Unauthorized, Forbidden."""
        token = bearer_token(request.META.get("HTTP_AUTHORIZATION"))
        signed = read_signed([request.headers.get(name) for name in HEADERS])
        require_one_credential(token, signed)
        if signed is not None:
            caller = _caller_who_signed(request, signed)
            return CallerUser(caller), caller
        if token is not None:
            caller = check_usable(
                find_caller_by_token(token), ip=request.META.get("REMOTE_ADDR", "")
            )
            return CallerUser(caller), caller
        user = getattr(request._request, "user", None)
        if user is not None and user.is_authenticated:
            if request.method not in SAFE_METHODS:
                check_csrf(request._request)
            confirmed_at = shown_at(request._request, user, by_factor=True)
            return user, get_caller_of_user(user.pk, confirmed_at=confirmed_at)
        if settings.ZAVORA_OPEN_API:
            check_local_origin(request._request)
            caller = get_open_api_caller()
            return CallerUser(caller), caller
        return None

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme that a 401 asks for."""
        return 'Bearer realm="zavora"'


def _caller_who_signed(request: Request, signed: Signed) -> Caller:
    django = request._request
    target = (
        target_of(django.scope)
        if isinstance(django, ASGIRequest)
        else django.get_full_path().encode()
    )
    method = django.method or ""
    text = signed_text(signed, method, target, django.body)
    key = find_api_key(signed.key_name)
    caller, mark = check_signed(key, signed, text, ip=request.META.get("REMOTE_ADDR", ""))
    replays.require_new(mark, is_write=method not in SAFE_METHODS)
    return caller
