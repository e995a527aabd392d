"""Every REST route of this API: each part brings its own."""

from typing import Final

from api.binance import account, listen_keys, system, trading
from api.binance.routes import Routes

ROUTES: Final[Routes] = {
    **system.ROUTES,
    **trading.ROUTES,
    **account.ROUTES,
    **listen_keys.ROUTES,
}
