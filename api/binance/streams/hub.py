"""The streams that somebody follows, one of each in the process: started first, stopped last."""

from api.binance.streams.events import Event
from api.binance.streams.market_streams import make_stream
from api.binance.streams.names import StreamName
from api.binance.streams.stream import Follower, Stream
from api.process import WebProcess


class Hub:
    """The streams by name. All methods run in the feed's event loop."""

    def __init__(self, process: WebProcess) -> None:
        self._feed = process.feed
        self._streams: dict[str, Stream] = {}

    def follow(self, name: StreamName, follower: Follower) -> Event | None:
        """Let ``follower`` have the events of a stream from now on; return what it begins with.

        Raises CompatError where there is no such market.
        """
        stream = self._streams.get(name.text)
        if stream is None:
            stream = make_stream(name, self._feed)
            stream.start()
            self._streams[name.text] = stream
        stream.followers[follower] = None
        return stream.opening()

    def unfollow(self, text: str, follower: Follower) -> None:
        """End it; what is not followed is left alone."""
        stream = self._streams.get(text)
        if stream is None:
            return
        stream.followers.pop(follower, None)
        if not stream.followers:
            del self._streams[text]
            stream.stop()

    def __len__(self) -> int:
        return len(self._streams)

    async def close(self) -> None:
        """Stop all streams."""
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.stop()
