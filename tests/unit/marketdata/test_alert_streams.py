"""Who hears of which alert: their owner's connections, and all of a loss."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from marketdata.feed.alerts import AlertStreams
from marketdata.wire import ALERTS_CHANNEL, AlertState, encode


class Channels:
    """A subscription that the test speaks for."""

    def __init__(self) -> None:
        self.connects = 0
        self.takes: dict[str, Callable[[bytes], None]] = {}
        self.begins: list[Callable[[Any], Awaitable[None]]] = []

    def on(self, channel: str, take: Callable[[bytes], None]) -> None:
        self.takes[channel] = take

    def on_gap(self, begin: Callable[[Any], Awaitable[None]]) -> None:
        self.begins.append(begin)

    def connect(self) -> None:
        self.connects += 1
        for begin in self.begins:
            asyncio.run(begin(None))


class Sink:
    """One that keeps what it hears; a broken one cannot take anything."""

    def __init__(self, *, is_broken: bool = False) -> None:
        self.heard: list[int] = []
        self.lost = 0
        self._is_broken = is_broken

    def push_alert(self, state: AlertState) -> None:
        if self._is_broken:
            raise RuntimeError("full")
        self.heard.append(state.alert_id)

    def lost_alerts(self) -> None:
        self.lost += 1


def told(alert_id: int, user_id: int) -> AlertState:
    return AlertState(
        alert_id, user_id, "BTC/EUR", "rises_to", "1", "", False, True, False, "told", 1, "1", 1, 1
    )


def streams_of(channels: Any) -> AlertStreams:
    return AlertStreams(channels)


def test_each_hears_of_their_own_and_a_broken_one_is_in_nobodys_way() -> None:
    channels = Channels()
    streams = streams_of(channels)
    broken, ann, bob = Sink(is_broken=True), Sink(), Sink()
    for user_id, sink in ((1, broken), (1, ann), (1, ann), (2, bob)):
        streams.follow(user_id, sink)
    channels.takes[ALERTS_CHANNEL](encode([told(7, 1), told(8, 2), told(9, 3)]))
    assert (ann.heard, bob.heard) == ([7], [8])

    streams.unfollow(1, ann)
    streams.unfollow(3, ann)
    channels.takes[ALERTS_CHANNEL](encode([told(7, 1), told(8, 2)]))
    assert (ann.heard, bob.heard) == ([7], [8, 8])


def test_after_an_interruption_who_follows_alerts_is_told_of_a_loss() -> None:
    channels = Channels()
    streams = streams_of(channels)
    ann = Sink()
    streams.follow(1, ann)
    channels.connect()
    assert ann.lost == 0
    channels.connect()
    assert ann.lost == 1
