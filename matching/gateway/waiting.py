"""A command on its way: what is queued of it, and who waits for its reply."""

import asyncio
from typing import Any

import msgspec

from matching import wire
from zavora.foundation import tracing


class Waiting(msgspec.Struct, eq=False):
    """A command on its way; ``span`` where its request is traced."""

    shard_id: int
    size: bytes
    body: bytes
    request_id: str
    correlation: int
    reply: "asyncio.Future[wire.Reply]"
    span: tracing.Span | None = None

    def arguments(self, process: str) -> tuple[Any, ...]:
        """Return it as the script that queues takes it (``script.SUBMIT_LUA``)."""
        parent = b"" if self.span is None else self.span.traceparent
        return (self.size, self.body, self.request_id, process, self.correlation, parent)

    def end(self) -> None:
        """End its span where it has one; a reply that nobody took is no success."""
        if self.span is None:
            return
        reply = self.reply
        is_answered = reply.done() and not reply.cancelled() and reply.exception() is None
        code = reply.result().code if is_answered else "unanswered"
        self.span.end(attributes={"zavora.shard": self.shard_id, "zavora.code": code})


def give_up(reply: "asyncio.Future[wire.Reply]") -> None:
    """End the wait for a reply, unless it is there."""
    if not reply.done():
        reply.set_exception(TimeoutError())


def refuse(batch: list[Waiting], error: Exception) -> None:
    """Let all who wait for these know that they were not queued."""
    for waiting in batch:
        if not waiting.reply.done():
            waiting.reply.set_exception(error)
