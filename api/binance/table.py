"""Every REST route of this API: each part brings its own."""

from typing import Final

from api.binance import listen_keys, system
from api.binance.routes import Routes

ROUTES: Final[Routes] = {
    **system.ROUTES,
    **listen_keys.ROUTES,
}
