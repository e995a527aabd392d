"""What only a connection can be asked: life signs, and what ends with it."""

from datetime import datetime

from msgspec import Struct

from zavora.core.calls import Call
from zavora.core.routes import route


class Pong(Struct, frozen=True):
    """A sign of life."""

    pong: datetime


class DisconnectSwitch(Struct, frozen=True):
    """Whether all orders are cancelled when the connection ends."""

    enabled: bool


class DeadMansSwitch(Struct, frozen=True):
    """When all orders will have been cancelled, unless it is put off."""

    timeout_ms: int
    cancel_at: datetime | None = None


class ConnectionRoutes:
    """Requests that the WebSocket alone takes."""

    @route
    def ping(self) -> Call[Pong]:
        """Ask for a sign of life."""
        return Call("GET", "ping", Pong, socket="ping")

    @route
    def cancel_on_disconnect(self, *, enabled: bool = True) -> Call[DisconnectSwitch]:
        """Have all open orders cancelled when the connection ends; set again on each new one."""
        body = {"enabled": enabled}
        return Call(
            "POST",
            "cancelOnDisconnect",
            DisconnectSwitch,
            body=body,
            is_repeatable=True,
            socket="cancelOnDisconnect",
        )

    @route
    def cancel_all_after(self, timeout_ms: int) -> Call[DeadMansSwitch]:
        """Have all open orders cancelled after a time, unless this is called again; 0 ends it."""
        body = {"timeout_ms": timeout_ms}
        return Call(
            "POST",
            "cancelAllAfter",
            DeadMansSwitch,
            body=body,
            is_repeatable=True,
            socket="cancelAllAfter",
        )
