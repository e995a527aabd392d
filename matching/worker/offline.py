"""Run the worker's own pipeline on commands at hand, with an injected clock, while no worker lives.

For setting an exchange up (its first markets) and for simulated history: ids, journal, trades and
ledger come out exactly as from live commands of that time.
"""

from collections.abc import Iterable, Sequence
from types import TracebackType

from matching import wire
from matching.commands.base import WireCommand
from matching.gateway.reply_codes import error_of
from matching.worker.entries import Entry
from matching.worker.loop import MatchingWorker
from matching.worker.stream import News
from zavora.foundation.errors import EngineUnavailable


class OfflineShard:
    """A shard owned for a while, without a queue. Use as a context manager.

    Raises EngineUnavailable where a live worker owns the shard.
    """

    def __init__(self, shard_id: int) -> None:
        self._time_us = 0
        self._worker = _QuietWorker(shard_id, clock_us=lambda: self._time_us)

    def __enter__(self) -> "OfflineShard":
        if not self._worker.take_over():
            self._worker.leave()
            raise EngineUnavailable(
                f"shard {self._worker.shard_id} has a live worker; send commands through it"
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._worker.leave()

    def apply(self, commands: Sequence[WireCommand], *, time_us: int) -> list[wire.Reply]:
        """Settle commands as one batch at ``time_us`` (microseconds since 1970)."""
        self._time_us = time_us
        return self._worker.settle_now(commands)

    def apply_or_raise(self, command: WireCommand, *, time_us: int) -> wire.Reply:
        """Settle one command; raise the error that its refusal means."""
        (reply,) = self.apply([command], time_us=time_us)
        if reply.code:
            raise error_of(reply)
        return reply

    def state_hash(self) -> str:
        """Return the hash of the engine in memory."""
        return self._worker.state_hash()


class _QuietWorker(MatchingWorker):
    """A worker that has no stream: it keeps replies for its caller and publishes nothing."""

    def settle_now(self, commands: Iterable[WireCommand]) -> list[wire.Reply]:
        self._replies: dict[int, wire.Reply] = {}
        stream_id = self._owned_position().last_stream_id
        entries = [
            Entry(stream_id, wire.encode(command), "", "here", index, command)
            for index, command in enumerate(commands)
        ]
        if entries:
            self.process_commands(entries)
        return [self._replies[index] for index in range(len(entries))]

    def leave(self) -> None:
        self.stop()
        self._leave()

    def _tell(self, news: News) -> None:
        for index, encoded in news.replies.get("here", []):
            self._replies[index] = wire.decode_reply(encoded)
