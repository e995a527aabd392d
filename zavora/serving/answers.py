"""What a server itself answers where no application is asked: v1's envelope over HTTP/1.1."""

import json
from http import HTTPStatus
from typing import Final

CODES: Final = {
    HTTPStatus.BAD_REQUEST: ("bad_request", "The request could not be read."),
    HTTPStatus.REQUEST_TIMEOUT: ("request_timeout", "The request was not sent in time."),
    HTTPStatus.TOO_MANY_REQUESTS: ("too_many_connections", "This address has too many."),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: (
        "header_too_large",
        "Request line and headers are too long, or the headers too many.",
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: ("overloaded", "Too many bodies are being sent."),
}


def _answer(status: HTTPStatus, code: str, message: str) -> bytes:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


ANSWERS: Final = {status: _answer(status, *words) for status, words in CODES.items()}
