"""An object in a process of its own, called by messages: load generators must not share a thread.

    with Remote(StreamLoad, redis_url, spec) as load:
        load.call("prepare", 10_000)
        result = load.call("saturate", 10.0)

The process ends with ``close`` or, its pipe then being closed, with whoever started it.
"""

import multiprocessing
import traceback
from multiprocessing.connection import Connection
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")
_END_WAIT_S = 5.0


class RemoteFailed(Exception):
    """A call raised in the other process; the message is its traceback."""


class Remote(Generic[T]):
    """A proxy of ``maker(*arguments)``, which is made and lives in another process."""

    def __init__(self, maker: type[T], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, maker, arguments), daemon=True)
        self._process.start()
        theirs.close()
        self._receive()

    def __enter__(self) -> Self:
        """Return the proxy."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method and wait for its result. Raises RemoteFailed."""
        self.start(method, *arguments)
        return self.result()

    def start(self, method: str, *arguments: Any) -> None:
        """Call a method; ``result`` waits for what it returns."""
        self._pipe.send((method, arguments))

    def result(self) -> Any:
        """Return the result of the method last started. Raises RemoteFailed."""
        return self._receive()

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(_END_WAIT_S)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()

    def _receive(self) -> Any:
        try:
            is_ok, value = self._pipe.recv()
        except EOFError:
            raise RemoteFailed("the process ended") from None
        if not is_ok:
            raise RemoteFailed(value)
        return value


def _serve(pipe: Connection, maker: type[Any], arguments: tuple[Any, ...]) -> None:
    try:
        target = maker(*arguments)
        pipe.send((True, None))
    except Exception:
        pipe.send((False, traceback.format_exc()))
        return
    while True:
        try:
            method, given = pipe.recv()
        except EOFError:
            return
        try:
            answer = (True, getattr(target, method)(*given))
        except Exception:
            answer = (False, traceback.format_exc())
        pipe.send(answer)
