"""A small client of the public API, as anybody could write it: HTTP with a bearer token, and /ws.

It repeats what may be repeated: a request that was not queued, or whose outcome is unknown, with
the same idempotency key, so that it takes effect once.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import uuid4

import httpx
import structlog
import websockets

# Too many requests; nothing was queued; the outcome is unknown.
REPEATED_STATUSES: Final = frozenset({429, 503, 504})
PAUSE_FIRST_S: Final = 0.5
PAUSE_MAX_S: Final = 10.0
REQUEST_TIMEOUT_S: Final = 15.0

log = structlog.get_logger(__name__)


class Refused(Exception):
    """The exchange said no; ``code`` is the envelope's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Client:
    """One user's way to the exchange. Close it with ``close``."""

    def __init__(self, base_url: str, token: str) -> None:
        self._token = token
        self._ws_url = "ws" + base_url.removeprefix("http") + "/ws"
        self._http = httpx.AsyncClient(
            base_url=f"{base_url}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=REQUEST_TIMEOUT_S,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def get(self, path: str, **params: str) -> Any:
        """Return the ``data`` of a GET. Raises Refused."""
        return await self._request("GET", path, params=params)

    async def post(self, path: str, body: Any) -> Any:
        """Return the ``data`` of a POST, sent until it has an outcome. Raises Refused."""
        return await self._request("POST", path, json=body)

    async def patch(self, path: str, body: Any) -> Any:
        """Return the ``data`` of a PATCH, sent until it has an outcome. Raises Refused."""
        return await self._request("PATCH", path, json=body)

    async def _request(self, method: str, path: str, **options: Any) -> Any:
        key = {"Idempotency-Key": str(uuid4())} if method != "GET" else {}
        pause_s = PAUSE_FIRST_S
        while True:
            try:
                response = await self._http.request(method, path, headers=key, **options)
            except httpx.TransportError as error:
                log.info("exchange_unreachable", path=path, error=repr(error))
            else:
                if response.status_code not in REPEATED_STATUSES:
                    return _data(response)
                pause_s = max(pause_s, _retry_after_s(response))
            # The pace of repeating is the point of this pause.
            await asyncio.sleep(pause_s)
            pause_s = min(PAUSE_MAX_S, pause_s * 2)

    async def listen(self, *channels: str) -> AsyncIterator[tuple[str, Any]]:
        """Yield what private channels push, for ever: (channel, data); reconnects by itself.

        ("connected", None) comes first and after every reconnect: something may have been missed.
        """
        pause_s = PAUSE_FIRST_S
        while True:
            try:
                async with websockets.connect(self._ws_url) as socket:
                    await _call(socket, "authenticate", {"token": self._token})
                    for channel in channels:
                        await _call(socket, "subscribe", {"channel": channel})
                    pause_s = PAUSE_FIRST_S
                    yield "connected", None
                    async for text in socket:
                        message = json.loads(text)
                        if message.get("method") in channels:
                            yield message["method"], message["params"]["data"]
            except (OSError, websockets.WebSocketException, Refused, ValueError) as error:
                log.info("socket_lost", error=repr(error))
            await asyncio.sleep(pause_s)
            pause_s = min(PAUSE_MAX_S, pause_s * 2)


async def _call(socket: websockets.ClientConnection, method: str, params: Any) -> Any:
    """Send a request and return its result; pushes that come before it are dropped."""
    name = str(uuid4())
    await socket.send(json.dumps({"id": name, "method": method, "params": params}))
    async with asyncio.timeout(REQUEST_TIMEOUT_S):
        while True:
            message = json.loads(await socket.recv())
            if message.get("id") == name:
                if "error" in message:
                    raise Refused(str(message["error"].get("code")), str(message["error"]))
                return message["result"]


def _data(response: httpx.Response) -> Any:
    try:
        body = response.json()
    except ValueError:
        raise Refused("unreadable", f"status {response.status_code}") from None
    if response.status_code != 200:
        error = body.get("error", {})
        raise Refused(str(error.get("code", response.status_code)), str(error.get("message")))
    return body["data"]


def _retry_after_s(response: httpx.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return min(PAUSE_MAX_S, float(text)) if text.isdigit() else 0.0
