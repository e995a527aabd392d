"""A write whose database went away may have committed: it is never told as "nothing happened"."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError

from api.transport.errors import drf_exception_handler


@pytest.mark.parametrize(
    ("method", "status", "code"),
    [
        ("GET", 503, "engine_unavailable"),
        ("POST", 504, "outcome_unknown"),
        ("DELETE", 504, "outcome_unknown"),
    ],
)
def test_only_a_read_may_be_repeated_after_the_database_went_away(
    method: str, status: int, code: str
) -> None:
    context: dict[str, Any] = {
        "view": SimpleNamespace(allowed_methods=[method]),
        "request": SimpleNamespace(method=method, request_id="r", path="/api/v1/x", META={}),
    }
    response = drf_exception_handler(OperationalError("server closed the connection"), context)
    assert (response.status_code, response.data["error"]["code"]) == (status, code)
