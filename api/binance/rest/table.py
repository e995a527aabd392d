"""Every REST route of this API: each part brings its own."""

from typing import Final

from api.binance.rest import (
    account,
    amending,
    exchange_info,
    market_data,
    order_lists,
    prevented,
    replacing,
    sub_accounts,
    system,
    trading,
)
from api.binance.rest.routes import Routes
from api.binance.user_data import listen_keys

ROUTES: Final[Routes] = {
    **system.ROUTES,
    **exchange_info.ROUTES,
    **market_data.ROUTES,
    **trading.ROUTES,
    **order_lists.ROUTES,
    **replacing.ROUTES,
    **amending.ROUTES,
    **prevented.ROUTES,
    **account.ROUTES,
    **sub_accounts.ROUTES,
    **listen_keys.ROUTES,
}
