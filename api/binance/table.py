"""Every REST route of this API: each part brings its own."""

from typing import Final

from api.binance import account, exchange_info, listen_keys, market_data, system, trading
from api.binance.routes import Routes

ROUTES: Final[Routes] = {
    **system.ROUTES,
    **exchange_info.ROUTES,
    **market_data.ROUTES,
    **trading.ROUTES,
    **account.ROUTES,
    **listen_keys.ROUTES,
}
