"""A web process that is to end leaves no request without an answer."""

import contextlib
import http.client
import signal
from collections.abc import Iterator

import pytest

from tests.exchange import HOST, Exchange

DRAIN_S = 2


@pytest.fixture
def web(request: pytest.FixtureRequest) -> Iterator[Exchange]:
    settings = {"ZAVORA_DRAIN_S": str(request.param)}
    with Exchange(demo=True, extra_env=settings) as exchange:
        yield exchange


def ask(connection: http.client.HTTPConnection) -> tuple[int, str | None]:
    """Return an answer's status, and what it says of the connection."""
    connection.request("GET", "/api/v1/markets")
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.getheader("connection")


@pytest.mark.parametrize("web", [DRAIN_S], indirect=True)
def test_a_kept_connection_is_answered_once_more_and_told_that_it_ends(web: Exchange) -> None:
    with contextlib.ExitStack() as stack:
        kept, idle, new = (
            stack.enter_context(contextlib.closing(http.client.HTTPConnection(HOST, web.port)))
            for _ in range(3)
        )
        assert ask(kept) == ask(idle) == (200, None)
        web.send("web", signal.SIGTERM)
        # Until the process has looked whether it is to end, answers say nothing of it.
        while (said := ask(kept))[1] is None:
            assert said[0] == 200
        with pytest.raises(ConnectionRefusedError):
            ask(new)
        assert said == ask(idle) == (200, "close")
        web.wait_for_exit("web", timeout_s=DRAIN_S + 10)


@pytest.mark.parametrize("web", [0], indirect=True)
def test_without_a_time_for_it_a_kept_connection_ends_under_a_request(web: Exchange) -> None:
    """The control: so a balancer would meet it."""
    with contextlib.closing(http.client.HTTPConnection(HOST, web.port)) as kept:
        assert ask(kept) == (200, None)
        web.send("web", signal.SIGTERM)
        web.wait_for_exit("web")
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            ask(kept)
