"""What needs neither a market nor a key: whether the exchange answers, and its clock."""

from typing import Final

from api.binance.rest.routes import CompatRequest, Route, Routes
from zavora.foundation.times import now_ms

_EMPTY: Final = b"{}"


def ping(_request: CompatRequest) -> bytes:
    """Answer."""
    return _EMPTY


def get_time(_request: CompatRequest) -> bytes:
    """Return the exchange's clock."""
    return b'{"serverTime":%d}' % now_ms()


ROUTES: Final[Routes] = {
    ("GET", "/api/v3/ping"): Route(ping, 1, needs_feed=False),
    ("GET", "/api/v3/time"): Route(get_time, 1, needs_feed=False),
}
