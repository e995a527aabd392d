"""What every stream has: a name, followers, and one event for all of them."""

from typing import Any, Protocol

from api.binance.streams.events import Event
from api.binance.streams.names import StreamName
from marketdata.feed.feed import Feed


class Follower(Protocol):
    """The receiving end. Neither method may block or raise."""

    def deliver(self, event: Event) -> None:
        """Take one event."""

    def lose(self) -> None:
        """Learn that a chain cannot go on: the client has to begin anew."""


class Stream:
    """What is the same for all streams: followers, and telling all of them one event."""

    def __init__(self, name: StreamName, feed: Feed) -> None:
        self.name = name
        self.feed = feed
        self.followers: dict[Follower, None] = {}

    def start(self) -> None:
        """Begin to listen: somebody follows. Raises CompatError where there is no such market."""
        raise NotImplementedError

    def stop(self) -> None:
        """Listen no more: nobody follows."""
        raise NotImplementedError

    def opening(self) -> Event | None:
        """Return what a new follower is given at once, if anything."""
        return None

    def tell(self, shape: Any) -> None:
        """Give all followers an event."""
        self.deliver(Event(self.name.text, shape))

    def deliver(self, event: Event) -> None:
        """Give all followers an event that is made already."""
        for follower in list(self.followers):
            follower.deliver(event)
