"""Somebody else's HTTP server for a test: on loopback, at a port of its own, in threads."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from zavora.runner.exchange import HOST

POLL_S = 0.05


class StubHandler(BaseHTTPRequestHandler):
    """Answers requests by ``respond``; says nothing of them."""

    def respond(self) -> None:
        """Answer one."""
        raise NotImplementedError

    def do_GET(self) -> None:
        """Answer one that asks."""
        self.respond()

    def do_POST(self) -> None:
        """Answer one that sends."""
        self.respond()

    def body(self) -> bytes:
        """Return what was sent."""
        return self.rfile.read(int(self.headers["Content-Length"]))

    def answer(self, status: int, body: bytes = b"") -> None:
        """Answer with a body."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Sink(StubHandler):
    """Throws away what it is sent, and counts how often that was."""

    protocol_version = "HTTP/1.1"
    taken = 0

    def respond(self) -> None:
        """Take it."""
        self.body()
        Sink.taken += 1
        self.answer(200)


@contextlib.contextmanager
def serving(handler: type[StubHandler]) -> Iterator[int]:
    """Serve while it is entered; give the port."""
    with ThreadingHTTPServer((HOST, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(POLL_S,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
