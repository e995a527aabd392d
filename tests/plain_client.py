"""A client for walks of thousands of requests: httpx would take longer than the exchange does."""

import http.client
import json
from collections.abc import Mapping
from typing import Any

from tests.exchange import Exchange
from zavora.runner.exchange import HOST

TIMEOUT_S = 30.0


class Answer:
    """An answer, read by the names that httpx's has."""

    def __init__(self, asked: str, answer: http.client.HTTPResponse) -> None:
        self.asked = asked
        self.status_code = answer.status
        self.headers = {name.lower(): value for name, value in answer.getheaders()}
        self.content = answer.read()

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode()

    def json(self) -> Any:
        """Return what the body says."""
        return json.loads(self.content)


class PlainClient:
    """One connection, one request at a time. What is asked for must be encoded already."""

    def __init__(self, exchange: Exchange, headers: Mapping[str, str]) -> None:
        self._connection = http.client.HTTPConnection(HOST, exchange.port, timeout=TIMEOUT_S)
        self._headers = dict(headers)

    def request(self, method: str, target: str, content: bytes = b"", **headers: str) -> Answer:
        """Return the answer; ``content_type="..."`` and the like are headers."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, target, content or None, self._headers | more)
        return Answer(f"{method} {target[:200]}", self._connection.getresponse())

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
