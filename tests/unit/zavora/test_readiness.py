"""When an exchange counts as started: every part answers, whatever is set aside in a market."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.stub_server import StubHandler, serving
from zavora.runner.run import is_up


@contextmanager
def _answering(status: int, body: Any) -> Iterator[int]:
    class Handler(StubHandler):
        def respond(self) -> None:
            self.answer(status, json.dumps(body).encode())

    with serving(Handler) as port:
        yield port


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"status": "healthy"}, True),
        (200, {"status": "degraded", "markets": {"set_aside": [{"market": "A/B"}]}}, True),
        (200, {"status": "healthy", "web": {"web-1": "up", "web-2": "up"}}, True),
        (200, {"status": "degraded", "web": {"web-1": "up", "web-2": "down"}}, False),
        (503, {"status": "degraded"}, False),
        (200, {}, False),
    ],
)
def test_a_market_that_is_set_aside_holds_no_start_up(
    status: int, body: Any, expected: bool
) -> None:
    with _answering(status, body) as port:
        assert is_up("127.0.0.1", port) is expected


def test_where_a_restored_record_is_held_the_pages_alone_are_enough() -> None:
    with _answering(503, {"status": "degraded"}) as port:
        assert is_up("127.0.0.1", port, is_held=True)
    with _answering(500, {}) as port:
        assert not is_up("127.0.0.1", port, is_held=True)
