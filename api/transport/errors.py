"""The one mapping from failures to statuses, and the envelope that carries them everywhere.

Edge, DRF, Django's own handlers and the sockets all answer through ``render`` or ``envelope``.
Nothing unexpected is ever told to a client: it is logged with the request's id and answered with
a plain ``internal_error``.
"""

import sys
from typing import Any, Final

import structlog
from django.core.exceptions import (
    BadRequest as DjangoBadRequest,
)
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions as drf
from rest_framework.response import Response

from api.transport.error_page import error_page
from api.transport.exact_json import encode
from api.transport.refused import note_refused
from zavora.foundation import errors
from zavora.foundation.errors import ZavoraError
from zavora.foundation.logs import REQUEST_ID_HEADER, request_id_of

log = structlog.get_logger(__name__)

Headers = list[tuple[bytes, bytes]]

RETRY_AFTER_S: Final = 1


class MethodNotAllowed(ZavoraError):
    """The path exists, but not for this method; ``allow`` lists those it has."""

    code = "method_not_allowed"

    def __init__(self, allow: str) -> None:
        super().__init__(f"This path answers to {allow}.")
        self.allow = allow


class PayloadTooLarge(ZavoraError):
    """The body is longer than the exchange reads."""

    code = "payload_too_large"


class RequestTimeout(ZavoraError):
    """The body was not sent in time; nothing was done, and it may be sent again."""

    code = "request_timeout"
    retryable = True


class UnsupportedMediaType(ZavoraError):
    """The body is not labelled as JSON."""

    code = "unsupported_media_type"


HTTP_STATUS: Final[dict[type[ZavoraError], int]] = {
    errors.BadRequest: 400,
    errors.InvalidOrder: 400,
    errors.InsufficientBalance: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.AccountFrozen: 403,
    errors.NotFound: 404,
    errors.OrderNotFound: 404,
    errors.MarketNotFound: 404,
    errors.AccountNotFound: 404,
    MethodNotAllowed: 405,
    RequestTimeout: 408,
    errors.Conflict: 409,
    errors.OrderNotOpen: 409,
    errors.MarketHalted: 409,
    PayloadTooLarge: 413,
    UnsupportedMediaType: 415,
    errors.ValidationFailed: 422,
    errors.RateLimited: 429,
    errors.InternalError: 500,
    errors.Overloaded: 503,
    errors.EngineUnavailable: 503,
    errors.OutcomeUnknown: 504,
}

JSON_TYPE: Final = (b"content-type", b"application/json")
# What is private, and every refusal, may be kept by nobody on the way.
NO_STORE: Final = (b"cache-control", b"no-store")
_DRF_ERRORS: Final[dict[type[drf.APIException], type[ZavoraError]]] = {
    drf.ParseError: errors.BadRequest,
    drf.NotAuthenticated: errors.Unauthorized,
    drf.AuthenticationFailed: errors.Unauthorized,
    drf.PermissionDenied: errors.Forbidden,
    drf.NotFound: errors.NotFound,
    drf.ValidationError: errors.ValidationFailed,
}


def status_of(error: ZavoraError) -> int:
    """Return the HTTP status of a failure; a class without one of its own takes its parent's."""
    for cls in type(error).__mro__:
        if cls in HTTP_STATUS:
            return HTTP_STATUS[cls]
    return 500


def envelope(error: ZavoraError) -> dict[str, Any]:
    """Return what stands under ``error`` in every answer, sockets and batches included."""
    body: dict[str, Any] = {"code": error.code, "message": str(error)}
    if error.details:
        body["details"] = error.details
    return body


def extra_headers(error: ZavoraError) -> dict[str, str]:
    """Return the headers that a failure brings along."""
    if isinstance(error, errors.RateLimited):
        seconds = str(error.details.get("retry_after", RETRY_AFTER_S))
        limit = str(error.details.get("limit", 0))
        return {
            "Retry-After": seconds,
            "X-RateLimit-Limit": limit,
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": seconds,
        }
    if isinstance(error, (PayloadTooLarge, RequestTimeout)):
        # The rest of the body, should it ever come, is nobody's next request.
        return {"Connection": "close"}
    if error.retryable:
        return {"Retry-After": str(RETRY_AFTER_S)}
    if isinstance(error, MethodNotAllowed):
        return {"Allow": error.allow}
    if isinstance(error, errors.Unauthorized):
        return {"WWW-Authenticate": 'Bearer realm="zavora"'}
    return {}


def render(error: ZavoraError, *, request_id: str) -> tuple[int, Headers, bytes]:
    """Return status, headers and body that answer a failure over HTTP."""
    headers: Headers = [JSON_TYPE, NO_STORE]
    headers += [
        (name.lower().encode(), text.encode()) for name, text in extra_headers(error).items()
    ]
    body = encode({"error": envelope(error), "request_id": request_id})
    return status_of(error), headers, body


