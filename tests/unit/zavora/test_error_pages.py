"""Pages that say what went wrong: in plain words, with ways on, and without the database."""

from typing import Any

import pytest
from django.db import OperationalError
from django.http import Http404
from django.test import RequestFactory, override_settings
from django.utils.functional import SimpleLazyObject

from api.transport.error_page import WORDS
from api.transport.errors import answer_error, csrf_failure_view, server_error_view
from zavora.foundation import errors
from zavora.foundation.errors import ZavoraError
from zavora.pages.middleware import PolicyMiddleware

FAILURES: dict[int, ZavoraError] = {
    400: errors.BadRequest("The request could not be read."),
    403: errors.Forbidden("This is not allowed."),
    404: errors.NotFound("There is nothing at this address."),
    429: errors.RateLimited("Too many requests.", retry_after=17, limit=5),
    500: errors.InternalError("Something went wrong on our side."),
    503: errors.EngineUnavailable("The exchange's database is not reachable right now."),
    504: errors.OutcomeUnknown("The exchange's database went away while this was being done."),
}


def asked(path: str = "/somewhere", method: str = "get", **more: Any) -> Any:
    """Return a request whose user is in a database that is not there."""
    request: Any = getattr(RequestFactory(), method)(path, **more)
    request.request_id = "the-request"
    request.user = SimpleLazyObject(_lost)
    return request


def _lost() -> Any:
    raise OperationalError("server closed the connection")


@pytest.mark.parametrize("status", FAILURES)
def test_each_failure_has_a_page_that_needs_no_database(status: int) -> None:
    answer = answer_error(asked(), FAILURES[status])
    text = answer.content.decode()

    assert answer.status_code == status
    assert WORDS[status].title in text
    assert "Request the-request" in text
    for address in ("/markets", "/help", "/status", "/account", "/account/security"):
        assert f'href="{address}"' in text, address
    assert "Log out" not in text


def test_a_page_says_when_to_try_again() -> None:
    answer = answer_error(asked(), FAILURES[429])
    assert answer["Retry-After"] == "17"
    assert "Try again in 17 s." in answer.content.decode()


def test_an_unknown_market_is_named_and_leads_to_all_markets() -> None:
    answer = answer_error(asked(), errors.MarketNotFound("There is no market NO/<SUCH>."))
    text = answer.content.decode()
    assert answer.status_code == 404
    assert "There is no market NO/&lt;SUCH&gt;." in text
    assert 'href="/markets">All markets' in text


def test_a_form_that_is_out_of_date_says_what_to_do() -> None:
    answer = csrf_failure_view(asked(method="post"), reason="CSRF cookie not set.")
    text = answer.content.decode()
    assert answer.status_code == 403
    assert "This form is out of date" in text
    assert "CSRF cookie" not in text


def test_programs_get_the_envelope() -> None:
    answer = answer_error(asked("/api/v1/nothing"), FAILURES[404])
    assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize(("method", "status"), [("get", 503), ("post", 504)])
def test_a_database_that_went_away_is_told_as_that(method: str, status: int) -> None:
    middleware = PolicyMiddleware(lambda _request: pytest.fail("a view has failed already"))
    answer = middleware.process_exception(asked(method=method), OperationalError("gone"))
    assert answer is not None
    assert answer.status_code == status
    try:
        raise OperationalError("gone")
    except OperationalError:
        assert server_error_view(asked(method=method)).status_code == status


def test_debug_shows_our_page_of_what_is_not_there() -> None:
    middleware = PolicyMiddleware(lambda _request: pytest.fail("a view has failed already"))
    assert middleware.process_exception(asked(), Http404()) is None  # handler404 does it
    with override_settings(DEBUG=True):
        answer = middleware.process_exception(asked(), Http404())
    assert answer is not None
    assert answer.status_code == 404
    assert WORDS[404].title in answer.content.decode()
