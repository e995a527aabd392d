"""Run the worker's own pipeline on commands at hand, with an injected clock, while no worker lives.

For setting an exchange up (its first markets) and for simulated history: ids, journal, trades and
ledger come out exactly as from live commands of that time.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Final

from matching import wire
from matching.commands.base import WireCommand
from matching.gateway.reply_codes import error_of
from matching.worker.entries import Entry
from matching.worker.owned import OwnedShard, new_owner, try_take
from matching.worker.session import Session
from matching.worker.stream import News
from zavora.foundation.errors import EngineUnavailable, InvariantBroken

_HERE: Final = "here"


class OfflineShard:
    """A shard owned for a while, without a queue. Use as a context manager.

    Raises EngineUnavailable where a live worker owns the shard.
    """

    def __init__(self, shard_id: int) -> None:
        self._session = Session(shard_id, new_owner(), lambda: False)
        self._time_us = 0
        self._shard: OwnedShard | None = None
        self._replies: dict[int, wire.Reply] = {}

    def __enter__(self) -> "OfflineShard":
        self._shard = try_take(
            self._session, publish=self._keep_replies, clock_us=lambda: self._time_us
        )
        if self._shard is None:
            self._session.close()
            raise EngineUnavailable(
                f"shard {self._session.shard_id} has a live worker; send commands through it"
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._owned().close(gives_up=True)

    def apply(self, commands: Sequence[WireCommand], *, time_us: int) -> list[wire.Reply]:
        """Settle commands as one batch at ``time_us`` (microseconds since 1970).

        What is due by then comes before them.
        """
        self._time_us = time_us
        self._replies = {}
        shard = self._owned()
        shard.pipeline.fire_due()
        stream_id = shard.memory.position.last_stream_id
        entries = [
            Entry(stream_id, wire.encode(command), "", _HERE, index, command)
            for index, command in enumerate(commands)
        ]
        if entries:
            shard.batches.settle(entries)
        return [self._replies[index] for index in range(len(entries))]

    def apply_or_raise(self, command: WireCommand, *, time_us: int) -> wire.Reply:
        """Settle one command; raise the error that its refusal means."""
        (reply,) = self.apply([command], time_us=time_us)
        if reply.code:
            raise error_of(reply)
        return reply

    def state_hash(self) -> str:
        """Return the hash of the engine in memory."""
        return self._owned().memory.state_hash()

    def _owned(self) -> OwnedShard:
        if self._shard is None:
            raise InvariantBroken("the shard was not entered")
        return self._shard

    def _keep_replies(self, news: News) -> None:
        for index, encoded in news.replies.get(_HERE, []):
            self._replies[index] = wire.decode_reply(encoded)
