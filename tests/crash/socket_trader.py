"""A client that trades over the WebSocket and notes the fills and preventions pushed to it."""

import asyncio
import itertools
import json
import ssl
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.crash.acts import Act
from tests.crash.load import ANSWER_WAIT_S, Shared, Trader
from tests.crash.notes import TradeTold
from tests.crash.together import Answer
from tests.crash.wholes import PreventedTold

CONNECT_WAIT_S: Final = 3.0
SET_UP: Final = ("authenticate", "subscribe", "cancelOnDisconnect")


class SocketTrader(Trader):
    """Trades over one connection, made anew when it breaks."""

    has_keys = False
    is_socket = True

    def __init__(
        self,
        shared: Shared,
        account: str,
        seed: int,
        *,
        url: str,
        token: str,
        tls: ssl.SSLContext | None = None,
        cancels_on_disconnect: bool,
    ) -> None:
        super().__init__(shared, account, seed)
        # Whether each of its connections has everything cancelled at its end.
        self.cancels_on_disconnect = cancels_on_disconnect
        self._url = url
        self._tls = tls
        self._token = token
        self._connection: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = itertools.count(1)

    async def send_place(self, body: dict[str, Any], request_id: str) -> Answer:
        """Send placeOrder."""
        return await self._send("placeOrder", body)

    async def send_cancel(self, order_id: str, key: str, request_id: str) -> Answer:
        """Send cancelOrder, which takes no key."""
        return await self._send("cancelOrder", {"order_id": order_id})

    async def send_amend(
        self, order_id: str, body: dict[str, Any], key: str, request_id: str
    ) -> Answer:
        """Send amendOrder, which takes no key."""
        return await self._send("amendOrder", {"order_id": order_id, **body})

    async def send_act(self, act: Act, request_id: str) -> Answer:
        """Send it by its method."""
        return await self._send(act.call, act.params or act.body or {})

    async def run(self) -> None:
        """Trade; close the connection at the end."""
        try:
            await super().run()
        finally:
            await self._disconnect()

    async def _send(self, method: str, params: dict[str, Any]) -> Answer:
        try:
            async with asyncio.timeout(ANSWER_WAIT_S):
                connection = await self._connected()
                reply = await self._call(connection, method, params)
        except (OSError, EOFError, TimeoutError, WebSocketException, ConnectionError):
            await self._disconnect()
            return Answer(None)
        if "error" in reply:
            error = reply["error"]
            return Answer(int(error["code"]), None, error["data"]["code"])
        return Answer(200, reply["result"])

    async def _connected(self) -> ClientConnection:
        if self._connection is None:
            connection = await connect(
                self._url, ssl=self._tls, open_timeout=CONNECT_WAIT_S, close_timeout=1
            )
            self._connection = connection
            self._reader = asyncio.create_task(self._read(connection))
            await self._call(connection, "authenticate", {"token": self._token})
            for channel in ("fills", "orders"):
                await self._call(connection, "subscribe", {"channel": channel})
            if self.cancels_on_disconnect:
                await self._call(connection, "cancelOnDisconnect", {"enabled": True})
        return self._connection

    async def _call(
        self, connection: ClientConnection, method: str, params: dict[str, Any]
    ) -> dict[str, Any]:
        name = str(next(self._numbers))
        reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[name] = reply
        try:
            await connection.send(json.dumps({"id": name, "method": method, "params": params}))
            answer = await reply
        finally:
            self._waiting.pop(name, None)
        if "error" in answer and method in SET_UP:
            raise ConnectionError(str(answer["error"]))
        return answer

    async def _read(self, connection: ClientConnection) -> None:
        error: BaseException = EOFError("the connection ended")
        try:
            async for text in connection:
                message = json.loads(text)
                if "id" not in message:
                    self._pushed(message)
                elif (future := self._waiting.get(message["id"])) and not future.done():
                    future.set_result(message)
        except WebSocketException as broken:
            error = broken
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(error)

    def _pushed(self, message: dict[str, Any]) -> None:
        params = message["params"]
        if message["method"] == "fills":
            fill = params["data"]
            self.shared.notes.trades.append(TradeTold.of(fill, int(fill["order_id"])))
        elif message["method"] == "orders" and "prevention" in params:
            told = PreventedTold.of(params["prevention"], int(params["data"]["id"]))
            self.shared.notes.prevented.append(told)

    async def _disconnect(self) -> None:
        reader, self._reader = self._reader, None
        connection, self._connection = self._connection, None
        if reader is not None:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
        if connection is not None:
            await connection.close()
