"""A server as Sentry's is, to which failures are reported: keeps what it is sent, or hangs."""

import contextlib
import gzip
import json
import threading
from collections.abc import Iterator
from typing import Any

import brotli

from tests.exchange import wait_until
from tests.stub_server import StubHandler, serving
from zavora.runner.exchange import HOST


class Reports:
    """What arrived: whole requests as text, and the events in them."""

    def __init__(self) -> None:
        self.text = ""
        self.events: list[dict[str, Any]] = []
        self.hangs = threading.Event()
        self.asked = threading.Event()
        self.released = threading.Event()
        self.dsn = ""

    def wait_for(self, message: str, **tags: str) -> dict[str, Any]:
        """Return the first event of that name and with those tags, once it has come."""

        def found() -> dict[str, Any] | None:
            for event in list(self.events):
                if event["message"] == message and tags.items() <= event["tags"].items():
                    return event
            return None

        told = f"{message} {tags}"
        event: dict[str, Any] = wait_until(found, timeout_s=20, what=f"a report of {told}")
        return event

    def take(self, head: str, body: bytes, encoding: str | None) -> None:
        """Keep an envelope: lines of JSON, of which each second describes the next."""
        unpack = {"gzip": gzip.decompress, "br": brotli.decompress}.get(encoding or "", bytes)
        content = unpack(body)
        self.text += head + content.decode()
        self.events += [
            line for each in content.splitlines() if "message" in (line := json.loads(each))
        ]


@contextlib.contextmanager
def reporting() -> Iterator[Reports]:
    """Give such a server on a port of its own."""
    reports = Reports()

    class Handler(StubHandler):
        def respond(self) -> None:
            body = self.body()
            reports.asked.set()
            if reports.hangs.is_set():
                reports.released.wait(60)
                return
            reports.take(f"{self.path}\n{self.headers}", body, self.headers.get("Content-Encoding"))
            self.answer(200, b"{}")

    with serving(Handler) as port:
        reports.dsn = f"http://public@{HOST}:{port}/1"
        try:
            yield reports
        finally:
            reports.released.set()
