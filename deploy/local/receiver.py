"""``python -m deploy.local.receiver``: keep each alert that is sent, for tests and for people.

It stands for whoever is called at night. A file is kept below a bound: the older half goes.
"""

import argparse
import json
import os
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Final

BODY_BYTES_MAX: Final = 1 << 20
FILE_BYTES_MAX: Final = 8 << 20
REQUEST_WAIT_S: Final = 5.0


class Receiver(HTTPServer):
    """Takes Alertmanager's webhooks, one at a time."""

    def __init__(self, address: tuple[str, int], file: Path) -> None:
        super().__init__(address, Handler)
        self.file = file

    def keep(self, body: bytes) -> None:
        """Write a line for each alert of a webhook: when it came, its status, labels, words."""
        received = time.time()
        lines = "".join(
            json.dumps(
                {
                    "received": received,
                    "status": alert["status"],
                    "labels": alert.get("labels", {}),
                    "annotations": alert.get("annotations", {}),
                    "starts_at": alert.get("startsAt"),
                    "ends_at": alert.get("endsAt"),
                }
            )
            + "\n"
            for alert in json.loads(body)["alerts"]
        )
        with self.file.open("a") as file:
            file.write(lines)
        if self.file.stat().st_size > FILE_BYTES_MAX:
            kept = self.file.read_text().splitlines(keepends=True)
            fresh = self.file.with_suffix(".new")
            fresh.write_text("".join(kept[len(kept) // 2 :]))
            fresh.replace(self.file)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Receiver
    timeout = REQUEST_WAIT_S

    def do_POST(self) -> None:
        """Keep the alerts, and say so only then: else Alertmanager sends them again."""
        try:
            length = int(self.headers["Content-Length"])
            if not 0 < length <= BODY_BYTES_MAX:
                raise ValueError(f"a body of {length} bytes")
            self.server.keep(self.rfile.read(length))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            self.send_error(400, explain=str(error))
            return
        self.send_response(200)
        self.end_headers()

    def do_GET(self) -> None:
        """Say that it is there."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing of requests: the file does."""


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.receiver", description=__doc__)
    parser.add_argument("--bind", required=True, metavar="ADDRESS:PORT")
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    os.umask(0o077)
    address, _, port = arguments.bind.rpartition(":")
    Receiver((address, int(port)), arguments.file).serve_forever()


if __name__ == "__main__":
    main()
