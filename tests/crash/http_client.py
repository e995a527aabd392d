"""A small HTTP/1.1 client for load: one connection, one request at a time, failures kept apart."""

import asyncio
import json
import ssl
from typing import Any
from urllib.parse import urlsplit


class Unanswered(Exception):
    """No whole answer came: the request may or may not have been read."""


class HttpClient:
    """Sends requests over one connection, made anew after a failure."""

    def __init__(self, base_url: str, token: str, *, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(base_url)
        self._address = (parts.hostname, parts.port)
        self._tls = tls
        self._head = f"Host: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        timeout_s: float,
    ) -> tuple[int, dict[str, Any]]:
        """Return status and JSON body. Raises Unanswered; the connection is then closed."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._exchange(method, path, body, headers or {})
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.close()
            raise Unanswered(repr(error)) from error
        except asyncio.CancelledError:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _exchange(
        self, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        if self._streams is not None and self._streams[0].at_eof():
            self.close()  # closed while nothing was under way: nothing is in doubt
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address, ssl=self._tls)
        reader, writer = self._streams
        content = b"" if body is None else json.dumps(body).encode()
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = (
            f"{method} {path} HTTP/1.1\r\n{self._head}{lines}"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        writer.write(head.encode() + content)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(answer[0].split(" ")[1])
        fields = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in answer[1:])
        }
        if "content-length" in fields:
            text = await reader.readexactly(int(fields["content-length"]))
        else:
            text = await _chunked(reader)
        if fields.get("connection", "").lower() == "close":
            self.close()
        return status, _parsed(status, text)


def _parsed(status: int, text: bytes) -> dict[str, Any]:
    """Return an answer's body; a balancer's own page is an error without a code."""
    try:
        parsed: dict[str, Any] = json.loads(text)
    except ValueError:
        if status < 500:
            raise
        return {"error": {"code": ""}}
    return parsed


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readexactly(2)
    return b"".join(parts)
