"""Alerts that were told of, given to the people whose they are; in the subscription's loop."""

from typing import Any, Protocol

import structlog

from marketdata.wire import ALERTS_CHANNEL, AlertState, decode_alerts
from zavora.foundation.queue import Subscription

log = structlog.get_logger(__name__)


class AlertSink(Protocol):
    """The receiving end. Neither method may block or raise."""

    def push_alert(self, state: AlertState) -> None:
        """Take an alert that was told of; it may have come before."""

    def lost_alerts(self) -> None:
        """Learn that alerts may be missing: the client must read them anew."""


class AlertStreams:
    """Who follows whose alerts in this process."""

    def __init__(self, subscription: Subscription) -> None:
        """Make one that hears of alerts by ``subscription``, which is not started yet."""
        self._sinks: dict[int, dict[AlertSink, None]] = {}
        self._subscription = subscription
        subscription.on(ALERTS_CHANNEL, self._take)
        subscription.on_gap(self._connected)

    def follow(self, user_id: int, sink: AlertSink) -> None:
        """Let ``sink`` be told of a person's alerts from now on; twice is once."""
        self._sinks.setdefault(user_id, {})[sink] = None

    def unfollow(self, user_id: int, sink: AlertSink) -> None:
        """End it; what is not followed is left alone."""
        sinks = self._sinks.get(user_id, {})
        sinks.pop(sink, None)
        if not sinks:
            self._sinks.pop(user_id, None)

    def _take(self, body: bytes) -> None:
        for state in decode_alerts(body):
            for sink in list(self._sinks.get(state.user_id, ())):
                try:
                    sink.push_alert(state)
                except Exception:
                    log.exception("alert_not_taken", user_id=state.user_id)

    async def _connected(self, _client: Any) -> None:
        if self._subscription.connects > 1:
            # Messages carry no sequence: some may be gone.
            for sinks in list(self._sinks.values()):
                for sink in list(sinks):
                    sink.lost_alerts()