def known_error(exception: BaseException) -> ZavoraError:
    """Return the failure to show for any exception; what is unexpected is logged and hidden.

    It has no traceback: whoever keeps it in a frame that the traceback has would make a circle, and
    the request, with its connection, would stay until the garbage collector came by.
    """
    if isinstance(exception, ZavoraError):
        return exception.with_traceback(None)
    if isinstance(exception, (OperationalError, InterfaceError)):
        # The database is restarting or gone. Nothing was queued: reads and look-ups come first.
        log.warning("database_unavailable", error=type(exception).__name__)
        return errors.EngineUnavailable("The exchange's database is not reachable right now.")
    if isinstance(exception, Http404):
        return errors.NotFound("There is nothing at this address.")
    if isinstance(exception, RequestDataTooBig):
        return PayloadTooLarge("The body is too large.")
    if isinstance(exception, PermissionDenied):
        return errors.Forbidden("This is not allowed.")
    if isinstance(exception, (DjangoBadRequest, SuspiciousOperation)):
        return errors.BadRequest("The request could not be read.")
    if isinstance(exception, drf.APIException):
        return _known_drf_error(exception)
    log.error("request_failed", exc_info=exception)
    return errors.InternalError("Something went wrong on our side. It is on record.")


def _known_drf_error(exception: drf.APIException) -> ZavoraError:
    """Return our failure for one of REST framework's own."""
    if isinstance(exception, drf.MethodNotAllowed):
        return errors.BadRequest(str(exception.detail))  # the handler below adds what is allowed
    if isinstance(exception, drf.UnsupportedMediaType):
        return UnsupportedMediaType("Send the body as application/json.")
    if isinstance(exception, drf.NotAcceptable):
        return errors.BadRequest("Answers are application/json; the Accept header excludes it.")
    for drf_class, own_class in _DRF_ERRORS.items():
        if isinstance(exception, drf_class):
            details = {"fields": exception.detail} if drf_class is drf.ValidationError else {}
            message = "The request is not valid." if details else str(exception.detail)
            return own_class(message, **details)
    return errors.InternalError("Something went wrong on our side. It is on record.")


def _may_have_committed(exception: Exception, method: str | None) -> bool:
    """Tell whether a write may have taken effect although it failed: its COMMIT may be in doubt."""
    is_write = method not in ("GET", "HEAD", "OPTIONS")
    return is_write and isinstance(exception, (OperationalError, InterfaceError))


def drf_exception_handler(exception: Exception, context: dict[str, Any]) -> Response:
    """Answer a view's failure with the envelope (REST framework's EXCEPTION_HANDLER)."""
    view = context["view"]
    request_id = getattr(context["request"], "request_id", "")
    if isinstance(exception, drf.MethodNotAllowed):
        error: ZavoraError = MethodNotAllowed(", ".join(view.allowed_methods))
    elif _may_have_committed(exception, context["request"].method):
        error = errors.OutcomeUnknown(
            "The exchange's database went away; look the outcome up, or repeat with the same key."
        )
    else:
        error = known_error(exception)
    _note(context["request"], error, request_id)
    body = {"error": envelope(error), "request_id": request_id}
    response = Response(body, status=status_of(error), headers=extra_headers(error))
    response.exception = True
    return response


# --- Django's own handlers --------------------------------------------------------------------


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _note(request: Any, error: ZavoraError, request_id: str) -> None:
    note_refused(
        error.code,
        address=request.META.get("REMOTE_ADDR", ""),
        method=request.method,
        path=request.path,
        request_id=request_id,
    )


def answer_error(request: HttpRequest, error: ZavoraError) -> HttpResponse:
    """Answer with the envelope under /api, with a page elsewhere."""
    status = status_of(error)
    request_id = getattr(request, "request_id", None) or request_id_of(None)
    _note(request, error, request_id)
    if not _is_api(request):
        response = error_page(request, error, status=status, request_id=request_id)
    else:
        _status, _headers, body = render(error, request_id=request_id)
        response = HttpResponse(body, status=status, content_type="application/json")
    for name, text in extra_headers(error).items():
        response[name] = text
    response[REQUEST_ID_HEADER] = request_id
    return response


def bad_request_view(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django could not read (handler400)."""
    return answer_error(request, known_error(exception))


def permission_denied_view(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what is not allowed (handler403)."""
    return answer_error(request, known_error(exception))


@csrf_exempt
def not_found_view(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer a path that leads nowhere (handler404)."""
    return answer_error(request, errors.NotFound("There is nothing at this address."))


def server_error_view(request: HttpRequest) -> HttpResponse:
    """Answer a failure of our own (handler500); Django has logged it."""
    failure = sys.exception()
    if isinstance(failure, (OperationalError, InterfaceError)):
        return lost_database_view(request, failure)
    return answer_error(request, errors.InternalError("Something went wrong on our side."))


def lost_database_view(request: HttpRequest, failure: Exception) -> HttpResponse:
    """Answer a request during which the database went away."""
    if _may_have_committed(failure, request.method):
        return answer_error(
            request,
            errors.OutcomeUnknown("The exchange's database went away while this was being done."),
        )
    return answer_error(request, known_error(failure))


def csrf_failure_view(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a request that fails the cross-site check (CSRF_FAILURE_VIEW)."""
    return answer_error(
        request, errors.Forbidden("The cross-site request check failed.", reason=reason)
    )
