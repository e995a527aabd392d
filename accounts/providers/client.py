"""Asking a provider to pay: one signed request over HTTP, and what is known after it.

The address is the settings' alone, and no answer leads elsewhere: nothing that a customer typed is
any part of it. Whatever is no answer of the provider's is not known: the payout is asked for again
under the same key.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from accounts.providers.config import Provider
from accounts.providers.messages import (
    BODY_BYTES_MAX,
    PayoutRequest,
    read_answer,
    shortened,
)
from accounts.providers.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign

# The whole of a request, from the first look at the address to the last byte of the answer.
REQUEST_S_MAX: Final = 10.0
IDEMPOTENCY_HEADER: Final = "Idempotency-Key"
PATH: Final = "/withdrawals"
# With these the provider itself answers, in JSON; a refusal may come with either.
ANSWER_STATUSES: Final = (200, 201, 202, 422)

# accepted, paid, failed: as the provider says. refused: it does not take it, now or later.
# unsent: it cannot have it. unknown: it may have it.
Known = Literal["accepted", "paid", "failed", "refused", "unsent", "unknown"]


class Sent(msgspec.Struct, frozen=True):
    """What is known of a payout after it was sent; ``note`` is for operators."""

    known: Known
    note: str = ""
    provider_reference: str = ""


Send = Callable[[PayoutRequest], Sent]


def sender(provider: Provider, *, request_s_max: float = REQUEST_S_MAX) -> Send:
    """Return what sends payouts to a provider, each in at most so many seconds."""

    def send(request: PayoutRequest) -> Sent:
        return _send(provider, request, request_s_max)

    return send


def _send(provider: Provider, request: PayoutRequest, request_s_max: float) -> Sent:
    parts = urlsplit(provider.url)
    connection = _connection(parts.scheme, parts.hostname or "", parts.port, request_s_max)
    # A timeout of the socket is for each step: a server that drips would keep us for ever.
    timer = threading.Timer(request_s_max, _cut, [connection])
    timer.daemon = True
    timer.start()
    try:
        try:
            connection.connect()
        except (OSError, ValueError, http.client.HTTPException) as error:
            return Sent("unsent", _words(error))
        try:
            _write(connection, provider, f"{parts.path.rstrip('/')}{PATH}", request)
            answer = connection.getresponse()
            return _read(answer.status, answer.read(BODY_BYTES_MAX + 1), request)
        except (OSError, ValueError, http.client.HTTPException) as error:
            return Sent("unknown", _words(error))
    finally:
        timer.cancel()
        connection.close()


def _connection(
    scheme: str, host: str, port: int | None, timeout_s: float
) -> http.client.HTTPConnection:
    if scheme == "http":  # the settings let it through in development alone
        return http.client.HTTPConnection(host, port, timeout=timeout_s)
    context = ssl.create_default_context()
    return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)


def _cut(connection: http.client.HTTPConnection) -> None:
    """End whatever a connection waits for."""
    if connection.sock is not None:
        try:
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has ended by itself


def _write(
    connection: http.client.HTTPConnection, provider: Provider, path: str, request: PayoutRequest
) -> None:
    body = msgspec.json.encode(request)
    # Signed last of all: a process that is stopped after it is refused once it goes on.
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "Connection": "close",
        IDEMPOTENCY_HEADER: request.reference,
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: sign(provider.secret, timestamp, body),
    }
    connection.request("POST", path, body=body, headers=headers)


def _read(status: int, body: bytes, request: PayoutRequest) -> Sent:
    is_answer = status in ANSWER_STATUSES and len(body) <= BODY_BYTES_MAX
    answer = read_answer(body) if is_answer else None
    # Whatever stands between us and the provider may refuse as well: it does not name the payout.
    if answer is None or answer.reference != request.reference:
        return Sent("unknown", f"status {status}, and no answer about this payout")
    return Sent(answer.status, answer.reason, answer.provider_reference)


def _words(error: Exception) -> str:
    return shortened(f"{type(error).__name__}: {error}")
