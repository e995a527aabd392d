"""The one mapping of failures: complete, stable, and silent about what nobody should know."""

import gc
import json
import weakref
from types import SimpleNamespace

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions as drf

from api.binance.words.errors import overloaded
from api.binance.words.failures import known_compat_error
from api.transport import errors as api_errors
from api.transport.errors import HTTP_STATUS, drf_exception_handler, known_error, render, status_of
from zavora.foundation import errors
from zavora.foundation.errors import ZavoraError

STATUSES = {
    "bad_request": 400,
    "invalid_order": 400,
    "insufficient_balance": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "account_frozen": 403,
    "not_found": 404,
    "order_not_found": 404,
    "market_not_found": 404,
    "account_not_found": 404,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "conflict": 409,
    "order_not_open": 409,
    "market_halted": 409,
    "payload_too_large": 413,
    "unsupported_media_type": 415,
    "validation_error": 422,
    "rate_limit_exceeded": 429,
    "internal_error": 500,
    "overloaded": 503,
    "engine_unavailable": 503,
    "outcome_unknown": 504,
}


def family(cls=ZavoraError):
    return [one for child in cls.__subclasses__() for one in (child, *family(child))]


def test_every_failure_is_mapped_by_itself():
    assert {
        cls
        for cls in family()
        if cls.__module__ in ("zavora.foundation.errors", "api.transport.errors")
    } == set(HTTP_STATUS)


class Connection:
    """What a request holds while it is answered."""


@pytest.mark.parametrize(
    ("known", "failure"), [(known_error, errors.Overloaded("")), (known_compat_error, overloaded())]
)
def test_a_refused_request_ends_without_the_garbage_collector(known, failure):
    """A server may hold the connection for as long as the request's frame is there."""

    def answer(connection):
        try:
            raise failure
        except Exception as error:
            told = known(error)
        return told.code

    connection = Connection()
    held = weakref.ref(connection)
    gc.disable()
    try:
        answer(connection)
        del connection
        assert held() is None
    finally:
        gc.enable()


def test_codes_are_unique_and_keep_their_statuses():
    assert {cls.code: status for cls, status in HTTP_STATUS.items()} == STATUSES


def test_the_envelope_has_code_message_details_and_request_id():
    error = errors.InsufficientBalance("not enough", asset="BTC")
    status, headers, body = render(error, request_id="r")

    assert status == 400
    assert (b"content-type", b"application/json") in headers
    assert json.loads(body) == {
        "error": {
            "code": "insufficient_balance",
            "message": "not enough",
            "details": {"asset": "BTC"},
        },
        "request_id": "r",
    }


@pytest.mark.parametrize(
    ("error", "name", "value"),
    [
        (errors.Overloaded("x"), b"retry-after", b"1"),
        (errors.EngineUnavailable("x"), b"retry-after", b"1"),
        (errors.RateLimited("x", retry_after=17, limit=5), b"retry-after", b"17"),
        (api_errors.MethodNotAllowed("GET, HEAD"), b"allow", b"GET, HEAD"),
        (errors.Unauthorized("x"), b"www-authenticate", b'Bearer realm="zavora"'),
    ],
)
def test_some_failures_bring_headers(error, name, value):
    _, headers, _ = render(error, request_id="r")

    assert dict(headers)[name] == value


@pytest.mark.parametrize(
    ("method", "code"), [("GET", "engine_unavailable"), ("POST", "outcome_unknown")]
)
def test_a_database_lost_during_a_write_is_no_promise_that_nothing_happened(method, code):
    request = SimpleNamespace(request_id="r", method=method, path="/api/v1/x", META={})
    context = {"view": SimpleNamespace(), "request": request}

    response = drf_exception_handler(OperationalError("gone"), context)

    assert response.data["error"]["code"] == code


def test_an_unknown_outcome_does_not_invite_a_repeat():
    _, headers, _ = render(errors.OutcomeUnknown("x"), request_id="r")

    assert b"retry-after" not in dict(headers)


@pytest.mark.parametrize(
    "exception",
    [
        ValueError("/secret/path"),
        IntegrityError("SELECT secret"),
        errors.InvariantBroken("secret"),
        KeyError("secret"),
    ],
)
def test_the_unexpected_is_hidden(exception):
    error = known_error(exception)
    status, _, body = render(error, request_id="r")

    assert status == 500
    assert b"secret" not in body


@pytest.mark.parametrize(
    ("exception", "status"),
    [
        (OperationalError("secret"), 503),
        (InterfaceError("secret"), 503),
        (Http404("secret"), 404),
        (PermissionDenied("secret"), 403),
        (RequestDataTooBig("secret"), 413),
        (SuspiciousOperation("secret"), 400),
        (drf.ParseError(), 400),
        (drf.NotAuthenticated(), 401),
        (drf.AuthenticationFailed(), 401),
        (drf.PermissionDenied(), 403),
        (drf.NotFound(), 404),
        (drf.UnsupportedMediaType("text/plain"), 415),
        (drf.ValidationError({"a": ["b"]}), 422),
    ],
)
def test_what_frameworks_raise_has_its_place(exception, status):
    error = known_error(exception)

    assert status_of(error) == status
    assert b"secret" not in render(error, request_id="r")[2]
