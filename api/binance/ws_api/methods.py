"""The methods of the WebSocket API: most are calls of REST under another name."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog

from api.binance import limits
from api.binance.rest.params import Params
from api.binance.rest.routes import CompatRequest, Route, Security
from api.binance.rest.table import ROUTES
from api.binance.user_data import listen_keys
from api.binance.ws_api.session import Session
from api.process import web_process
from api.transport import traced
from zavora.foundation.logs import request_id_of

SUBSCRIBE_WEIGHT: Final = 2

# Method -> the call of REST that it stands for.
_OF_REST: Final = {
    "ping": ("GET", "/api/v3/ping"),
    "time": ("GET", "/api/v3/time"),
    "exchangeInfo": ("GET", "/api/v3/exchangeInfo"),
    "depth": ("GET", "/api/v3/depth"),
    "trades.recent": ("GET", "/api/v3/trades"),
    "trades.historical": ("GET", "/api/v3/historicalTrades"),
    "trades.aggregate": ("GET", "/api/v3/aggTrades"),
    "klines": ("GET", "/api/v3/klines"),
    "uiKlines": ("GET", "/api/v3/uiKlines"),
    "avgPrice": ("GET", "/api/v3/avgPrice"),
    "ticker.24hr": ("GET", "/api/v3/ticker/24hr"),
    "ticker.price": ("GET", "/api/v3/ticker/price"),
    "ticker.book": ("GET", "/api/v3/ticker/bookTicker"),
    "order.place": ("POST", "/api/v3/order"),
    "order.test": ("POST", "/api/v3/order/test"),
    "order.status": ("GET", "/api/v3/order"),
    "order.cancel": ("DELETE", "/api/v3/order"),
    "order.cancelReplace": ("POST", "/api/v3/order/cancelReplace"),
    "order.amend.keepPriority": ("PUT", "/api/v3/order/amend/keepPriority"),
    "order.amendments": ("GET", "/api/v3/order/amendments"),
    "openOrders.status": ("GET", "/api/v3/openOrders"),
    "openOrders.cancelAll": ("DELETE", "/api/v3/openOrders"),
    "orderList.place": ("POST", "/api/v3/order/oco"),
    "orderList.place.oco": ("POST", "/api/v3/orderList/oco"),
    "orderList.place.oto": ("POST", "/api/v3/orderList/oto"),
    "orderList.place.otoco": ("POST", "/api/v3/orderList/otoco"),
    "orderList.cancel": ("DELETE", "/api/v3/orderList"),
    "orderList.status": ("GET", "/api/v3/orderList"),
    "openOrderLists.status": ("GET", "/api/v3/openOrderList"),
    "allOrderLists": ("GET", "/api/v3/allOrderList"),
    "allOrders": ("GET", "/api/v3/allOrders"),
    "myTrades": ("GET", "/api/v3/myTrades"),
    "myPreventedMatches": ("GET", "/api/v3/myPreventedMatches"),
    "account.status": ("GET", "/api/v3/account"),
    "account.commission": ("GET", "/api/v3/account/commission"),
    "account.rateLimits.orders": ("GET", "/api/v3/rateLimit/order"),
    "userDataStream.start": ("POST", listen_keys.PATH),
    "userDataStream.ping": ("PUT", listen_keys.PATH),
    "userDataStream.stop": ("DELETE", listen_keys.PATH),
}
REST_METHODS: Final[dict[str, tuple[str, str, Route]]] = {
    name: (*place, ROUTES[place]) for name, place in _OF_REST.items()
}


async def call(session: Session, name: str, params: Params) -> tuple[Any, int | None]:
    """Do what REST does for a method.

    Return the result (perhaps as ready JSON), and the account whose order counts its answer shows.
    """
    http_method, path, route = REST_METHODS[name]
    request = CompatRequest(method=http_method, path=path, ip=session.ip, headers=[])
    request.params = params
    weight = route.weight
    request.weight = weight if isinstance(weight, int) else weight(params)
    await limits.take_weight(session.ip, request.weight)
    if route.security is Security.NONE:
        route.check_required(params)
        return await _handle(route, request), None
    request.request_id = request_id_of(None)
    structlog.contextvars.bind_contextvars(request_id=request.request_id)
    with traced.call(f"/ws-api/v3 {name}", request.request_id):
        return await _call_as_somebody(session, route, request)


async def _call_as_somebody(
    session: Session, route: Route, request: CompatRequest
) -> tuple[Any, int | None]:
    params = request.params
    request.api_key = session.api_key_of(params) or ""
    request.caller, request.account_pk, request.account_id = await session.identify(
        params, route.security, route.check_required
    )
    await limits.take_for_key(request.caller, session.ip, request.weight)
    account_pk = request.account_pk if route.security is Security.TRADE else None
    return await _handle(route, request), account_pk


async def _handle(route: Route, request: CompatRequest) -> Any:
    if route.needs_feed:
        await web_process().feed.ensure_started()
    result = route.handler(request)
    return await result if route.is_async else result


# --- the connection's own -------------------------------------------------------------------------


async def _log_on(session: Session, params: Params) -> Any:
    return await session.log_on(params)


async def _status(session: Session, _params: Params) -> Any:
    return await session.current_status()


async def _log_out(session: Session, _params: Params) -> Any:
    return session.log_out()


async def _subscribe(session: Session, params: Params) -> Any:
    return await session.subscribe(params, is_of_session=True)


async def _subscribe_signed(session: Session, params: Params) -> Any:
    return await session.subscribe(params, is_of_session=False)


async def _unsubscribe(session: Session, params: Params) -> Any:
    return session.unsubscribe(params.integer("subscriptionId"))


async def _subscriptions(session: Session, _params: Params) -> Any:
    return session.list_subscriptions()


Own = Callable[[Session, Params], Awaitable[Any]]
# Method -> handler and weight. The next message waits for these: they change what it may do.
OWN_METHODS: Final[dict[str, tuple[Own, int]]] = {
    "session.logon": (_log_on, SUBSCRIBE_WEIGHT),
    "session.status": (_status, SUBSCRIBE_WEIGHT),
    "session.logout": (_log_out, SUBSCRIBE_WEIGHT),
    "session.subscriptions": (_subscriptions, SUBSCRIBE_WEIGHT),
    "userDataStream.subscribe": (_subscribe, SUBSCRIBE_WEIGHT),
    "userDataStream.subscribe.signature": (_subscribe_signed, SUBSCRIBE_WEIGHT),
    "userDataStream.unsubscribe": (_unsubscribe, SUBSCRIBE_WEIGHT),
}
